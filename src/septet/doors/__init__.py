"""The doors: the ways in, each written once for all systems. They read the registry and import no system."""

"""Sends traces and metrics to a collector. Imported only where that is switched on."""

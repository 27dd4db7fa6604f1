"""A whole Septet inside a test, as `septet.testing` gives it to everybody who writes a system."""

from septet.testing import Clock, client_of, running_septet

__all__ = ["Clock", "client_of", "running_septet"]

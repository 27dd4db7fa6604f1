"""Septet: seven backend systems in one package, reachable by every door."""

__version__ = "0.1.0"

"""Async tests without a plugin."""

from septet.testing.entering import Entering, run_test

__all__ = ["Entering", "run_test"]

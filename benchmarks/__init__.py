"""Measurements of Septet beside its rivals. `python -m benchmarks --quick` to look; docs/decisions/0009 tells how."""

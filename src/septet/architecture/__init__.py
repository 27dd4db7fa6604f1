"""The rules of the house, for every system alike: those built in, and those of others. `septet check` holds to them."""

from septet.architecture.check import Finding, faults_of, findings_of

__all__ = ["Finding", "faults_of", "findings_of"]

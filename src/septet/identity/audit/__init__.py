"""The audit log: who did what, from where, to what, and how it came out; chained, and sealed for each person."""

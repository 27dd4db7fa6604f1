"""API keys: what a person's scripts and agents ask with, in their name and with no more than they allow."""

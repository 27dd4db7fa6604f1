"""Where an account was signed in to before, and what is done for a place that is new."""

"""The pages a person sees: forms that work without scripts, in their own language."""

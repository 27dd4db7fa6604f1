"""Second factors, passkeys, and the challenges that both answer."""

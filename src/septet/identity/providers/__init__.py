"""Signing in with others: an issuer of OpenID Connect that the operator trusts to say who somebody is."""

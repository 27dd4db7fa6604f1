"""Organisations: members with roles, roles of their own, and invitations."""

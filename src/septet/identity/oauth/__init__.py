"""The OAuth 2.1 and OpenID Connect provider: other applications sign people in here, and call in their name."""

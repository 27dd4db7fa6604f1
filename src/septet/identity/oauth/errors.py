"""What an OAuth endpoint answers when it refuses: a shape of its own (RFC 6749 section 5.2), not problem+json."""

from __future__ import annotations

from enum import StrEnum


class OAuthCode(StrEnum):
    """The errors that the endpoints know."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_SCOPE = "invalid_scope"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    SERVER_ERROR = "server_error"


class OAuthError(Exception):
    """`description` is for the developer of the client, in printable ASCII; it holds nothing that was sent."""

    def __init__(self, code: OAuthCode, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.code, self.description, self.status = code, description, status


def invalid_client() -> OAuthError:
    """The same whatever is wrong with a client's credentials, known or unknown (RFC 6749 section 5.2)."""
    return OAuthError(OAuthCode.INVALID_CLIENT, "The client is not known by these credentials.", 401)

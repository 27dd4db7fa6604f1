"""What an OAuth endpoint answers when it refuses: a shape of its own (RFC 6749 section 5.2), not problem+json."""

from __future__ import annotations

from enum import StrEnum


class OAuthCode(StrEnum):
    """The errors that the endpoints know."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    INVALID_SCOPE = "invalid_scope"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    UNSUPPORTED_RESPONSE_TYPE = "unsupported_response_type"
    ACCESS_DENIED = "access_denied"
    AUTHORIZATION_PENDING = "authorization_pending"  # this and the next two: RFC 8628 section 3.5
    SLOW_DOWN = "slow_down"
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - a word, no token
    LOGIN_REQUIRED = "login_required"  # from here on: OpenID Connect Core section 3.1.2.6
    CONSENT_REQUIRED = "consent_required"
    REQUEST_NOT_SUPPORTED = "request_not_supported"
    REQUEST_URI_NOT_SUPPORTED = "request_uri_not_supported"
    REGISTRATION_NOT_SUPPORTED = "registration_not_supported"
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


def invalid_grant() -> OAuthError:
    """The same whatever is wrong with a code or a token: used, expired, another client's, never given."""
    return OAuthError(OAuthCode.INVALID_GRANT, "The code or token is used up, expired or not this client's.")

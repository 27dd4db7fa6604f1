"""What the audit log tells of."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    REGISTER = "register"
    SIGN_IN = "sign_in"
    SESSIONS_END = "sessions_end"
    TOKEN_THEFT = "token_theft"  # noqa: S105 - a word, no token
    PASSWORD_CHANGE = "password_change"  # noqa: S105
    PASSWORD_RESET = "password_reset"  # noqa: S105
    EMAIL_CHANGE = "email_change"
    PROVE_ANEW = "prove_anew"
    TOTP_ADD = "totp_add"
    TOTP_REMOVE = "totp_remove"
    RECOVERY_CODES_RENEW = "recovery_codes_renew"
    RECOVERY_CODE_USE = "recovery_code_use"
    PASSKEY_ADD = "passkey_add"
    PASSKEY_REMOVE = "passkey_remove"
    PASSKEY_COPIED = "passkey_copied"
    ROLE_CHANGE = "role_change"
    ROLE_DELETE = "role_delete"
    ROLE_GRANT = "role_grant"
    ROLE_REVOKE = "role_revoke"
    API_KEY_ADD = "api_key_add"
    API_KEY_REMOVE = "api_key_remove"
    PROVIDER_LINK = "provider_link"
    PROVIDER_UNLINK = "provider_unlink"
    CLIENT_CREATE = "client_create"
    CLIENT_CHANGE = "client_change"
    CLIENT_DELETE = "client_delete"
    CONSENT_GIVE = "consent_give"
    CONSENT_TAKE_BACK = "consent_take_back"
    CODE_REPLAY = "code_replay"
    ACCOUNT_SUSPEND = "account_suspend"
    SUSPENSION_LIFT = "suspension_lift"
    ORGANISATION_CREATE = "organisation_create"
    ORGANISATION_DELETE = "organisation_delete"
    MEMBER_CHANGE = "member_change"
    MEMBER_REMOVE = "member_remove"
    INVITE = "invite"
    INVITATION_ACCEPT = "invitation_accept"
    ACCOUNT_DELETE = "account_delete"


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"

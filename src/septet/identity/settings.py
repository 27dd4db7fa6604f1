"""The settings of identity. Light to import: the command line reads them without loading the system."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct


class EmailVerification(StrEnum):
    """Whether an account is made only once its owner proved to read its e-mail address."""

    REQUIRED = "required"
    OFF = "off"


class IdentitySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How accounts, sessions, codes and passwords behave."""

    email_verification: Annotated[
        EmailVerification,
        Meta(
            description="required: an account begins once its address is proven; off: for trials, it tells who is in."
        ),
    ] = EmailVerification.REQUIRED
    access_minutes: Annotated[int, Meta(ge=1, le=60, description="Minutes that an access token holds.")] = 10
    refresh_idle_days: Annotated[int, Meta(ge=1, le=400, description="Days without a refresh that end a session.")] = 30
    refresh_absolute_days: Annotated[int, Meta(ge=1, le=4000, description="Days after which any session ends.")] = 180
    refresh_grace_seconds: Annotated[
        int, Meta(ge=0, le=60, description="Seconds in which a refresh whose reply was lost may be repeated.")
    ] = 10
    sessions_most: Annotated[
        int,
        Meta(
            ge=1, le=10_000, description="Newest sessions of one account; a login ends older ones, unused for an hour."
        ),
    ] = 100
    code_minutes: Annotated[int, Meta(ge=1, le=1440, description="Minutes that a code or link in a mail holds.")] = 30
    code_tries: Annotated[int, Meta(ge=1, le=10, description="Wrong codes after which the right one is refused.")] = 5
    code_mails: Annotated[
        int, Meta(ge=1, le=1000, description="Mails with codes to one address in an hour; those beyond are not sent.")
    ] = 10
    sign_in_codes: Annotated[bool, Meta(description="Whether a code in a mail signs in without a password.")] = True
    provider_issuer: Annotated[
        str, Meta(description="Issuer of OpenID Connect that people may sign in with, https://…; empty for none.")
    ] = ""
    provider_client_id: Annotated[str, Meta(description="What the issuer knows this server by.")] = ""
    provider_client_secret: Annotated[str, Meta(description="The secret that goes with it; kept as a secret.")] = ""
    provider_name: Annotated[str, Meta(description="What the sign-in page calls it; by default the issuer's host.")] = (
        ""
    )
    mail_templates: Annotated[
        str, Meta(description="Folder with templates of mails that take the place of ours, by the same file names.")
    ] = ""
    passkey_domain: Annotated[
        str, Meta(description="Domain that passkeys belong to; by default that of the base URL. Never change it later.")
    ] = ""
    passkey_origins: Annotated[
        tuple[str, ...], Meta(description="Origins beside the server's own whose pages or apps may use passkeys.")
    ] = ()
    password_min: Annotated[int, Meta(ge=8, le=64, description="Characters that a new password has at least.")] = 15
    password_min_second_factor: Annotated[
        int, Meta(ge=8, le=64, description="Characters that are enough for who has a second factor.")
    ] = 8
    argon2_memory: Annotated[int, Meta(ge=64, le=4_194_304, description="KiB that hashing a password uses.")] = 19_456
    argon2_time: Annotated[int, Meta(ge=1, le=100, description="Passes that hashing a password makes.")] = 2
    argon2_lanes: Annotated[int, Meta(ge=1, le=64, description="Lanes of Argon2, its parallelism.")] = 1
    hash_threads: Annotated[
        int, Meta(ge=0, le=64, description="Passwords hashed at once; 0 means one less than there are processors.")
    ] = 0
    hash_queue: Annotated[
        int, Meta(ge=0, le=10_000, description="Passwords that may wait to be hashed; beyond them callers get 503.")
    ] = 64
    audit_days: Annotated[int, Meta(ge=1, le=4000, description="Days that entries of the audit log are kept.")] = 365

"""The card of identity."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import structlog

from septet.core.runtime import Runtime
from septet.core.system import Scope, System, Watch
from septet.identity import (
    accounts,
    administrators,
    email_changes,
    explanations,
    me,
    password_resets,
    passwords,
    queries,
    refreshing,
    registrations,
    role_administration,
    sessions,
    sign_in_codes,
    signing_in,
    suspensions,
    tables,
    tasks,
)
from septet.identity.actors import find_actor
from septet.identity.api_keys import own
from septet.identity.api_keys import queries as api_key_queries
from septet.identity.audit import chain
from septet.identity.audit import queries as audit_queries
from septet.identity.audit import reading as audit_reading
from septet.identity.audit import verification as audit_verification
from septet.identity.audit.sealing import SEALED_KEYS, make_nobodys_key
from septet.identity.authentication import authenticate
from septet.identity.devices import queries as device_memory
from septet.identity.factors import (
    passkey_queries,
    passkey_sign_in,
    passkeys,
    recovery_codes,
    second_factor,
    step_up,
    totp,
)
from septet.identity.factors import queries as factor_queries
from septet.identity.factors.totp import SEALED_SEEDS
from septet.identity.http import routes
from septet.identity.mails import check_templates
from septet.identity.oauth import clients, consents, device_queries
from septet.identity.oauth import queries as oauth_queries
from septet.identity.organisations import invitations, members, organisations
from septet.identity.organisations import queries as organisation_queries
from septet.identity.organisations import roles as organisation_roles
from septet.identity.persons import erase_person, export_person
from septet.identity.problems import ProviderRefused
from septet.identity.providers import own as own_provider_accounts
from septet.identity.providers import queries as provider_queries
from septet.identity.revocations import LOOK_SECONDS, look
from septet.identity.settings import EmailVerification, IdentitySettings

log = structlog.get_logger()


async def prepare(runtime: Runtime) -> None:
    """Make what must be there, look at the operator's templates, and say it loudly where strangers could learn much.

    Raises WrongSettingError for a template that does not fit.
    """
    await make_nobodys_key(runtime.context())
    check_templates(runtime)
    settings = runtime.settings_of(IdentitySettings)
    if settings.email_verification is EmailVerification.OFF and not _is_loopback(runtime.floor.host):
        log.warning(
            "e-mail addresses are not verified: anybody who reaches this server can register any address, and learn "
            "which have accounts; set SEPTET_IDENTITY_EMAIL_VERIFICATION=required",
            host=runtime.floor.host,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


IDENTITY = System(
    name="identity",
    summary="Who is asking, and what they may do.",
    modules=(
        refreshing,
        registrations,
        sessions,
        signing_in,
        sign_in_codes,
        second_factor,
        step_up,
        totp,
        passkeys,
        passkey_sign_in,
        recovery_codes,
        password_resets,
        me,
        passwords,
        email_changes,
        accounts,
        suspensions,
        role_administration,
        explanations,
        organisations,
        members,
        organisation_roles,
        invitations,
        audit_reading,
        audit_verification,
        administrators,
        own,
        own_provider_accounts,
        clients,
        consents,
        tasks,
    ),
    queries=(
        queries,
        factor_queries,
        passkey_queries,
        oauth_queries,
        device_queries,
        api_key_queries,
        provider_queries,
        audit_queries,
        organisation_queries,
        device_memory,
    ),
    tables=tables.metadata,
    migrations=Path(__file__).parent / "migrations",
    routes=routes,
    pages=Path(__file__).parent / "pages",
    templates=Path(__file__).parent / "templates" / "web",
    settings=IdentitySettings,
    scopes={
        "identity:read": Scope("Read your account and sessions."),
        "identity:write": Scope("Change and delete your account, end your sessions."),
        "identity:admin": Scope("Read all accounts, and say who administers.", members=False),
        "identity:introspect": Scope("Ask what a token of anybody's is worth.", members=False),
    },
    problems=(ProviderRefused,),
    watches=(Watch(LOOK_SECONDS, look), Watch(chain.LOOK_SECONDS, chain.look)),
    prepare=prepare,
    greeting=administrators.greet,
    authenticate=authenticate,
    find_actor=find_actor,
    sealed=(SEALED_SEEDS, SEALED_KEYS, chain.SEALED_STATE),
    export_person=export_person,
    erase_person=erase_person,
)

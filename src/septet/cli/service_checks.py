"""What `septet doctor` looks at beyond the machine: the systems, their database, its clock, and mail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timezone

from msgspec import Struct

from septet.app import database_url
from septet.cli.checks import Check, fail, is_loopback, ok, warn
from septet.core.errors import Unavailable
from septet.core.registry import Registry
from septet.core.system import System
from septet.engines.database import sqlite_path
from septet.engines.database.migrations import status
from septet.engines.database.moved import why_not_use
from septet.engines.database.revisions import MigrationError, Standing
from septet.engines.mail import open_mail
from septet.identity.settings import EmailVerification, IdentitySettings
from septet.settings import Settings, WrongSettingError
from septet.systems import installed_systems

_PATIENCE = 10.0  # seconds for a service to answer
_SKEW, _LARGE_SKEW = 1.0, 30.0  # seconds that two clocks may differ


async def check_services(settings: Settings, of_systems: Mapping[type[Struct], Struct]) -> list[Check]:
    try:
        systems = Registry(installed_systems(settings)).systems
    except (WrongSettingError, ImportError, TypeError, AttributeError) as error:
        return [fail(f"the systems do not fit together: {error}", "correct SEPTET_SYSTEMS, or the system's card")]
    found = [ok(f"systems: {', '.join(system.name for system in systems if system.name != 'core')}")]
    found += check_verification(settings, of_systems)
    found += [check async for check in _check_database(settings, systems)]
    found.append(await check_mail(settings))
    found += await check_valkey(settings)
    return found


def check_verification(settings: Settings, of_systems: Mapping[type[Struct], Struct]) -> list[Check]:
    identity = of_systems.get(IdentitySettings)
    if isinstance(identity, IdentitySettings) and identity.email_verification is EmailVerification.OFF:
        what = "e-mail addresses are not verified: anybody can register any, and learn which have accounts"
        if is_loopback(settings.host) and not settings.public_url:
            return [ok("e-mail addresses are not verified, which is fine for trials")]
        return [warn(what, "SEPTET_IDENTITY_EMAIL_VERIFICATION=required")]
    return []


async def _check_database(settings: Settings, systems: Sequence[System]) -> AsyncIterator[Check]:
    url = database_url(settings)
    try:
        if settings.database_kind == "sqlite" and not sqlite_path(url, settings).exists():
            yield ok("the database will be made at first start")
            return
        if settings.database_kind == "sqlite" and (reason := why_not_use(sqlite_path(url, settings))):
            yield fail(reason, "set SEPTET_DATABASE_URL to where it was moved")
            return
        async with asyncio.timeout(_PATIENCE):
            yield check_standings(settings, await status(url, systems))
            if settings.database_kind == "postgresql":
                yield check_clock(await _seconds_ahead(url))
    except TimeoutError:
        yield fail(f"the database did not answer in {_PATIENCE:.0f} seconds", "see that it runs and can be reached")
    except (MigrationError, OSError) as error:
        yield fail(str(error), "see SEPTET_DATABASE_URL, and that the database runs and can be reached")


def check_standings(settings: Settings, standings: Sequence[Standing]) -> Check:
    behind = ", ".join(found.system for found in standings if found.missing)
    newer = ", ".join(found.system for found in standings if found.is_newer)
    if behind and settings.database_kind == "sqlite":
        return ok(f"the database answers; the next start backs it up and migrates it ({behind})")
    if behind:
        return warn(f"the database is behind this release ({behind})", "run: septet migrate up")
    if newer:
        return warn(f"the database is newer than this release ({newer})", "fine for a way back; else install the newer")
    return ok(f"the {settings.database_kind} database answers and is up to date")


def check_clock(ahead: float) -> Check:
    what = f"the database's clock is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} ours"
    if abs(ahead) > _LARGE_SKEW:
        return fail(what, "set both clocks by NTP: tokens would expire early, or late")
    if abs(ahead) > _SKEW:
        return warn(what, "set both clocks by NTP")
    return ok("the database's clock agrees with ours")


async def check_mail(settings: Settings) -> Check:
    if not settings.mail_url:
        return ok("mail stays in the local mailbox, shown by `septet mail`")
    try:
        await open_mail(settings).check()
    except Unavailable as error:
        return fail(error.detail, "see SEPTET_MAIL_URL, and that its server can be reached from here")
    return ok("the mail server takes mail from us")


async def check_valkey(settings: Settings) -> list[Check]:
    if not settings.valkey_url:
        return []
    from septet.engines.valkey import Valkey

    try:
        valkey = Valkey(settings.valkey_url)
    except WrongSettingError as error:
        return [fail(str(error), "see SEPTET_VALKEY_URL")]
    try:
        return [ok(f"{await valkey.version()} answers")]
    except Unavailable as error:
        return [warn(f"{error.detail} {error.__cause__}", "see SEPTET_VALKEY_URL; without it nothing is cached")]
    finally:
        await valkey.close()


async def _seconds_ahead(url: str) -> float:
    """How far PostgreSQL's clock is ahead of ours, give or take the way there."""
    import asyncpg

    connection = await asyncpg.connect(url, statement_cache_size=0)
    try:
        before = datetime.now(timezone.utc)
        theirs: datetime = await connection.fetchval("select clock_timestamp()")
        after = datetime.now(timezone.utc)
    finally:
        await connection.close()
    return (theirs - (before + (after - before) / 2)).total_seconds()

"""What `serve` says once it answers: where to look, what to know, and what to be wary of."""

from __future__ import annotations

import structlog

from septet import __version__
from septet.app import Septet, database_url
from septet.cli.checks import SQLITE_WAL_BUG
from septet.cli.masking import without_password
from septet.cli.notifying import notify_ready
from septet.engines.mail import MAILBOX
from septet.settings import Settings

log = structlog.get_logger()


async def greet(septet: Septet) -> None:
    """Print it for people, log it for programs, tell it systemd."""
    notify_ready()
    settings = septet.runtime.floor
    facts = _facts(septet)
    from_systems = [
        line
        for system in septet.runtime.registry.systems
        if system.greeting is not None
        for line in await system.greeting(septet.runtime)
    ]
    if settings.for_people:
        width = max(map(len, facts)) + 2
        lines = [f"Septet {__version__} answers at {settings.base_url}"]
        lines += [f"  {name:<{width}}{value}" for name, value in facts.items()]
        print("\n".join([*lines, *from_systems, ""]), flush=True)
    else:
        log.info("septet answers", version=__version__, address=settings.base_url, **facts)
        for line in from_systems:
            log.info(line.strip())
    for caution in cautions(settings, sqlite_version()):
        log.warning(caution)


def _facts(septet: Septet) -> dict[str, str]:
    settings = septet.runtime.floor
    systems = [system.name for system in septet.runtime.registry.systems if system.name != "core"]
    return {
        "documentation": f"{settings.base_url}/docs",
        "listens": f"{settings.host} port {settings.port}",
        "workers": str(settings.workers),
        "systems": ", ".join(systems),
        "data": str(settings.data_dir.resolve()),
        "database": without_password(database_url(settings)),
        "mail": mail_goes_to(settings),
    }


def mail_goes_to(settings: Settings) -> str:
    if settings.mail_url:
        return without_password(settings.mail_url)
    return f"{settings.data_dir.resolve() / MAILBOX}, shown by `septet mail`"


def sqlite_version() -> tuple[int, ...]:
    import sqlite3

    return sqlite3.sqlite_version_info


def cautions(settings: Settings, sqlite: tuple[int, ...]) -> list[str]:
    """What is set in a way that one would not want in production."""
    found = []
    if not settings.limits:
        found.append("rate limits are off (SEPTET_LIMITS): passwords can be guessed at full speed")
    several = settings.workers > 1 and settings.database_kind == "sqlite"
    if several and SQLITE_WAL_BUG[0] <= sqlite <= SQLITE_WAL_BUG[1]:
        version = ".".join(map(str, sqlite))
        found.append(
            f"SQLite {version} has a bug that can corrupt a file which several processes write; Septet's workers take "
            "turns and keep clear of it, but let no other program write the file"
        )
    return found

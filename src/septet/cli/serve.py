"""`septet serve`: answer requests, and run tasks beside them, in one process or several."""

from __future__ import annotations

import gc
import importlib
import resource
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from msgspec import Struct

from septet.cli.common import load_settings, plain_errors
from septet.cli.listener import open_listeners
from septet.settings import Settings, WrongSettingError

if TYPE_CHECKING:
    from septet.cli.answering import Plan

_OPEN_FILES = 65_536  # a connection is one; some systems allow 256 unless asked


@click.command()
def serve() -> None:
    """Answer requests, and run tasks beside them, until SIGTERM or Ctrl-C; then let those that run end."""
    with plain_errors():
        settings, of_systems = load_settings()
        listeners = open_listeners(settings.host, settings.port, settings.workers)
        # Only now what takes its time to load: a wrong setting or a port that is taken is said at once.
        plan = plan_for(settings, of_systems, listeners[0])
        if settings.workers > 1:
            raise SystemExit(_serve_in_many(plan, listeners))
        _serve_in_one(plan, listeners[0])


def plan_for(settings: Settings, of_systems: Mapping[type[Struct], Struct], listener: socket.socket) -> Plan:
    """What is to answer on `listener`; the folder, the logs and the process are made ready for it."""
    gc.disable()  # until it answers: what is loaded now stays, so looking for garbage finds none
    from septet.cli.answering import Plan
    from septet.logs import set_up_logs
    from septet.systems import installed_systems

    set_up_logs(for_people=settings.for_people)
    settings = msgspec.structs.replace(settings, port=listener.getsockname()[1])
    _make_folder(settings.data_dir)
    _allow_open_files()
    return Plan(settings, of_systems, installed_systems(settings))


def _serve_in_one(plan: Plan, listener: socket.socket) -> None:
    import uvloop

    from septet.cli.answering import answer
    from septet.cli.greeting import greet

    uvloop.run(answer(plan, listener, answering=greet))


def _serve_in_many(plan: Plan, listeners: list[socket.socket]) -> int:
    from septet.cli.greeting import greet
    from septet.cli.supervisor import Supervisor

    for module in ("septet.doors.http", f"septet.engines.database.{plan.settings.database_kind}"):
        importlib.import_module(module)  # what is loaded before the workers part is in memory once
    return Supervisor(plan, listeners, greet).run()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise WrongSettingError(f"SEPTET_DATA_DIR: {folder} cannot be made: {error.strerror or error}") from error


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

"""Puts the chosen systems, engines and doors together into one running application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import structlog
from msgspec import Struct

from septet.core.keys import Keyring
from septet.core.outbox import Outbox
from septet.core.pipeline import Pipeline
from septet.core.registry import Registry
from septet.core.runtime import Runtime, utc_now
from septet.core.system import System, Watch
from septet.core.worker import Worker
from septet.engines.database import open_database
from septet.engines.mail import open_mail
from septet.settings import Settings

if TYPE_CHECKING:
    from septet.doors.http import Application

log = structlog.get_logger()


class Septet:
    """A running application. `asgi` answers HTTP, and is there if it was asked for."""

    def __init__(self, runtime: Runtime, pipeline: Pipeline, worker: Worker, asgi: Application | None) -> None:
        self.runtime = runtime
        self.pipeline = pipeline
        self.worker = worker
        self._asgi = asgi

    @property
    def asgi(self) -> Application:
        if self._asgi is None:
            raise RuntimeError("this application was started without doors")
        return self._asgi


@asynccontextmanager
async def running(
    settings: Settings,
    system_settings: Mapping[type[Struct], Struct],
    systems: Sequence[System],
    *,
    doors: bool = True,
    work: bool = True,
    migrate: bool = True,
    clock: Callable[[], datetime] = utc_now,
) -> AsyncIterator[Septet]:
    """Start everything, and end it in the reverse order.

    doors: answer HTTP. work: run tasks. migrate: bring an embedded database to today's tables first.
    """
    async with AsyncExitStack() as stack:
        runtime = await _open_runtime(stack, settings, system_settings, systems, migrate, clock)
        for system in runtime.registry.systems:
            if system.prepare is not None:
                await system.prepare(runtime)
        for system in runtime.registry.systems:
            for watch in system.watches:
                await _start_watch(stack, runtime, watch)
        worker = Worker(runtime)
        if work and settings.task_runners:
            await worker.start()
            stack.push_async_callback(worker.stop, settings.drain_timeout)
        pipeline = Pipeline(runtime)
        yield Septet(runtime, pipeline, worker, _open_doors(runtime, pipeline) if doors else None)


async def _open_runtime(
    stack: AsyncExitStack,
    settings: Settings,
    system_settings: Mapping[type[Struct], Struct],
    systems: Sequence[System],
    migrate: bool,
    clock: Callable[[], datetime],
) -> Runtime:
    registry = Registry(systems)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    url = database_url(settings)
    if migrate:
        from septet.engines.database.migrations import prepare_database

        await prepare_database(url, registry.systems, settings.data_dir)
    database = open_database(url, settings)
    stack.push_async_callback(database.close)
    await database.start()
    database.compile(registry.queries)
    return Runtime(
        settings=settings,
        system_settings=system_settings,
        registry=registry,
        database=database,
        keys=open_keys(settings),
        mail=open_mail(settings),
        outbox=Outbox(registry),
        clock=clock,
    )


def database_url(settings: Settings) -> str:
    """Where the rows are: as set, or a file in the data folder."""
    return settings.database_url or f"sqlite:///{quote(str(settings.data_dir / 'septet.db'))}"


def open_keys(settings: Settings) -> Keyring:
    """The secret keys: as set, or from a file in the data folder that is made at first start."""
    return Keyring.parse(settings.keys) if settings.keys else Keyring.open_file(Path(settings.data_dir) / "keys")


def _open_doors(runtime: Runtime, pipeline: Pipeline) -> Application:
    from septet.doors.http import Application

    return Application(runtime, pipeline)


async def _start_watch(stack: AsyncExitStack, runtime: Runtime, watch: Watch) -> None:
    """Look once now, so that nothing is missed at start, and then again and again."""
    await watch.look(runtime)
    looking = asyncio.create_task(_look_again(runtime, watch))
    stack.push_async_callback(_end, looking)


async def _look_again(runtime: Runtime, watch: Watch) -> None:
    while True:
        await asyncio.sleep(watch.seconds)
        try:
            await watch.look(runtime)
        except Exception:
            log.exception("a watch failed and is tried again", watch=watch.look.__qualname__)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

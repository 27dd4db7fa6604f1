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
from septet.core.measures import measures_of
from septet.core.outbox import Outbox
from septet.core.pipeline import Pipeline
from septet.core.records import RecordBook
from septet.core.registry import Registry
from septet.core.runtime import Runtime, utc_now
from septet.core.system import System, Watch
from septet.core.tasks import TaskMeasures
from septet.core.worker import Worker
from septet.engines.broker import open_broker
from septet.engines.cache import open_cache
from septet.engines.database import open_database
from septet.engines.limits import open_limit_store
from septet.engines.mail import open_mail
from septet.settings import Settings

if TYPE_CHECKING:
    from septet.doors.http import Application
    from septet.engines.valkey import Valkey

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
    With neither of the first two, a query is compiled when it is first asked: a command needs few of them.
    """
    async with AsyncExitStack() as stack:
        runtime = await _open_runtime(stack, settings, system_settings, systems, migrate, clock)
        if doors or work:
            runtime.database.compile(runtime.registry.queries)
        await _open_telemetry(stack, runtime)
        if runtime.sharing is not None:
            await runtime.sharing.start()
            stack.push_async_callback(runtime.sharing.stop)
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
    valkey = _open_valkey(stack, settings)
    return Runtime(
        settings=settings,
        system_settings=system_settings,
        registry=registry,
        database=database,
        keys=open_keys(settings),
        mail=open_mail(settings),
        outbox=Outbox(registry),
        broker=open_broker(),
        cache=open_cache(settings, valkey),
        limit_store=open_limit_store(settings, database, valkey, lambda: clock().timestamp()),
        clock=clock,
    )


def _open_valkey(stack: AsyncExitStack, settings: Settings) -> Valkey | None:
    """Valkey, if there is one. It is connected to when it is first needed, and may be away."""
    if not settings.valkey_url:
        return None
    from septet.engines.valkey import Valkey

    valkey = Valkey(settings.valkey_url)
    stack.push_async_callback(valkey.close)
    return valkey


async def _open_telemetry(stack: AsyncExitStack, runtime: Runtime) -> None:
    """Begin to count, to keep records, and to export, as far as the settings ask for it."""
    telemetry, floor = runtime.telemetry, runtime.floor
    for source in (measures_of(runtime.database), TaskMeasures(runtime).measures, telemetry.measures):
        runtime.measures.add(source)
    if floor.records:
        telemetry.recorder = book = RecordBook(runtime, floor.records)
        runtime.measures.add(book.measures)
        stack.push_async_callback(book.write)
        stack.push_async_callback(_end, asyncio.create_task(book.keep_writing()))
    if floor.otlp_endpoint:
        from septet.engines.telemetry.otlp import Otlp

        telemetry.exporter = otlp = Otlp(floor, runtime.measures, runtime.database.dialect)
        otlp.start()
        stack.push_async_callback(otlp.close)


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

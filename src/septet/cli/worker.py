"""`septet worker`: run tasks and schedules in a process of their own, apart from those that answer HTTP."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import click

from septet.cli.common import fail, load_settings, plain_errors, run_async

if TYPE_CHECKING:
    from septet.app import Septet


@click.command(name="worker")
def worker() -> None:
    """Run tasks and schedules until SIGTERM or SIGINT; then let those that run end."""
    with plain_errors():
        run_async(_work)


async def _work() -> None:
    from septet.app import running
    from septet.systems import installed_systems

    settings, of_systems = load_settings()
    if not settings.task_runners:
        fail("SEPTET_TASK_RUNNERS is 0: a worker needs at least one")
    async with running(settings, of_systems, installed_systems(settings), doors=False, work=True) as septet:
        await run_worker(septet)


async def run_worker(septet: Septet) -> None:
    """Return when the process is asked to end. Whoever started `septet` then drains it within drain_timeout."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, asked.set)
    names = ", ".join(sorted({name.partition(".")[0] for name in septet.runtime.registry.tasks}))
    click.echo(f"Running {septet.runtime.floor.task_runners} tasks at once, of {names}.", err=True)
    await asked.wait()
    click.echo("Stopping: what runs may end, what waits is given back.", err=True)

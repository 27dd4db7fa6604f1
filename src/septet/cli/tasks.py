"""`septet tasks`: what is to be done later, what failed for good, and what to do about it.

septet tasks list                what waits and what is dead, oldest first
septet tasks show ID             all of one, with its payload
septet tasks retry ID            run it now, with all of its attempts before it; or --all-dead
septet tasks cancel ID           drop it, so that it never runs
septet tasks count               how many there are, by name and state
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from septet.cli.common import fail, plain_errors, run_async
from septet.cli.opened import load_chosen, opened_septet

if TYPE_CHECKING:
    from datetime import datetime

    from septet.core.outbox_queries import Listed
    from septet.core.runtime import Runtime

T = TypeVar("T")
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(name="tasks")
def tasks() -> None:
    """What is to be done later, what failed for good, and what to do about it."""


@tasks.command(name="list")
@click.option("--state", type=click.Choice(["waiting", "dead"]), help="Only those in this state.")
@click.option("--name", help="Only those of this name, such as identity.send_mail.")
@click.option("--after", type=int, default=0, metavar="ID", help="Go on after this one.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many at most.")
@_AS_JSON
def list_command(state: str | None, name: str | None, after: int, limit: int, as_json: bool) -> None:
    """What waits and what is dead, oldest first. Payloads are not shown: they can hold personal data."""
    from septet.core.tasks import TaskState, list_tasks

    wanted = TaskState(state) if state else None
    found = _run(lambda runtime: list_tasks(runtime, state=wanted, name=name, after=after, most=limit))
    if as_json:
        _echo_json(found)
        return
    rows = [
        (str(task.id), task.name, _state(task), _moment(task.run_at), str(task.attempts), task.last_error or "")
        for task in found
    ]
    _echo_table(("ID", "NAME", "STATE", "DUE", "FAILED", "LAST ERROR"), rows)
    if len(found) == limit:
        click.echo(f"There may be more: --after {found[-1].id}", err=True)


@tasks.command()
@click.argument("task_id", metavar="ID", type=int)
def show(task_id: int) -> None:
    """All of one task as JSON, with its payload, which can hold personal data."""
    from septet.core.tasks import show_task

    found = _run(lambda runtime: show_task(runtime, task_id))
    click.echo("A payload can hold personal data: mind where you show it.", err=True)
    _echo_json(found)


@tasks.command()
@click.argument("task_id", metavar="ID", type=int, required=False)
@click.option("--all-dead", is_flag=True, help="Retry all that are dead.")
def retry(task_id: int | None, all_dead: bool) -> None:
    """Run a task now, with all of its attempts before it."""
    from septet.core.tasks import retry_dead_tasks, retry_task

    if (task_id is None) != all_dead:
        fail("name one task by its ID, or say --all-dead")
    if task_id is None:
        number = _run(retry_dead_tasks)
        click.echo(f"{number} dead tasks will run again.")
    else:
        _run(lambda runtime: retry_task(runtime, task_id))
        click.echo(f"Task {task_id} will run again.")


@tasks.command()
@click.argument("task_id", metavar="ID", type=int)
def cancel(task_id: int) -> None:
    """Drop a task, so that it never runs. One that is running cannot be cancelled."""
    from septet.core.tasks import cancel_task

    _run(lambda runtime: cancel_task(runtime, task_id))
    click.echo(f"Task {task_id} is cancelled.")


@tasks.command()
@_AS_JSON
def count(as_json: bool) -> None:
    """How many tasks there are of each name in each state, and when the first is or was due, or died."""
    from septet.core.tasks import task_counts

    found = _run(task_counts)
    if as_json:
        _echo_json(found)
        return
    rows = [(each.name, each.state, str(each.count), _moment(each.first)) for each in found]
    _echo_table(("NAME", "STATE", "COUNT", "FIRST"), sorted(rows))


def _run(use: Callable[[Runtime], Awaitable[T]]) -> T:
    """Do `use` with a runtime on the database that the settings name."""

    async def body() -> T:
        async with opened_septet(load_chosen()) as septet:
            return await use(septet.runtime)

    with plain_errors():
        return run_async(body)


def _state(task: Listed) -> str:
    return "held" if task.lease is not None else task.state


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _echo_json(value: object) -> None:
    import msgspec

    from septet.core.terminal import printable

    click.echo(printable(msgspec.json.format(msgspec.json.encode(value)).decode()))


def _echo_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from septet.core.terminal import on_one_line

    shown = [heads, *([on_one_line(cell) for cell in row] for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*shown, strict=True)]
    for row in shown:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

"""`septet explain`: what an operation asks for and refuses, what it announces, and how its queries are run.

septet explain create_note                       from its declaration and its source; nothing is run
septet explain create_note --json                the same for programs
septet explain --run read_me --as ada@…          also runs it, in a transaction that is rolled back
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from septet.cli.call import BEFORE_ARGUMENTS, WHERE, read_arguments
from septet.cli.callers import Who, options_of_who
from septet.cli.common import fail, plain_errors, run_async
from septet.cli.opened import Chosen, load_chosen, opened_septet
from septet.cli.operations import operation_named

if TYPE_CHECKING:
    from septet.app import Septet
    from septet.cli.explanation import Explanation
    from septet.cli.rehearsal import Rehearsed
    from septet.core.operation import Operation

_ARGUMENTS = "arguments"


class Told(Struct, frozen=True, omit_defaults=True):
    """What is printed: what is known of the operation, and what came of running it, if it was run."""

    operation: Explanation
    run: Rehearsed | None = None


def _options() -> list[click.Option]:
    return [
        click.Option(["--run"], is_flag=True, default=None, help="Run it too, and undo what it changes."),
        *options_of_who(),
        click.Option(["--arguments", _ARGUMENTS], metavar="OBJECT", help="Arguments for --run, as a JSON object."),
        click.Option(["--json"], is_flag=True, default=None, help="Print JSON."),
    ]


@click.command(context_settings=BEFORE_ARGUMENTS)
@click.argument("operation")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[ARGUMENTS]...")
@click.pass_context
def explain(ctx: click.Context, /, operation: str, words: tuple[str, ...], **how: Any) -> None:
    """Show what OPERATION asks for, refuses, announces and queries, with the plans of the database in use.

    Nothing is run unless `--run` is said: then the operation runs with its ARGUMENTS, given as for `septet call`,
    in a transaction that is rolled back at its end, and its queries are shown as they came.
    """
    with plain_errors():
        from septet.core.registry import Registry

        chosen = load_chosen()
        explained = operation_named(Registry(chosen.systems), operation)
        path = f"{ctx.command_path} {explained.name}"
        values, how = read_arguments(explained, words, how, path, _options(), json_set=_ARGUMENTS)
        if values and not how["run"]:
            fail("arguments are for --run: without it nothing is run")
        who = Who(how["as_account"], how["token"], bool(how["anonymous"]))
        run = bool(how["run"])
        told = run_async(functools.partial(_explain, chosen, explained.name, values, who, run), chosen.settings)

        from septet.cli.explanation_in_words import in_words
        from septet.cli.outcomes import tell_json
        from septet.core.terminal import printable

        if how["json"]:
            tell_json(told)
        else:
            click.echo(printable(in_words(told.operation, told.run)))


explain.params += _options()


async def _explain(chosen: Chosen, name: str, values: Mapping[str, Any], who: Who, run: bool) -> Told:
    from septet.cli.rehearsal import rehearse
    from septet.core.context import Client

    async with opened_septet(chosen) as septet:
        operation = septet.runtime.registry.operations[name]
        ran = await rehearse(septet, operation, values, who, Client(*WHERE)) if run else None
        return Told(await explain_operation(septet, operation), ran)


async def explain_operation(septet: Septet, operation: Operation) -> Explanation:
    """All that is known of an operation, with the plans of its queries on the database in use."""
    from septet.app import database_url
    from septet.cli.explanation import explanation_of, used_by_operation
    from septet.core.limits import Limit
    from septet.engines.database.explain import explain_queries

    runtime, floor = septet.runtime, septet.runtime.floor
    used = used_by_operation(operation, runtime.registry)
    queries = await explain_queries(database_url(floor), floor, used.queries)
    default = Limit(floor.limit_default, 60.0) if floor.limits else None
    return explanation_of(operation, runtime.registry, default, runtime.database.dialect, queries, used)

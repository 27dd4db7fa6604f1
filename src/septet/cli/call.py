"""`septet call`: call an operation in this process, through the one path that every door takes.

septet call                                      lists the operations
septet call create_note --title Milk --stars 3   calls one; hyphens serve as well as underscores
septet call read_me --as ada@example.org         calls it as that account
septet call create_note --help                   shows its arguments

Whoever asks is held to the same scope, limits, policies and checks as over REST. Works beside a running server:
what a call changes is stored and announced, and the server's tasks see to the rest.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from septet.cli.callers import Who, actor_of, options_of_who
from septet.cli.common import no_garbage_collection, plain_errors, run_async
from septet.cli.opened import Chosen, load_chosen, opened_septet
from septet.cli.operations import listing, operation_named, scope_in_words
from septet.cli.texts import Texts

if TYPE_CHECKING:
    from septet.app import Septet
    from septet.cli.outcomes import Outcome
    from septet.core.errors import Problem
    from septet.core.operation import Operation

DOOR = "cli"  # as trails name it
WHERE = ("local", "septet call")  # the address and the user agent of calls from the command line
BEFORE_ARGUMENTS = {"allow_interspersed_args": False}


def _options() -> list[click.Option]:
    return [
        *options_of_who(),
        click.Option(["--json"], metavar="OBJECT", help="Arguments by name, as a JSON object; options add to them."),
        click.Option(["--idempotency-key"], metavar="KEY", help="Do it once, however often this key is sent."),
        click.Option(
            ["--verbose"], is_flag=True, default=None, help="Also print what limits leave, as REST's headers."
        ),
    ]


class _Called(click.Command):
    """An operation as a command. Its help tells its arguments from the options that say how it is called."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from septet.cli.arguments import is_argument

        records = [(one, one.get_help_record(ctx)) for one in self.get_params(ctx)]
        for title, of_operation in (("Arguments", True), ("Options", False)):
            rows = [row for one, row in records if row and is_argument(one) is of_operation]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


@click.command(context_settings=BEFORE_ARGUMENTS)
@click.argument("operation", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def call(ctx: click.Context, /, operation: str | None, arguments: tuple[str, ...], **how: Any) -> None:
    """Call an operation in this process; without a name, list the operations.

    Its arguments are options: `septet call OPERATION --help` shows them. A value is a text, @FILE, or - for
    standard input; a list is its option repeated; what has parts is JSON. The options below may stand before
    OPERATION or behind it; where an argument has the name of one, it is the argument behind OPERATION.

    Exits with 0, or with the kind of the problem: 2 wrong use, 3 not signed in, 4 not allowed, 5 not found,
    6 conflict, 7 invalid, 8 too many calls, 9 unavailable, 1 any other.
    """
    with plain_errors(), no_garbage_collection():
        from septet.core.registry import Registry

        chosen = load_chosen()
        registry = Registry(chosen.systems)
        if operation is None:
            click.echo(listing(registry))
            return
        called = operation_named(registry, operation)
        values, how = read_arguments(called, arguments, how, f"{ctx.command_path} {called.name}", _options())
        who = Who(how["as_account"], how["token"], bool(how["anonymous"]))
        key = how["idempotency_key"]
        outcome = run_async(functools.partial(_perform_here, chosen, called.name, values, who, key), chosen.settings)

        from septet.cli.outcomes import tell

        raise SystemExit(tell(outcome, verbose=bool(how["verbose"])))


call.params += _options()


def read_arguments(
    operation: Operation,
    words: Sequence[str],
    how: Mapping[str, Any],
    path: str,
    options: Sequence[click.Option],
    json_set: str = "json",
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The operation's arguments in `words`, and how it is to be called: `how`, and what `words` say of it.

    `options` are the command's own, less those whose name an argument has; `json_set` is the one that gives many
    arguments at once. Prints help where it is asked for.
    """
    from septet.cli.arguments import fields_of, options_of, values_given

    fields = fields_of(operation)
    taken = {field.option for field in fields}
    ours = [option for option in options if option.opts[0].removeprefix("--") not in taken]
    command = _Called(operation.name, params=[*options_of(fields), *ours], help=_help(operation))
    given = command.make_context(path, list(words), token_normalize_func=_hyphenated).params
    merged = {name: given[name] if given.get(name) is not None else value for name, value in how.items()}
    texts = Texts(secret=operation.declared.secret)
    return values_given(fields, given, merged.get(json_set), texts), merged


async def _perform_here(chosen: Chosen, name: str, values: Mapping[str, Any], who: Who, key: str | None) -> Outcome:
    async with opened_septet(chosen) as septet:
        return await perform(septet, septet.runtime.registry.operations[name], values, who, key)


async def perform(
    septet: Septet, operation: Operation, values: Mapping[str, Any], who: Who, key: str | None = None
) -> Outcome:
    """Call an operation, with the fields of its body beside its other arguments."""
    from septet.cli.outcomes import Outcome
    from septet.core.context import ANONYMOUS, Client, Context
    from septet.core.errors import Problem
    from septet.doors.values import ValueBinder

    request_id = f"{random.getrandbits(128):032x}"  # a name, no secret
    ctx = Context(septet.runtime, ANONYMOUS, Client(*WHERE), request_id)
    bind = functools.partial(ValueBinder(operation).bind_flat, values)
    with septet.runtime.telemetry.following(ctx, DOOR):
        try:
            ctx.actor = await actor_of(septet.runtime, operation, who)
            value = await septet.pipeline.call(ctx, operation, bind, key)
        except Problem as problem:
            return Outcome(None, _with_advice(problem, who), ctx.standings, False, request_id)
    return Outcome(value, None, ctx.standings, ctx.replayed, request_id)


def _with_advice(problem: Problem, who: Who) -> Problem:
    """The local administrator is nobody's account, which an operation about the caller has to have."""
    from septet.core.errors import Unauthenticated

    if who.is_administrator and type(problem) is Unauthenticated:
        return Unauthenticated("This is about the account that asks: add --as EMAIL.")
    return problem


def _hyphenated(word: str) -> str:
    return word.replace("_", "-")


def _help(operation: Operation) -> str:
    return f"{operation.doc}\n\nScope: {scope_in_words(operation)}."

"""`septet call`: call an operation, through the one path that every door takes.

septet call                                      lists the operations
septet call create_note --title Milk --stars 3   calls one; hyphens serve as well as underscores
septet call read_me --as ada@example.org         calls it as that account
septet call create_note --help                   shows its arguments

Whoever asks is held to the same scope, limits, policies and checks as over REST. A server that runs on the same data
folder is handed the call, which spares loading all of this once more: `handing_over` says when. Otherwise it is done in
this process, also beside a server: what a call changes is stored and announced, and the server's tasks see to the rest.
"""

from __future__ import annotations

import functools
import io
import random
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

import click
from msgspec import Struct

from septet.cli.callers import Who, actor_of, options_of_who
from septet.cli.common import no_garbage_collection, plain_errors, run_async
from septet.cli.local_calls import Said, Terminals
from septet.cli.opened import Chosen, load_chosen, opened_septet
from septet.cli.operations import listing, name_of, operation_named, scope_in_words
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


class _HelpWanted(click.ClickException):
    """The help that was asked for, so that whoever reads the words decides where it is shown."""

    exit_code = 0

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file)


class _Command(click.Command):
    """A command that prints nothing while its words are read."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _raise_help
        return option


def _raise_help(ctx: click.Context, option: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        raise _HelpWanted(ctx.get_help())


class Wanted(Struct, frozen=True):
    """A call as it was read from its words."""

    operation: Operation
    values: Mapping[str, Any]
    who: Who
    key: str | None
    verbose: bool


class _Called(_Command):
    """An operation as a command. Its help tells its arguments from the options that say how it is called."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from septet.cli.arguments import is_argument

        records = [(one, one.get_help_record(ctx)) for one in self.get_params(ctx)]
        for title, of_operation in (("Arguments", True), ("Options", False)):
            rows = [row for one, row in records if row and is_argument(one) is of_operation]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


@click.command(cls=_Command, context_settings=BEFORE_ARGUMENTS)
@click.argument("operation", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def call(ctx: click.Context, /, operation: str | None, arguments: tuple[str, ...], **how: Any) -> None:
    """Call an operation; without a name, list the operations.

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
        wanted = _understood(ctx, operation_named(registry, operation), arguments, how)
        outcome = run_async(functools.partial(_perform_here, chosen, wanted), chosen.settings)

        from septet.cli.outcomes import tell

        raise SystemExit(tell(outcome, verbose=wanted.verbose))


call.params += _options()


async def said_to(septet: Septet, words: Sequence[str], terminals: Terminals) -> Said | None:
    """What `septet call` says to these words, done by a server; None if they name no operation that it has."""
    width = max(min(terminals.columns, 80) - 2, 50)  # click's own rule
    try:
        ctx = call.make_context("septet call", list(words), terminal_width=width)
        return await _said_in(septet, ctx, terminals, **ctx.params)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        if error.exit_code == 0:
            return Said(stdout=shown.getvalue())
        return Said(stderr=shown.getvalue(), exit_code=error.exit_code)


async def _said_in(
    septet: Septet,
    ctx: click.Context,
    terminals: Terminals,
    /,
    operation: str | None,
    arguments: Sequence[str],
    **how: Any,
) -> Said | None:
    from septet.cli.outcomes import in_words

    registry = septet.runtime.registry
    if operation is None:
        return Said(stdout=f"{listing(registry)}\n")
    if name_of(operation) not in registry.operations:
        return None  # the caller may know of a system that is newer than this server
    try:
        wanted = _understood(ctx, operation_named(registry, operation), arguments, how)
        outcome = await perform(septet, wanted.operation, wanted.values, wanted.who, wanted.key)
    except click.UsageError as error:
        error.ctx = error.ctx or ctx  # as click does for a command that it runs
        raise
    return in_words(outcome, terminals, verbose=wanted.verbose)


def _understood(ctx: click.Context, operation: Operation, words: Sequence[str], how: Mapping[str, Any]) -> Wanted:
    path = f"{ctx.command_path} {operation.name}"
    values, how = read_arguments(operation, words, how, path, _options(), width=ctx.terminal_width)
    who = Who(how["as_account"], how["token"], bool(how["anonymous"]))
    return Wanted(operation, values, who, how["idempotency_key"], bool(how["verbose"]))


def read_arguments(
    operation: Operation,
    words: Sequence[str],
    how: Mapping[str, Any],
    path: str,
    options: Sequence[click.Option],
    json_set: str = "json",
    *,
    width: int | None = None,
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
    ctx = command.make_context(path, list(words), token_normalize_func=_hyphenated, terminal_width=width)
    given = ctx.params
    merged = {name: given[name] if given.get(name) is not None else value for name, value in how.items()}
    texts = Texts(secret=operation.declared.secret)
    return values_given(fields, given, merged.get(json_set), texts), merged


async def _perform_here(chosen: Chosen, wanted: Wanted) -> Outcome:
    async with opened_septet(chosen) as septet:
        operation = septet.runtime.registry.operations[wanted.operation.name]
        return await perform(septet, operation, wanted.values, wanted.who, wanted.key)


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

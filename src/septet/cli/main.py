"""`septet`: the table of commands. A command's module is loaded when it is called, so that `--help` is quick."""

from __future__ import annotations

import gc
import importlib
import os
import sys

import click

from septet import __version__
from septet.cli.file_modes import make_private
from septet.cli.streams import open_closed_streams

# Each command: where it is, and its line in `septet --help`.
COMMANDS = {
    "serve": ("septet.cli.serve:serve", "Answer requests, and run tasks beside them."),
    "dev": ("septet.cli.dev:dev", "Serve, and start again whenever the code of a system changes."),
    "worker": ("septet.cli.worker:worker", "Run tasks and schedules in a process of their own."),
    "migrate": ("septet.cli.migrate:migrate", "Bring the database to this release, or back."),
    "move": ("septet.cli.move:move", "Bring an embedded database into PostgreSQL."),
    "tasks": ("septet.cli.tasks:tasks", "See what is to be done later, and what failed for good."),
    "mail": ("septet.cli.mail:mail", "Read the mail that is kept in the local mailbox."),
    "backup": ("septet.cli.backup:backup", "Copy all data into one file, while the server goes on."),
    "verify": ("septet.cli.verify:verify", "Check a backup to the last row, without touching the data."),
    "restore": ("septet.cli.restore:restore", "Put a backup in the place of the data."),
    "reset": ("septet.cli.reset:reset", "Delete all data, and start as on the first day."),
    "create-admin": ("septet.cli.accounts:create_admin", "Make an administrator."),
    "import-accounts": ("septet.cli.import_accounts:import_accounts", "Bring accounts along from elsewhere."),
    "call": ("septet.cli.call:call", "Call an operation, as at any door; without a name, list them."),
    "explain": ("septet.cli.explain:explain", "Show what an operation asks for, does, announces and queries."),
    "new-system": ("septet.cli.new_system:new_system", "Lay out a system of your own, as a package."),
    "check": ("septet.cli.check:check", "Hold a system to the rules of the house."),
    "keys": ("septet.cli.keys:keys", "List the secret keys, or put a new one before them."),
    "settings": ("septet.cli.settings:settings", "Show every setting: its value, its source and what it is for."),
    "doctor": ("septet.cli.doctor:doctor", "Check this machine and these settings, and say what to do."),
}


class Commands(click.Group):
    """A group whose commands are known by name and loaded one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]}?", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click writes them, from the table and not from the loaded commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=Commands)
@click.version_option(__version__, message="septet %(version)s")
def cli() -> None:
    """Septet: the backend that teams otherwise write again for every product."""


def main() -> None:
    open_closed_streams()
    make_private()
    try:
        _hand_over()
        from septet.cli.common import plain_errors

        with plain_errors():
            cli(color=False if os.environ.get("NO_COLOR") else None)
    except KeyboardInterrupt:
        click.echo("Aborted!", err=True)  # as click says it of a command
        raise SystemExit(1) from None
    finally:
        gc.freeze()  # the process ends: nobody needs its memory back, object by object


def _hand_over() -> None:
    """Leave if what is typed is a call that a running server does."""
    if sys.argv[1:2] == ["call"]:
        from septet.cli.handing_over import hand_over

        code = hand_over(sys.argv[2:])
        if code is not None:
            raise SystemExit(code)

"""`septet`: the table of commands. A command's module is loaded when it is called, so that `--help` is quick."""

from __future__ import annotations

import importlib
import os

import click

from septet import __version__

# Each command: where it is, and its line in `septet --help`.
COMMANDS = {
    "serve": ("septet.cli.serve:serve", "Answer requests, and run tasks beside them."),
    "worker": ("septet.cli.worker:worker", "Run tasks and schedules in a process of their own."),
    "migrate": ("septet.cli.migrate:migrate", "Bring the database to this release, or back."),
    "tasks": ("septet.cli.tasks:tasks", "See what is to be done later, and what failed for good."),
    "mail": ("septet.cli.mail:mail", "Read the mail that is kept in the local mailbox."),
    "create-admin": ("septet.cli.accounts:create_admin", "Make an administrator."),
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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click writes them, from the table and not from the loaded commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=Commands)
@click.version_option(__version__, message="septet %(version)s")
def cli() -> None:
    """Septet: the backend that teams otherwise write again for every product."""


def main() -> None:
    os.umask(0o077)  # whatever we make is ours alone
    cli()

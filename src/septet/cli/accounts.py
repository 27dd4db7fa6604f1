"""`septet create-admin`: make an administrator, for whoever may read the server's keys and database.

septet create-admin ada@example.org                     asks for a password, twice
septet create-admin ada@example.org --password-stdin    reads it from the first line of its input

An account that is there already becomes an administrator and keeps its password.
"""

from __future__ import annotations

import getpass
import warnings

import click

from septet.cli.common import fail, load_settings, plain_errors, run_async
from septet.cli.texts import line_of_input


@click.command(name="create-admin")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password of a new account from standard input.")
def create_admin(email: str, password_stdin: bool) -> None:
    """Make the account with this e-mail address an administrator; make the account first if there is none."""
    with plain_errors():
        made, address = run_async(lambda: _create(email, password_stdin))
        click.echo(f"{address} is an administrator now{', with a new account' if made else ''}.")


async def _create(email: str, password_stdin: bool) -> tuple[bool, str]:
    """Whether an account was made, and its address."""
    from septet.app import running
    from septet.identity.administrators import create_administrator, has_account
    from septet.systems import installed_systems

    floor, of_systems = load_settings()
    async with running(floor, of_systems, installed_systems(floor), doors=False, work=False) as septet:
        known = await septet.runtime.context().read(has_account, email)
        password = None if known else _read_password(password_stdin)
        account = await create_administrator(septet.runtime.context(), email, password)
        return not known, account.email


def _read_password(from_stdin: bool) -> str:
    """What was typed twice without being shown, or the first line of the input."""
    if from_stdin:
        return line_of_input("--password-stdin")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # it would be shown while it is typed
            password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    except getpass.GetPassWarning:
        fail("there is no terminal to ask for a password: give --password-stdin and pipe it in")
    return password

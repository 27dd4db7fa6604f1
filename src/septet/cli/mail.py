"""`septet mail`: what the local mailbox holds, where no mail server is set.

septet mail            the same as `septet mail list`
septet mail list       one line a letter, the oldest first
septet mail show N     the letter of that number, or the newest
septet mail clear      remove them all
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from septet.cli.common import fail, load_settings, plain_errors

if TYPE_CHECKING:
    from email.message import EmailMessage

    from septet.engines.mail.mailbox import LocalMailbox


@click.group(invoke_without_command=True)
@click.pass_context
def mail(ctx: click.Context) -> None:
    """Read the mail that is kept in the local mailbox."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_command)


@mail.command(name="list")
def list_command() -> None:
    """One line a letter, the oldest first."""
    from septet.core.terminal import on_one_line

    with plain_errors():
        letters = list(_mailbox().letters())
        if not letters:
            click.echo("The mailbox is empty.")
        for number, letter in enumerate(letters, 1):
            line = f"{number:>4}  {_moment_of(letter)}  {letter['To'] or '-'}  {letter['Subject'] or '-'}"
            click.echo(on_one_line(line))


@mail.command()
@click.argument("number", metavar="[N]", type=click.IntRange(min=1), required=False)
def show(number: int | None) -> None:
    """The letter of that number in the list, or the newest."""
    from septet.core.terminal import on_one_line, printable
    from septet.engines.mail.letter import text_of

    with plain_errors():
        letters = list(_mailbox().letters())
        if not letters:
            fail("the mailbox is empty", 1)
        if number is not None and number > len(letters):
            fail(f"there are {len(letters)} letters", 1)
        letter = letters[-1 if number is None else number - 1]
        for header in ("Date", "From", "To", "Subject"):
            click.echo(on_one_line(f"{header}: {letter[header] or '-'}"))
        click.echo()
        click.echo(printable(text_of(letter)))


@mail.command()
def clear() -> None:
    """Remove every letter."""
    with plain_errors():
        click.echo(f"{_mailbox().clear()} letters removed.")


def _moment_of(letter: EmailMessage) -> str:
    """Other programs, too, put letters into a mailbox, and not all write their date as they should."""
    moment = getattr(letter["Date"], "datetime", None)
    return f"{moment:%Y-%m-%d %H:%M}" if moment is not None else f"{'-':16}"


def _mailbox() -> LocalMailbox:
    from septet.engines.mail import open_mail
    from septet.engines.mail.mailbox import LocalMailbox

    settings, _ = load_settings()
    found = open_mail(settings)
    if not isinstance(found, LocalMailbox):
        fail("SEPTET_MAIL_URL is set, so mail leaves this machine and there is no mailbox")
    return found

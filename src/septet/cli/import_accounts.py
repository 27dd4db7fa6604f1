"""`septet import-accounts`: bring accounts along from elsewhere, with the hashes of their passwords.

septet import-accounts people.jsonl          a JSON object a line: email, password_hash, name, locale, email_verified
septet import-accounts people.jsonl --try    say what would be refused, and change nothing

Hashes may be of Argon2, bcrypt, PBKDF2 or scrypt, as Django, Werkzeug and most others write them; each is replaced by
one of ours when its owner signs in. An address that has an account stays as it is, so it may be run again.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from septet.cli.common import FAILED, plain_errors, run_async
from septet.cli.opened import load_chosen, opened_septet

if TYPE_CHECKING:
    from septet.identity.imports import Ready

_AT_ONCE = 200
_LONGEST_LINE = 10_000  # bytes


@click.command(name="import-accounts")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--try", "trying", is_flag=True, help="Read every line and change nothing.")
def import_accounts(file: Path, trying: bool) -> None:
    """Make an account of every line of a file. Lines that cannot be are named, and the rest is imported."""
    with plain_errors():
        lines = _Lines(file)
        read = sum(1 for _ in lines) if trying else 0
        made, there = (0, 0) if trying else run_async(lambda: _import(lines))
        told = f"{read:,} could be imported" if trying else f"{made:,} accounts made, {there:,} were there already"
        click.echo(f"{told}, {lines.refused:,} lines refused.")
        if lines.refused:
            raise SystemExit(FAILED)


class _Lines:
    """The accounts of a file, as they are read. What cannot be one is told on standard error, and counted."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.refused = 0

    def __iter__(self) -> Iterator[Ready]:
        from septet.identity.imports import read_line

        with self._file.open("rb") as opened:
            for number in itertools.count(1):
                line = opened.readline(_LONGEST_LINE)
                if not line:
                    return
                if not line.endswith(b"\n") and len(line) == _LONGEST_LINE:
                    while line and not line.endswith(b"\n"):
                        line = opened.readline(_LONGEST_LINE)
                    self._refuse(number, f"it has more than {_LONGEST_LINE:,} bytes")
                elif line.strip():
                    try:
                        yield read_line(line)
                    except ValueError as error:
                        self._refuse(number, str(error))

    def _refuse(self, number: int, why: str) -> None:
        self.refused += 1
        click.echo(f"line {number}: {why}", err=True)


async def _import(lines: _Lines) -> tuple[int, int]:
    """How many accounts were made, and how many were there already. Some hundred at a time, each durable."""
    from septet.identity import imports

    made = read = 0
    async with opened_septet(load_chosen()) as septet:
        rest = iter(lines)
        while some := list(itertools.islice(rest, _AT_ONCE)):
            read += len(some)
            made += await septet.runtime.context().write(imports.import_accounts, some)
    return made, read - made

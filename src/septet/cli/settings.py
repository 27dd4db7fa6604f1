"""`septet settings`: every setting with its value, where that came from, its default, and what it is for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from septet.cli.common import load_settings, plain_errors, read_sources
from septet.cli.masking import masked
from septet.settings import FILE_NAME, Found, describe


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def settings(as_json: bool) -> None:
    """Show every setting: its value, its source and what it is for. Secrets are masked."""
    with plain_errors():
        found = list(_all_settings())
        if as_json:
            rows = [
                {**msgspec.structs.asdict(one), "value": _plain(one), "default": _plain_default(one)} for one in found
            ]
            click.echo(msgspec.json.format(msgspec.json.encode(rows, enc_hook=str)))
            return
        click.echo(
            f"From the environment, else from {os.environ.get('SEPTET_CONFIG') or FILE_NAME}, else the default.\n"
        )
        for one in found:
            click.echo(_line(one))


def _all_settings() -> Iterator[Found]:
    floor, of_systems = load_settings()
    sources = read_sources()
    for prefix, kind in sources.kinds.items():
        of_kind = of_systems[kind] if prefix else floor
        yield from describe(of_kind, sources.environment, sources.file, prefix=prefix)


def _line(one: Found) -> str:
    """The setting as one would write it, marked if it was set, and its meaning below."""
    was_set = one.source != "default"
    note = f"   set in {one.source}, default {_shown(_plain_default(one))}" if was_set else ""
    return f"{'*' if was_set else ' '} {one.variable}={_shown(_plain(one))}{note}\n      {one.doc}"


def _plain(one: Found) -> Any:
    return masked(one.variable, _as_text(one.value))


def _plain_default(one: Found) -> Any:
    return masked(one.variable, _as_text(one.default))


def _as_text(value: Any) -> Any:
    """Paths as people write them; the rest as JSON has it."""
    return str(value) if isinstance(value, Path) else value


def _shown(value: Any) -> str:
    """As it would be written in the environment."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (tuple, list)):
        return ",".join(map(_shown, value))
    if isinstance(value, dict):
        return msgspec.json.encode(value, enc_hook=str).decode()
    return str(value)

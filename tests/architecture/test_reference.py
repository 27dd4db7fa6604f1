"""docs/reference is drawn from the source, so no setting, command, problem, event or scope is missing from it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from septet.cli.main import cli
from septet.core.events import Event
from septet.core.floor import FLOOR
from septet.core.registry import Registry
from septet.doors.problems import problems_by_code, status_of
from septet.settings import Settings, describe
from septet.systems import load_cards
from support.drawn import assert_drawn

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
REGISTRY = Registry([FLOOR, *load_cards([])])


def test_settings_md() -> None:
    lines = [
        "# Settings",
        "",
        "Set by the environment, or in `septet.toml`; `septet settings` shows what is in force.",
        "",
    ]
    lines += _settings_table("The floor", Settings(), "")
    for system in REGISTRY.systems:
        if system.settings is not None:
            lines += _settings_table(system.name.capitalize(), system.settings(), system.name)
    assert_drawn(REFERENCE / "settings.md", "\n".join(lines))


def _settings_table(title: str, settings: Struct, prefix: str) -> list[str]:
    rows = [
        f"| `{found.variable}` | {_shown(found.default)} | {found.doc} |"
        for found in describe(settings, {}, {}, prefix=prefix)
    ]
    return [f"## {title}", "", "| setting | default | what it does |", "|---|---|---|", *rows, ""]


def _shown(value: Any) -> str:
    if value is True or value is False:
        return "`on`" if value else "`off`"
    if isinstance(value, tuple):
        value = ",".join(value)
    return f"`{value}`" if str(value) else "empty"


def test_errors_md() -> None:
    lines = ["# Problems", "", "Every error is `application/problem+json` (RFC 9457) with one of these codes.", ""]
    lines += ["| code | status | meaning |", "|---|---|---|"]
    for code, problem in sorted(problems_by_code(REGISTRY).items()):
        meaning = " ".join((inspect.getdoc(problem) or "").split())
        status = status_of(problem)
        lines.append(f"| `{code}` | {status} | {meaning} |")
    assert_drawn(REFERENCE / "errors.md", "\n".join([*lines, ""]))


def test_commands_md() -> None:
    lines = ["# Commands", ""]
    for path, command in _commands(cli, ["septet"]):
        lines += [f"## `{' '.join(path)}`", "", inspect.cleandoc(command.help or ""), ""]
        options = [
            parameter for parameter in command.params if isinstance(parameter, click.Option) and not parameter.hidden
        ]
        lines += [f"- `{', '.join(option.opts)}`: {option.help or ''}" for option in options]
        lines += [""] if options else []
    assert_drawn(REFERENCE / "commands.md", "\n".join(lines))


def _commands(command: click.Command, path: list[str]) -> Iterator[tuple[list[str], click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    with click.Context(command) as context:
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _commands(found, [*path, name])


def test_every_command_says_what_it_does() -> None:
    silent = [" ".join(path) for path, command in _commands(cli, ["septet"]) if not command.help]
    assert silent == []


def test_events_and_scopes_md() -> None:
    lines = [
        "# Events and scopes",
        "",
        "## Events",
        "",
        "| event | ordered by | fields | meaning |",
        "|---|---|---|---|",
    ]
    lines += sorted(_event_row(event) for event in _events(Event))
    lines += ["", "## Scopes", "", "| scope | who has it | what it allows |", "|---|---|---|"]
    for name, scope in sorted(REGISTRY.scopes.items()):
        lines.append(f"| `{name}` | {'every account' if scope.members else 'administrators'} | {scope.description} |")
    assert_drawn(REFERENCE / "events-and-scopes.md", "\n".join([*lines, ""]))


def _events(base: type[Event]) -> Iterator[type[Event]]:
    for event in base.__subclasses__():
        if event.__module__.startswith("septet."):
            yield event
            yield from _events(event)


def _event_row(event: type[Event]) -> str:
    fields = ", ".join(f"`{name}`" for name in event.__struct_fields__)
    meaning = " ".join((inspect.getdoc(event) or "").split())
    return (
        f"| `{event.__module__.split('.')[1]}.{event.__name__}` | `{event.ordered_by or '–'}` | {fields} | {meaning} |"
    )

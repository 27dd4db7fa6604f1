"""`septet doctor`: looks at this machine and these settings, changes nothing, and says what to do."""

from __future__ import annotations

import click
import msgspec

from septet.cli.checks import Check, Verdict, check_machine
from septet.cli.common import FAILED, load_settings, plain_errors, run_async
from septet.core.terminal import on_one_line

_COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Check this machine and these settings, and say what to do. Ends with 1 if something cannot work."""
    with plain_errors():
        floor, of_systems = load_settings()
        found = check_machine(floor)
        from septet.cli.service_checks import check_services

        found += run_async(lambda: check_services(floor, of_systems))
        if as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(found)))
        else:
            for check in found:
                _show(check)
        if any(check.verdict is Verdict.FAIL for check in found):
            raise SystemExit(FAILED)


def _show(check: Check) -> None:
    """Services say some of it in their own words."""
    click.echo(f"{click.style(f'{check.verdict:<5}', fg=_COLOURS[check.verdict])} {on_one_line(check.what)}")
    if check.advice:
        click.echo(f"      → {on_one_line(check.advice)}")

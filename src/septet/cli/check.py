"""`septet check`: whether a system keeps the rules of the house, those built in and those of others alike.

septet check            every installed system
septet check library    one of them
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from septet.cli.common import FAILED, plain_errors, run_async
from septet.cli.texts import url_of
from septet.core.terminal import on_one_line

if TYPE_CHECKING:
    from septet.architecture import Finding
    from septet.core.system import System


@click.command()
@click.argument("system", required=False)
@click.option(
    "--on",
    "url",
    metavar="URL",
    help="An empty PostgreSQL database to try tables and queries in as well; - reads its URL from standard input.",
)
def check(system: str | None, url: str | None) -> None:
    """Hold SYSTEM, or every installed one, to the rules of the house. Ends with 1 if it breaks one.

    Tables and queries are tried in a new SQLite file that is then removed. Your own database is not touched.
    """
    from septet.architecture import findings_of
    from septet.systems import load_cards

    async def look(cards: list[System]) -> list[tuple[System, list[Finding]]]:
        return [(card, await findings_of(card, [url] if url else [])) for card in cards]

    url = url_of("--on", url) if url else None
    with plain_errors():
        found = run_async(lambda: look(load_cards([system] if system else [])))
    for card, findings in found:
        click.echo(card.name)
        for finding in findings:
            _show(finding)
    if any(finding.faults for _, findings in found for finding in findings):
        raise SystemExit(FAILED)


def _show(finding: Finding) -> None:
    verdict = click.style("FAIL", fg="red") if finding.faults else click.style("ok", fg="green") + "  "
    click.echo(f"  {verdict} {finding.rule}")
    for fault in finding.faults:
        click.echo(f"       → {on_one_line(fault)}")

"""`septet check` finds what breaks a rule of the house in a system of somebody's own."""

from __future__ import annotations

import importlib
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner

from septet import systems
from septet.architecture import faults_of
from septet.architecture.check import QUERIES, findings_of
from septet.cli.main import cli
from septet.core.system import System
from septet.scaffold.layout import lay_out

LONG = "def long() -> None:\n" + "    print()\n" * 41 + "\n" * 400


def system_of(folder: Path, name: str, changes: dict[str, tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> System:
    """The card of a system that was laid out and then spoilt: in each file, the first text gives way to the second.

    A module is imported once a process, so every test has a name of its own.
    """
    lay_out(name, f"{name}thing", folder / name)
    source = folder / name / "src" / name
    for file, (old, new) in changes.items():
        text = (source / file).read_text() if (source / file).exists() else ""
        assert old in text
        (source / file).write_text(text.replace(old, new, 1))
    monkeypatch.syspath_prepend(folder / name / "src")
    card = getattr(importlib.import_module(f"{name}.system"), name.upper())
    assert isinstance(card, System)
    return card


async def test_every_rule_on_source_and_declarations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = system_of(
        tmp_path,
        "shed",
        {
            "shedthings.py": ('    """Add a shedthing."""\n', "    import septet.doors.rest\n"),
            "history.py": ('    """What happened to the shedthing, the latest first."""\n', ""),
            "events.py": (
                '    """Somebody added a shedthing."""\n\n    ordered_by = "shedthing_id"',
                '    ordered_by = "x"',
            ),
            "persons.py": (
                "from shed import queries\n",
                "from septet.identity import tokens\nfrom shed import queries\n",
            ),
            "problems.py": (
                "from septet.core.errors import Conflict\n",
                "from septet.core.errors import Conflict\nfrom septet.identity.public import AccountDeleted\n",
            ),
            "settings.py": ('"""The settings.', '# """The settings.'),
            "long.py": ("", f'"""Long."""\n{LONG}'),
            "here.py": ("", '"""Here."""\n\nfrom . import there\n'),
            "there.py": ("", '"""There."""\n\nfrom .here import x\n'),
            "system.py": ('summary="Shedthings that people keep and share."', 'summary=""'),
        },
        monkeypatch,
    )
    faults = await faults_of(card)
    expected = (
        "a system uses septet.core and septet.settings, not septet.doors.rest",
        "it imports septet.identity.tokens, and the card does not name identity under `needs`",
        "it imports septet.identity.public, and the card does not name identity under `needs`",
        "modules import each other: shed.here → shed.there → shed.here",
        "shed/long.py has",
        "shed/long.py: long has 42 lines; it may have 40",
        "shed/settings.py does not say in its first lines what it is for",
        "the card of shed has no summary",
        "the operation create_shedthing has no docstring",
        "the relation Shedthing.history has no docstring",
        "the event ShedthingAdded does not say what happened",
        "the event ShedthingAdded is ordered by x, which is no field of it",
    )
    missed = [text for text in expected if not any(text in fault for fault in faults)]
    assert missed == []
    assert len(faults) == len(expected), faults


async def test_a_file_that_is_no_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"unfinished.py": ("", '"""Not used yet."""\n\ndef half(:\n')}
    faults = await faults_of(system_of(tmp_path, "shack", changes, monkeypatch))
    assert faults == ["shack/unfinished.py, line 3, is no Python: invalid syntax"]


async def test_a_need_opens_the_public_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = "from septet.identity.public import AccountDeleted\nfrom septet.identity import queries\n"
    card = system_of(
        tmp_path,
        "barn",
        {
            "events.py": ("from barn.types", f"{more}from barn.types"),
            "system.py": ("    problems=", '    needs=("identity",),\n    problems='),
        },
        monkeypatch,
    )
    (fault,) = await faults_of(card)
    assert "it imports septet.identity.queries; what others may import of identity is septet.identity.public" in fault


async def test_names_that_are_not_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = system_of(
        tmp_path,
        "mill",
        {
            "system.py": ('"mill:write": Scope', '"press:write": Scope("Press."),\n        "mill:write": Scope'),
            "tables.py": ('Table(\n    "mill_history"', 'Table(\n    "press_history"'),
        },
        monkeypatch,
    )
    faults = await faults_of(card)
    assert "the scope press:write must begin with mill:" in faults
    assert "the table press_history must begin with mill_" in faults


async def test_an_unknown_scope_and_a_type_that_cannot_go_over_the_wire(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = ('scope="dock:write", limit', 'scope="dock:sail", limit')
    card = system_of(tmp_path, "dock", {"dockthings.py": scope}, monkeypatch)
    assert await faults_of(card) == ["create_dockthing: no card declares the scope dock:sail"]
    number = ("    title: Title\n", "    title: Title\n    number: int = 0\n")
    card = system_of(tmp_path, "pier", {"types.py": number}, monkeypatch)
    (fault,) = await faults_of(card)
    assert "an integer needs bounds" in fault


async def test_a_card_without_modules() -> None:
    assert await faults_of(System(name="void", summary="Nothing.", modules=())) == ["the card of void names no modules"]


async def test_a_page_of_another_s_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lists = """
        from septet.core.context import Context
        from septet.core.operation import operation
        from septet.core.types import Output, Page
        class Account(Output):
            name: str
        @operation.get("/v1/cove/accounts", scope="cove:read")
        async def list_lenders(ctx: Context) -> Page[Account]:
            'Identity has pages of accounts as well.'
            return Page([])
    """
    modules = ("modules=(", 'modules=(__import__("cove.lenders", fromlist=["lenders"]), ')
    changes = {"lenders.py": ("", f'"""Lenders."""\n{textwrap.dedent(lists)}'), "system.py": modules}
    (fault,) = await faults_of(system_of(tmp_path, "cove", changes, monkeypatch))
    assert "two types on the wire share a name" in fault
    assert "Account" in fault


async def test_revisions_that_are_not_what_tables_are(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = database_url.partition(":")[0]
    name = f"quay{engine}"
    column = ('Column("shared", Boolean', 'Column("lent", Boolean), Column("shared", Boolean')
    faults = await faults_of(system_of(tmp_path, name, {"tables.py": column}, monkeypatch), database_url)
    missing = f"{name}: add_column {name}_{name}thing {name}_{name}thing.lent"
    assert [fault for fault in faults if missing in fault] == [f"on {where}, {missing}" for where in ("sqlite", engine)]


async def test_a_revision_that_stops_the_previous_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = """
        from alembic import op
        revision, down_revision = "0002", "0001"
        def upgrade() -> None:
            op.drop_column("farm_history", "at")
        def downgrade() -> None:
            op.add_column("farm_history", "at")
    """
    card = system_of(tmp_path, "farm", {"migrations/0002_drop.py": ("", textwrap.dedent(source))}, monkeypatch)
    assert any("the previous release still uses it" in fault for fault in await faults_of(card))


async def test_a_query_that_reads_a_whole_table(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = database_url.partition(":")[0]
    name = f"yard{engine}"
    of_owner = f"{name}things_held = many(select(*{name}things.columns).where(_of_owner)"
    titled = of_owner.replace("_of_owner", f'{name}things.c.title == bindparam("title")')
    card = system_of(tmp_path, name, {"queries.py": (of_owner, titled)}, monkeypatch)
    faults = await faults_of(card, database_url)
    assert [fault.partition(",")[0] for fault in faults] == ["on sqlite", f"on {engine}"]
    assert all("reads a whole table" in fault for fault in faults)


async def test_a_query_that_does_not_compile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    select = ("select(*coopthings.columns).where(coopthings", "select(coopthings.c.id).where(coopthings")
    card = system_of(tmp_path, "coop", {"queries.py": select}, monkeypatch)
    found = {finding.rule: finding.faults for finding in await findings_of(card)}[QUERIES]
    assert [fault.split(":")[0] for fault in found] == [
        "on sqlite, coop.queries.find_coopthing",
        "on postgresql, coop.queries.find_coopthing",
    ]


def test_the_command_tells_all_and_ends_with_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = system_of(tmp_path, "silo", {"types.py": ('"""What goes', '# """What goes')}, monkeypatch)
    monkeypatch.setattr(systems, "load_cards", lambda names: [card])
    result = CliRunner().invoke(cli, ["check", "silo"])
    assert result.exit_code == 1
    assert "  FAIL files and functions are small, and each file says what it is for" in result.output
    assert "       → silo/types.py does not say in its first lines what it is for" in result.output
    assert result.output.count("  ok ") == 4


@pytest.mark.parametrize("name", ["identity", None], ids=["one", "all"])
def test_what_is_built_in_passes(name: str | None) -> None:
    result = CliRunner().invoke(cli, ["check", *([name] if name else [])])
    assert (result.exit_code, "FAIL" in result.output) == (0, False), result.output
    assert "identity\n  ok " in result.output


def test_a_system_that_is_not_there() -> None:
    result = CliRunner().invoke(cli, ["check", "nowhere"])
    assert (result.exit_code, "there is no system nowhere" in result.output) == (2, True)

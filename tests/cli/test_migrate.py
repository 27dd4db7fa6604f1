"""`septet migrate` brings tables up and back, says where they stand, checks revisions and writes the next one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Column, Integer, MetaData, Table

from septet import systems
from septet.cli.migrate import migrate
from septet.core.columns import Text
from septet.core.floor import FLOOR
from support.revisions import Shop, ask

Call = Callable[..., Result]
ITEMS = 'op.create_table("shop_item", Column("id", Integer, primary_key=True), Column("name", Text))'
DROP_ITEMS = 'op.drop_table("shop_item")'
PRICES = 'op.add_column("shop_item", Column("price", Integer))'
DROP_PRICES = 'op.drop_column("shop_item", "price")'


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    tables = MetaData()
    Table("shop_item", tables, Column("id", Integer, primary_key=True), Column("name", Text))
    shop = Shop(tmp_path, tables)
    shop.revise(ITEMS, DROP_ITEMS)
    return shop


@pytest.fixture
def call(database_url: str, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls `septet migrate` with the shop as the only system beside the floor."""
    monkeypatch.setenv("SEPTET_DATABASE_URL", database_url)
    monkeypatch.setenv("SEPTET_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(systems, "installed_systems", lambda settings: [FLOOR, shop.system])
    return lambda *words, **how: CliRunner().invoke(migrate, words, **how)


def test_status_up_and_down(call: Call, shop: Shop, database_url: str) -> None:
    result = call("status")
    assert result.exit_code == 1
    assert [line.split() for line in result.output.splitlines()] == [
        ["core", "-", "of", "0003", "3", "to", "run"],
        ["shop", "-", "of", "0001", "1", "to", "run"],
    ]
    result = call("up")
    assert (result.exit_code, result.output) == (0, "core 0001 done\ncore 0002 done\ncore 0003 done\nshop 0001 done\n")
    assert call("up").output == "Nothing to do.\n"
    ask(database_url, "insert into shop_item values (1, 'lamp')")

    shop.revise(PRICES, DROP_PRICES)
    assert "shop  0001  of 0002  1 to run" in call("status").output
    assert call("up", "shop").output.endswith("shop 0002 done\n")
    result = call("status")
    assert (result.exit_code, "shop  0002  of 0002  up to date" in result.output) == (0, True)

    assert call("down", "shop", "--yes").output.endswith("shop 0002 undone\n")
    assert ask(database_url, "select * from shop_item") == [(1, "lamp")]
    assert call("up", "shop", "--to", "0002").output.endswith("shop 0002 done\n")
    assert call("down", "shop", "--to", "base", "--yes").output.endswith("shop 0002 undone\nshop 0001 undone\n")


def test_a_file_is_copied_before_it_changes(call: Call, shop: Shop, database_url: str, tmp_path: Path) -> None:
    call("up")
    shop.revise(PRICES, DROP_PRICES)
    told = call("up").output.splitlines()
    copies = sorted((tmp_path / "data" / "backups").glob("*")) if database_url.startswith("sqlite") else []
    assert told == [*(f"The database as it was: {copy}" for copy in copies), "shop 0002 done"]


def test_going_down_is_asked_for_twice(call: Call, database_url: str) -> None:
    call("up")
    result = call("down", "shop")
    assert result.exit_code == 1
    assert "This drops what these revisions added" in result.output
    assert ask(database_url, "select version_num from shop_version") == [("0001",)]


def test_a_database_of_the_next_release_is_told(call: Call, shop: Shop) -> None:
    shop.revise(PRICES, DROP_PRICES)
    call("up")
    (shop.folder / "0002_change.py").unlink()
    result = call("status")
    assert result.exit_code == 0
    assert "newer than this release, which can run on it" in result.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["up", "bakery"], "there is no system bakery with tables; there are core, shop"),
        (["up", "--to", "0001"], "name the SYSTEM too"),
        (["up", "shop", "--to", "0009"], "shop has no revision 0009; it has 0001"),
        (["down", "shop", "--to", "0009", "--yes"], "shop has no revision 0009"),
        (["new", "shop", "…"], "say in a few words what the revision does"),
    ],
)
def test_wrong_use_is_told_in_a_line(call: Call, words: list[str], told: str) -> None:
    result = call(*words)
    assert result.exit_code != 0
    assert result.stdout == ""
    assert told in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_revision_that_fails_is_told_in_a_line(call: Call, shop: Shop) -> None:
    shop.revise('op.drop_table("shop_thing")')
    result = call("up")
    assert result.exit_code == 1
    assert result.stderr.startswith("septet: shop 0002 up failed, those before it stand: ")


def test_check_finds_what_breaks_rules_and_what_does_not_arrive(call: Call, shop: Shop, database_url: str) -> None:
    on = [] if database_url.startswith("sqlite") else ["--on", "-"]
    result = call("check", *on, input=f"{database_url}\n")
    assert (result.exit_code, result.output) == (0, "The revisions of core, shop keep the rules.\n")

    shop.revise(PRICES, DROP_PRICES)
    shop.revise('op.create_index("shop_item_price", "shop_item", ["price"])', 'op.drop_index("shop_item_price")')
    result = call("check", *on, input=f"{database_url}\n")
    assert result.exit_code == 1
    assert "shop 0003, line 8: building an index under a lock" in result.stderr
    assert "on SQLite, shop: remove_column shop_item shop_item.price" in result.stderr
    assert ("on PostgreSQL, " in result.stderr) is bool(on)
    assert database_url not in result.stderr  # it can hold a password


def test_new_writes_the_revision_that_is_missing(
    call: Call, shop: Shop, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("new", "shop", "nothing").output == "The revisions of shop already make the tables that it declares.\n"
    tables = MetaData()
    Table("shop_item", tables, Column("id", Integer, primary_key=True), Column("name", Text), Column("note", Text))
    changed = msgspec.structs.replace(shop.system, tables=tables)
    monkeypatch.setattr(systems, "installed_systems", lambda settings: [FLOOR, changed])
    path = shop.folder / "0002_keep_a_note.py"
    result = call("new", "shop", "keep", "a", "note")
    assert (result.exit_code, result.output) == (0, f"{path}\n")
    assert path.read_text().startswith('"""Keep a note."""\n\nfrom __future__ import annotations\n')
    on = [] if database_url.startswith("sqlite") else ["--on", database_url]
    assert call("check", *on).exit_code == 0

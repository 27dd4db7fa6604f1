"""The linter of revisions: each rule, by what it refuses and what it lets pass; and that ours keep them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from septet.core.floor import FLOOR
from septet.core.system import System
from septet.engines.database.expand_contract import lint
from septet.systems import load_cards
from support.revisions import Shop

FIRST = """
op.create_table("shop_item", Column("id", Integer, primary_key=True), Column("name", String))
op.create_index("shop_item_name", "shop_item", ["name"], unique=True)
"""
CONCURRENTLY = """
with op.get_context().autocommit_block():
    op.drop_index("shop_item_new", "shop_item", if_exists=True, postgresql_concurrently=True)
    op.create_index("shop_item_new", "shop_item", ["name"], postgresql_concurrently=True{options})
"""
LINES = 'op.create_table("shop_line", Column("a", Integer, nullable=False))\n'
CONTRACT = 'contract = True\ncontracts = "0001"'

REFUSED = {
    'op.drop_table("shop_item")': "still uses it",
    'op.drop_column("shop_item", "name")': "still uses it",
    'with op.batch_alter_table("shop_item") as batch:\n    batch.drop_column("name")': "still uses it",
    'op.drop_constraint("shop_item_name", "shop_item", type_="unique")': "still uses it",
    'op.drop_index("shop_item_name", "shop_item")': "still uses it",
    'op.rename_table("shop_item", "shop_thing")': "cannot be renamed",
    'op.alter_column("shop_item", "name", new_column_name="title")': "cannot be renamed",
    'op.alter_column("shop_item", "name", type_=Integer)': "another type",
    'op.alter_column("shop_item", "name", nullable=False)': "write NULL",
    'op.alter_column("shop_item", "name", server_default=None)': "rely on the default",
    'op.add_column("shop_item", Column("price", Integer, nullable=False))': "does not name it",
    'op.add_column("shop_item", Column("at", String, server_default=text("now()")))': "use a literal",
    'op.add_column("shop_item", Column("price", Integer, index=True))': "in a revision of its own",
    'op.add_column("shop_item", Column("other", Integer, ForeignKey("shop_item.id")))': "in a revision of its own",
    'op.create_index("shop_item_new", "shop_item", ["name"])': "stops all writers",
    'op.create_index("shop_item_new", "shop_item", ["name"], postgresql_concurrently=True)': "stops all writers",
    CONCURRENTLY.format(options="").replace("if_exists=True, ", ""): "still uses it",
    CONCURRENTLY.format(options=", unique=True"): "may still write what this forbids",
    CONCURRENTLY.format(options="") + 'op.add_column("shop_item", Column("price", Integer))': "stops all writers",
    'op.create_unique_constraint("shop_item_u", "shop_item", ["name"])': "unique index concurrently",
    'op.create_primary_key("shop_item_pk", "shop_item", ["name"])': "rewrites the table",
    'op.create_check_constraint("shop_item_c", "shop_item", "id > 0")': "postgresql_not_valid",
    'op.create_check_constraint(None, "shop_item", "id > 0", postgresql_not_valid=True)': "needs a name",
    'op.create_foreign_key("shop_item_f", "shop_item", "shop_item", ["id"], ["id"])': "postgresql_not_valid",
    "op.execute(\"update shop_item set name = ''\")": "needs its reason",
    "op.execute(\"update shop_item set name = ''\")  # safe:": "needs its reason",
    'op.get_bind().execute(text("select 1"))': "cannot be checked",
    'raise RuntimeError("no")': "cannot be checked",
    'op.create_table("item", Column("id", Integer))': "item is not a table of shop",
    'op.add_column("identity_account", Column("shoe_size", Integer))': "not a table of shop",
    'op.create_table("shop_line", Column("a", Integer, ForeignKey("identity_account.id")))': "none may cross",
    'op.create_table("shop_line", Column("a", Integer, CheckConstraint("a > 0")))': "needs a name",
    LINES + 'op.create_index("line_a", "shop_line", ["a"])': "must begin with",
}
ALLOWED = [
    'op.add_column("shop_item", Column("price", Integer))',
    'op.add_column("shop_item", Column("price", Integer, nullable=False, server_default="0"))',
    'op.add_column("shop_item", Column("price", Integer, nullable=False, server_default=text("0")))',
    'with op.batch_alter_table("shop_item") as batch:\n    batch.add_column(Column("price", Integer))',
    'op.alter_column("shop_item", "name", server_default="none")',
    'op.alter_column("shop_item", "name", nullable=True)',
    'op.create_check_constraint("shop_item_c", "shop_item", "id > 0", postgresql_not_valid=True)',
    'op.drop_constraint("shop_item_c", "shop_item", type_="check")',
    "op.execute(\"update shop_item set name = ''\")  # safe: a hundred rows at most",
    'op.execute(\n    "update shop_item set name = 1"\n)  # safe: a hundred rows at most',
    CONCURRENTLY.format(options=""),
    LINES + 'op.create_index("shop_line_a", "shop_line", ["a"])',
    'op.bulk_insert(op.create_table("shop_kind", Column("name", String)), [{"name": "a"}])',
]
ONLY_IN_CONTRACTS = [
    'op.drop_table("shop_item")',
    'op.drop_column("shop_item", "name")',
    'op.alter_column("shop_item", "name", nullable=False)',
    CONCURRENTLY.format(options=", unique=True"),
    "with op.get_context().autocommit_block():\n"
    '    op.drop_index("shop_item_name", "shop_item", postgresql_concurrently=True)',
]
NEVER = [
    'op.rename_table("shop_item", "shop_thing")',
    'op.alter_column("shop_item", "name", type_=Integer)',
    'op.create_index("shop_item_new", "shop_item", ["name"])',
    'op.drop_index("shop_item_name", "shop_item")',
]


def faults_of(folder: Path, work: str, marks: str = "") -> list[str]:
    """The faults of a second revision that does `work` to a table that is there."""
    shop = Shop(folder)
    shop.revise(FIRST)
    shop.revise(work, marks=marks)
    return [str(fault) for fault in lint(shop.system)]


@pytest.mark.parametrize("system", [FLOOR, *load_cards(())], ids=lambda system: system.name)
def test_our_revisions_keep_the_rules(system: System) -> None:
    assert lint(system) == []


@pytest.mark.parametrize(("work", "why"), REFUSED.items())
def test_what_the_previous_release_would_notice_is_refused(tmp_path: Path, work: str, why: str) -> None:
    faults = faults_of(tmp_path, work)
    assert any(why in fault for fault in faults), faults
    assert all(fault.startswith("shop 0002, line ") for fault in faults)


@pytest.mark.parametrize("work", ALLOWED)
def test_what_expands_is_allowed(tmp_path: Path, work: str) -> None:
    assert faults_of(tmp_path, work) == []


@pytest.mark.parametrize("work", ONLY_IN_CONTRACTS)
def test_a_later_contract_may_drop_what_nothing_uses(tmp_path: Path, work: str) -> None:
    assert faults_of(tmp_path / "marked", work, CONTRACT) == []
    assert faults_of(tmp_path / "unmarked", work) != []


@pytest.mark.parametrize("work", NEVER)
def test_a_contract_may_not_do_everything(tmp_path: Path, work: str) -> None:
    assert faults_of(tmp_path, work, CONTRACT) != []


@pytest.mark.parametrize("marks", ["contract = True", 'contract = True\ncontracts = "0002"', 'contracts = "0001"'])
def test_a_contract_names_an_earlier_revision(tmp_path: Path, marks: str) -> None:
    assert ["contract" in fault for fault in faults_of(tmp_path, "pass", marks)] == [True]


def test_a_fault_names_its_line(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, 'op.add_column("shop_item", Column("a", Integer))\nop.drop_table("shop_item")')
    text = (tmp_path / "migrations" / "0002_change.py").read_text().splitlines()
    line = next(number for number, line in enumerate(text, 1) if "drop_table" in line)
    assert fault.startswith(f"shop 0002, line {line}: ")


def test_revisions_are_one_line(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    for _ in range(3):
        shop.revise("pass")
    second, third = shop.folder / "0002_change.py", shop.folder / "0003_change.py"
    second.write_text(second.read_text().replace('revision = "0002"', 'revision = "0007"', 1))
    third.write_text(third.read_text().replace('down_revision = "0002"', 'down_revision = "0001"'))
    third.write_text(third.read_text().replace("def downgrade", "def back"))
    third.rename(shop.folder / "0004_change.py")
    (shop.folder / "helpers.py").write_text("")
    told = [(fault.revision, fault.detail.split(",")[0]) for fault in lint(shop.system)]
    assert told == [
        ("folder", "helpers.py is no revision"),
        ("0002", "`revision` must be the file's number"),
        ("0004", "the revision after 0002 is numbered 0003"),
        ("0004", "`revision` must be the file's number"),
        ("0004", "`down_revision` must be the revision before it"),
        ("0004", "it has no downgrade()"),
    ]

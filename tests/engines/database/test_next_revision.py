"""The revision that is written from what a system's tables are and its revisions make: it is Python, and is enough."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import CheckConstraint, Column, Integer, MetaData, String, Table, text

from septet.engines.database.migrations import migrate_up
from septet.engines.database.scratch import write_next_revision
from support.revisions import Shop, ask


async def test_strings_in_sql_and_quotes_of_every_kind_stay_what_they_are(tmp_path: Path) -> None:
    tables = MetaData()
    Table(
        "shop_item",
        tables,
        Column("id", Integer, primary_key=True),
        Column("kind", String, server_default=text("'it''s \"new\"'"), nullable=False),
        Column("note", String, server_default=text("''"), nullable=False),
        CheckConstraint("note in ('', 'a', 'b')", name="shop_item_note"),
    )
    shop = Shop(tmp_path, tables)
    written = await write_next_revision(shop.system, "Items")
    assert written is not None
    assert "op.create_table('" not in written.read_text()
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    await migrate_up(url, [shop.system])
    ask(url, "insert into shop_item (id) values (1)")
    assert ask(url, "select kind, note from shop_item") == [('it\'s "new"', "")]
    assert await write_next_revision(shop.system, "Nothing is left") is None

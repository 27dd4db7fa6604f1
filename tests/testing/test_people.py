"""What `septet.testing` gives to those who write a system: people by name, where no system knows who is asking."""

from __future__ import annotations

from pathlib import Path

import pytest

from septet.core.errors import Forbidden
from septet.systems import available
from septet.testing import PEOPLE, Caller, client_of, running_septet
from support.databases import new_sqlite_database
from support.sample_system import NOTES, NOTES_BESIDE_IDENTITY

NOTES_AT = "/v1/notes/notes"


async def test_whoever_gives_a_name_is_signed_in_as_a_member(database_url: str, tmp_path: Path) -> None:
    async with (
        running_septet(database_url, tmp_path, systems=[NOTES_BESIDE_IDENTITY]) as septet,
        client_of(septet, "zoe") as zoe,
        client_of(septet, "yan") as yan,
        client_of(septet) as nobody,
    ):
        assert (await zoe.post(NOTES_AT, json={"title": "Hers"})).status_code == 201
        titles = [[note["title"] for note in (await who.get(NOTES_AT)).json()["items"]] for who in (zoe, yan)]
        assert titles == [["Hers"], []]
        assert (await nobody.get(NOTES_AT)).status_code == 401
        assert (await zoe.get("/metrics")).status_code == 403
        assert [note.title for note in (await Caller(septet, "zoe")("list_notes")).items] == ["Hers"]


async def test_a_caller_has_the_scopes_of_members_alone(tmp_path: Path) -> None:
    async with running_septet(new_sqlite_database(tmp_path), tmp_path, doors=False) as septet:
        with pytest.raises(Forbidden):
            await Caller(septet, "zoe")("list_accounts")


async def test_a_system_that_knows_who_asks_is_believed_alone(tmp_path: Path) -> None:
    async with (
        running_septet(new_sqlite_database(tmp_path), tmp_path, systems=[NOTES]) as septet,
        client_of(septet, "ada") as ada,
        client_of(septet, "zoe") as zoe,
    ):
        assert PEOPLE not in septet.runtime.registry.systems
        assert (await ada.get(NOTES_AT)).status_code == 200
        assert (await zoe.get(NOTES_AT)).status_code == 401


def test_no_setting_chooses_people_who_are_believed() -> None:
    assert PEOPLE.name not in available()

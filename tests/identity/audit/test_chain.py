"""The audit log's chain: whoever changes, removes, adds or cuts off an entry in the database is found out."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from septet.app import Septet
from septet.core.errors import Forbidden, Invalid
from septet.identity.audit import chain
from septet.identity.tasks import sweep_expired
from septet.identity.types import MeChanges
from support.app import Clock
from support.oauth import provider
from support.people import ADA, GRACE, HOME, OTHER_PASSWORD, call, register, sign_in
from support.sql import execute


async def _busy(septet: Septet) -> Any:
    """Some twenty entries of three people, and of nobody."""
    grace = await register(septet, GRACE, name="Grace")
    for _ in range(8):
        await sign_in(septet, GRACE)
    for email in (ADA, "nobody@example.org") * 3:
        with pytest.raises(Exception, match="belong together"):
            await sign_in(septet, email, OTHER_PASSWORD)
    await chain.look(septet.runtime)
    return grace


async def _verified(septet: Septet, ada: str, anchor: str | None = None) -> Any:
    return await call(septet, "verify_audit", ada, anchor=anchor)


async def _faults(septet: Septet, ada: str, anchor: str | None = None) -> list[tuple[int, str]]:
    told = await _verified(septet, ada, anchor)
    assert told.intact == (not told.faults)
    return [(fault.number, fault.fault.value) for fault in told.faults]


async def test_entries_are_chained_and_intact(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        await _busy(septet)
        told = await _verified(septet, ada)
        assert (told.intact, told.first, told.waiting, told.faults) == (True, 1, 0, [])
        assert told.last == execute(database_url, "SELECT count(*) FROM identity_audit_entry")[0][0] >= 17
        await sign_in(septet, GRACE)
        later = await _verified(septet, ada, told.anchor)
        assert (later.intact, later.last, later.waiting) == (True, told.last, 1)
        await chain.look(septet.runtime)
        again = await _verified(septet, ada, told.anchor)
        assert (again.intact, again.last, again.waiting) == (True, told.last + 1, 0)
        assert again.anchor != told.anchor


TAMPERINGS = {
    "UPDATE identity_audit_entry SET outcome = 'lost' WHERE number = 12": [(12, "changed")],
    "UPDATE identity_audit_entry SET sealed_details = other.sealed_details FROM identity_audit_entry AS other"
    " WHERE identity_audit_entry.number = 6 AND other.number = 7": [(6, "changed")],
    "UPDATE identity_audit_entry SET about_key = NULL WHERE number = 5": [(5, "changed")],
    "DELETE FROM identity_audit_entry WHERE number = 9": [(9, "missing")],
    "DELETE FROM identity_audit_entry WHERE number = 1": [(1, "missing")],
    "UPDATE identity_audit_entry SET number = number + 1000 WHERE number = 4": [(4, "missing")],
}


@pytest.mark.parametrize("statement", TAMPERINGS)
async def test_what_was_changed_or_taken_out_is_named(database_url: str, tmp_path: Path, statement: str) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        await _busy(septet)
        execute(database_url, statement)
        assert (await _faults(septet, ada))[0] == TAMPERINGS[statement][0]


async def test_an_end_that_was_cut_off_is_found(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        await _busy(septet)
        last = (await _verified(septet, ada)).last
        execute(database_url, f"DELETE FROM identity_audit_entry WHERE number > {last - 3}")
        assert await _faults(septet, ada) == [(last - 2, "missing")]


async def test_an_entry_written_without_the_keys_is_found(database_url: str, tmp_path: Path) -> None:
    """Somebody adds one by hand, as a copy of another; the chain takes it up, and its seal tells."""
    async with provider(database_url, tmp_path) as (septet, ada):
        await _busy(septet)
        there = "postgresql" in database_url
        id = "'0198b2a8-0000-7000-8000-000000000001'" if there else "X'0198b2a8000070008000000000000001'"
        columns = "created_at, action, about_key, actor_key, sealed_details"
        execute(
            database_url,
            f"INSERT INTO identity_audit_entry (id, outcome, {columns}) "
            f"SELECT {id}, 'done', {columns} FROM identity_audit_entry WHERE number = 6",
        )
        await chain.look(septet.runtime)
        last = (await _verified(septet, ada)).last
        assert await _faults(septet, ada) == [(last, "forged")]


async def test_a_chain_written_anew_without_the_keys_is_found(database_url: str, tmp_path: Path) -> None:
    """All hashes can be made again by anybody; how far they reach is sealed."""
    async with provider(database_url, tmp_path) as (septet, ada):
        await _busy(septet)
        before = await _verified(septet, ada)
        execute(database_url, "DELETE FROM identity_audit_entry WHERE number = 9")
        execute(database_url, "DELETE FROM identity_audit_chain")
        execute(database_url, "UPDATE identity_audit_entry SET number = NULL, hash = NULL")
        await chain.look(septet.runtime)  # as a forger would, who has this very program but not the keys
        forged = await _verified(septet, ada)
        assert forged.intact  # here the server itself wrote it anew: that is what the anchor is for
        assert await _faults(septet, ada, before.anchor) == [(before.last, "missing")]
        execute(
            database_url,
            "UPDATE identity_audit_chain SET sealed_state = (SELECT sealed_key FROM identity_audit_key LIMIT 1)",
        )
        assert (0, "forged") in await _faults(septet, ada)


async def test_a_chain_that_cannot_go_on_says_so_and_stops_nobody(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, _):
        await _busy(septet)
        execute(
            database_url,
            "UPDATE identity_audit_chain SET sealed_state = (SELECT sealed_key FROM identity_audit_key LIMIT 1)",
        )
        await sign_in(septet, GRACE)
        with pytest.raises(chain.ChainBrokenError):
            await chain.look(septet.runtime)
        await sign_in(septet, GRACE)


async def test_an_anchor_tells_a_database_of_an_earlier_day(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        await _busy(septet)
        anchor = (await _verified(septet, ada)).anchor
        number, _, hash = anchor.partition(":")
        assert await _faults(septet, ada, anchor) == []
        assert await _faults(septet, ada, f"{int(number) + 1}:{hash}") == [(int(number) + 1, "missing")]
        assert await _faults(septet, ada, f"{number}:{'0' * 64}") == [(int(number), "changed")]
        with pytest.raises(Invalid):
            await _faults(septet, ada, "yesterday")


async def test_many_chain_at_once_and_none_twice(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        await register(septet, GRACE)

        async def signs_in() -> None:
            for _ in range(10):
                await sign_in(septet, GRACE)
                await chain.look(septet.runtime)

        await asyncio.gather(*(signs_in() for _ in range(8)))
        await chain.look(septet.runtime)
        told = await _verified(septet, ada)
        assert (told.intact, told.waiting) == (True, 0)
        assert told.last >= 80


async def test_old_entries_go_from_the_front_and_the_rest_is_intact(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock, audit_days=30) as (septet, early):
        await _busy(septet)
        before = await _verified(septet, early)
        early_anchor = "1:" + "0" * 64
        clock.advance(days=31)
        await sign_in(septet, GRACE)
        await chain.look(septet.runtime)
        await septet.runtime.context().write(sweep_expired)
        ada = (await sign_in(septet, ADA)).access_token
        told = await _verified(septet, ada)
        assert (told.intact, told.first, told.last) == (True, before.last + 1, before.last + 1)
        assert await _faults(septet, ada, before.anchor) == []
        assert await _faults(septet, ada, early_anchor) == [(1, "gone")]
        number, _, _ = before.anchor.partition(":")
        assert await _faults(septet, ada, f"{number}:{'0' * 64}") == [(int(number), "changed")]
        execute(database_url, f"UPDATE identity_audit_entry SET outcome = 'refused' WHERE number = {told.last}")
        assert await _faults(septet, ada) == [(told.last, "changed")]


async def test_erasing_a_person_leaves_the_chain_intact_and_nothing_of_them(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        grace = await _busy(septet)
        seen = await call(septet, "list_audit_of_account", ada, id=grace.account.id)
        assert {(r.address, r.user_agent) for r in seen.items} == {(HOME.address, HOME.user_agent)}
        await call(septet, "change_me", grace.access_token, body=MeChanges(name=None))
        await call(septet, "delete_me", grace.access_token)
        await chain.look(septet.runtime)
        assert await _faults(septet, ada) == []
        assert (await call(septet, "list_audit_of_account", ada, id=grace.account.id)).items == []
        everything = (await call(septet, "list_audit", ada, limit=100)).items
        assert len(everything) >= 17
        assert grace.account.id not in {r.account_id for r in everything} | {r.actor_id for r in everything}
        assert [r.address for r in everything if r.action == "account_delete"] == [""]


async def test_only_administrators_verify(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, _):
        grace = await register(septet, GRACE)
        with pytest.raises(Forbidden):
            await _verified(septet, grace.access_token)


async def test_what_somebody_changed_is_shown_as_changed(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        grace = await _busy(septet)
        execute(database_url, "UPDATE identity_audit_entry SET action = 'passkey_add' WHERE action = 'register'")
        seen = (await call(septet, "list_audit_of_account", ada, id=grace.account.id)).items
        assert [r.target for r in seen if r.action == "passkey_add"] == ["this entry was changed"]


async def test_the_watch_chains_by_itself(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with capture_logs() as logs:
        async with provider(database_url, tmp_path) as (septet, ada):
            for _ in range(100):
                if (told := await _verified(septet, ada)).last >= 2:
                    break
                await asyncio.sleep(0.1)
            assert (told.last >= 2, told.waiting) == (True, 0)
    assert [entry for entry in logs if entry["log_level"] == "error"] == []

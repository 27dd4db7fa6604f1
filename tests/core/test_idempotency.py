"""A retried request has its effect once, on both databases, also while its twin runs and after a failure."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from septet.core import queries
from septet.core.errors import Conflict, InProgress, Invalid, KeyReused, Problem
from septet.core.floor import FLOOR
from septet.core.idempotency import forget_old_replies
from support.app import Clock, running_septet
from support.calls import Caller, person
from support.sample_system import NOTES

SYSTEMS = [FLOOR, NOTES]


async def titles_of(caller: Caller) -> list[str]:
    return [note.title for note in (await caller("list_notes", limit=100)).items]


async def test_a_repeat_gets_the_first_reply_and_changes_nothing(database_url: str, tmp_path: Path) -> None:
    async with running_septet(database_url, tmp_path, systems=SYSTEMS) as septet:
        ann = Caller(septet, person(1))
        first = await ann("create_note", "k1", body={"title": "once"})
        assert not ann.last.replayed
        again = await ann("create_note", "k1", body={"title": "once"})
        assert ann.last.replayed
        assert again == first
        assert await titles_of(ann) == ["once"]


async def test_another_request_with_the_same_key_is_refused(database_url: str, tmp_path: Path) -> None:
    async with running_septet(database_url, tmp_path, systems=SYSTEMS) as septet:
        ann = Caller(septet, person(1))
        await ann("create_note", "k1", body={"title": "once"})
        with pytest.raises(KeyReused):
            await ann("create_note", "k1", body={"title": "other"})
        assert await titles_of(ann) == ["once"]


async def test_the_same_key_of_another_person_or_operation_is_another_key(database_url: str, tmp_path: Path) -> None:
    async with running_septet(database_url, tmp_path, systems=SYSTEMS) as septet:
        ann, ben = Caller(septet, person(1)), Caller(septet, person(2))
        note = await ann("create_note", "k1", body={"title": "Ann's"})
        await ben("create_note", "k1", body={"title": "Ben's"})
        await ann("pin_note", "k1", id=str(note.id))
        assert (await titles_of(ann), await titles_of(ben)) == (["Ann's"], ["Ben's"])


async def test_a_refused_request_may_be_tried_again_with_its_key(database_url: str, tmp_path: Path) -> None:
    async with running_septet(database_url, tmp_path, systems=SYSTEMS) as septet:
        ann = Caller(septet, person(1))
        taken = await ann("create_note", body={"title": "taken"})
        with pytest.raises(Conflict):
            await ann("create_note", "k1", body={"title": "taken"})
        await ann("remove_note", id=str(taken.id))
        made = await ann("create_note", "k1", body={"title": "taken"})
        assert not ann.last.replayed
        assert made.id != taken.id


async def test_fifty_twins_at_once_have_one_effect(database_url: str, tmp_path: Path) -> None:
    async with running_septet(database_url, tmp_path, systems=SYSTEMS) as septet:
        callers = [Caller(septet, person(1)) for _ in range(50)]
        outcomes = await asyncio.gather(
            *(caller("create_note", "k1", body={"title": "once"}) for caller in callers), return_exceptions=True
        )
        refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert {getattr(problem, "code", problem) for problem in refused} <= {"in_progress"}
        made = {outcome.id for outcome in outcomes if not isinstance(outcome, BaseException)}
        assert len(made) == 1
        assert await titles_of(callers[0]) == ["once"]


async def test_a_repeat_of_an_operation_in_steps_gets_the_first_reply(database_url: str, tmp_path: Path) -> None:
    async with running_septet(database_url, tmp_path, systems=SYSTEMS) as septet:
        ann = Caller(septet, person(1))
        first = await ann("import_note", "k1", body={"title": "once"})
        assert await ann("import_note", "k1", body={"title": "once"}) == first
        assert ann.last.replayed
        with pytest.raises(KeyReused):
            await ann("import_note", "k1", body={"title": "other"})
        assert await titles_of(ann) == ["once"]


async def test_twins_in_steps_have_one_effect(database_url: str, tmp_path: Path) -> None:
    async with running_septet(database_url, tmp_path, systems=SYSTEMS) as septet:
        callers = [Caller(septet, person(1)) for _ in range(20)]
        outcomes = await asyncio.gather(
            *(caller("import_note", "k1", body={"title": "once"}) for caller in callers), return_exceptions=True
        )
        refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert {getattr(problem, "code", problem) for problem in refused} <= {"in_progress"}
        assert await titles_of(callers[0]) == ["once"]


async def test_a_refused_operation_in_steps_may_be_tried_again(database_url: str, tmp_path: Path) -> None:
    async with running_septet(database_url, tmp_path, systems=SYSTEMS) as septet:
        ann = Caller(septet, person(1))
        taken = await ann("create_note", body={"title": "taken"})
        with pytest.raises(Conflict):
            await ann("import_note", "k1", body={"title": "taken"})
        await ann("remove_note", id=str(taken.id))
        await ann("import_note", "k1", body={"title": "taken"})
        assert not ann.last.replayed


async def test_a_claim_whose_process_died_ends_after_its_lease(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with running_septet(database_url, tmp_path, systems=SYSTEMS, clock=clock) as septet:
        ann = Caller(septet, person(1))
        place = {"actor": ann.actor.key, "operation": "import_note", "key": "k1"}
        left = {**place, "fingerprint": b"of the dead", "created_at": clock(), "stale": clock()}
        await septet.runtime.database.write(lambda tx: tx.run(queries.claim_reply, **left))
        with pytest.raises(InProgress):
            await ann("import_note", "k1", body={"title": "once"})
        clock.advance(seconds=61)
        await ann("import_note", "k1", body={"title": "once"})
        assert await titles_of(ann) == ["once"]


async def test_a_reply_is_forgotten_after_its_hours(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with running_septet(database_url, tmp_path, systems=SYSTEMS, clock=clock) as septet:
        ann = Caller(septet, person(1))
        note = await ann("create_note", "old", body={"title": "old"})
        clock.advance(hours=23)
        await ann("create_note", "young", body={"title": "young"})
        clock.advance(hours=2)
        ctx = septet.runtime.context()
        await septet.runtime.write(ctx, lambda: forget_old_replies(ctx))
        await ann("create_note", "young", body={"title": "young"})
        assert ann.last.replayed
        await ann("remove_note", id=str(note.id))
        await ann("create_note", "old", body={"title": "old"})
        assert not ann.last.replayed


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "umläut", "line\nbreak"])
async def test_what_cannot_be_a_key_is_refused(tmp_path: Path, key: str) -> None:
    async with running_septet(f"sqlite:///{tmp_path}/septet.db", tmp_path, systems=SYSTEMS) as septet:
        with pytest.raises(Invalid) as refused:
            await Caller(septet, person(1))("create_note", key, body={"title": "never"})
        assert refused.value.faults[0].pointer == "/Idempotency-Key"


async def test_an_operation_that_returns_a_secret_takes_no_key(tmp_path: Path) -> None:
    async with running_septet(f"sqlite:///{tmp_path}/septet.db", tmp_path, systems=SYSTEMS) as septet:
        with pytest.raises(Problem, match="takes no Idempotency-Key"):
            await Caller(septet, person(1))("make_secret", "k1", body={"city": "Wien", "country": "AT"})

"""Records of calls and tasks: which are kept, how many, for whom, and that keeping them disturbs nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from septet.app import Septet
from septet.core.context import Context
from septet.core.errors import Forbidden, NotFound, Unavailable
from septet.core.floor import FLOOR
from septet.core.record_queries import Kind, Outcome, Record
from septet.core.records import MOST_WAITING, ORDINARY_A_SECOND, RecordBook
from septet.core.trail import Trail
from septet.core.types import AccountId
from support.app import Clock, running_septet
from support.calls import Caller, person
from support.chores import CHORES, Chore, script_of, tidy
from support.faulty_system import FAULTY
from support.sample_system import NOTES
from support.tasks import store

ROOT = person(3, frozenset({"server:read"}))


@asynccontextmanager
async def recording(
    database_url: str, folder: Path, *, records: int = 100, **settings: Any
) -> AsyncIterator[tuple[Septet, RecordBook]]:
    systems = [FLOOR, NOTES, CHORES, FAULTY]
    async with running_septet(database_url, folder, systems=systems, records=records, **settings) as septet:
        book = septet.runtime.telemetry.recorder
        assert isinstance(book, RecordBook)
        yield septet, book


async def listed(septet: Septet, **filters: Any) -> list[Record]:
    page = await Caller(septet, ROOT)("list_records", **filters)
    found: list[Record] = page.items
    return found


def trail(number: int = 0, *, failed: bool = False, account: int | None = None) -> Trail:
    made = Trail("test", f"{number:032x}", "x")
    made.failed = failed
    made.account = AccountId(UUID(int=account)) if account is not None else None
    made.ended = made.began + 1_500_000
    return made


async def test_what_a_record_tells(database_url: str, tmp_path: Path) -> None:
    async with recording(database_url, tmp_path) as (septet, book):
        await Caller(septet, person(7))("create_note", body={"title": "the secret"})
        await book.write()
        (record,) = await listed(septet)
        assert (record.kind, record.name, record.door) == (Kind.REQUEST, "create_note", "direct")
        assert (record.outcome, record.slow, record.status, record.problem) == (Outcome.DONE, False, None, None)
        assert record.account_id == UUID(int=7)
        assert [(query.name.rpartition(".")[2], query.count) for query in record.queries] in (
            [("titled", 1), ("insert_note", 1)],
            [("insert_note", 1), ("titled", 1)],
        )
        assert 0 < sum(query.ms for query in record.queries) <= record.ms < 5000
        assert 0 <= (septet.runtime.clock() - record.started_at).total_seconds() < 60
        assert "secret" not in str(record)


async def test_tasks_leave_records_too(database_url: str, tmp_path: Path) -> None:
    async def fail(ctx: Context, number: int) -> None:
        raise ValueError("the secret")

    async with recording(database_url, tmp_path) as (septet, book):
        script_of(septet.runtime).before["tidy"] = fail
        await store(septet.runtime, lambda ctx: ctx.enqueue(tidy, Chore(1)))
        await septet.worker.run_due()
        await book.write()
        (record,) = await listed(septet, kind="task", failed=True)
        assert (record.name, record.door, record.outcome) == ("chores.tidy", "task", Outcome.FAILED)
        assert (record.problem, record.account_id) == ("internal", None)


async def test_failures_are_all_kept_and_of_the_rest_a_few(database_url: str, tmp_path: Path) -> None:
    async with recording(database_url, tmp_path) as (septet, book):
        ask = Caller(septet, person(7))
        for _ in range(20):
            await ask("echo", label="x")
            with pytest.raises(NotFound):
                await ask("read_note", id=str(UUID(int=1)))
            with pytest.raises(Unavailable):
                await ask("be_unavailable")
        await book.write()
        found = await listed(septet, limit=100)
        assert sum(record.outcome is Outcome.FAILED for record in found) == 20
        # The writer beats once a second, whatever the test does meanwhile.
        assert ORDINARY_A_SECOND <= len(found) - 20 <= 3 * ORDINARY_A_SECOND


async def test_the_newest_come_first_and_filters_hold(database_url: str, tmp_path: Path) -> None:
    async with recording(database_url, tmp_path) as (septet, book):
        for number in range(6):
            book.add(trail(number, failed=number % 2 == 0))
        await book.write()
        task = trail(6, failed=True)
        task.door = "task"
        book.add(task)
        await book.write()
        numbers = {
            name: [int(record.trace_id, 16) for record in await listed(septet, **filters)]
            for name, filters in {
                "all": {},
                "requests": {"kind": "request"},
                "tasks": {"kind": "task"},
                "failed": {"failed": True},
                "failed requests": {"kind": "request", "failed": True},
            }.items()
        }
        assert numbers == {
            "all": [6, 5, 4, 3, 2, 1, 0],
            "requests": [5, 4, 3, 2, 1, 0],
            "tasks": [6],
            "failed": [6, 4, 2, 0],
            "failed requests": [4, 2, 0],
        }
        first = await Caller(septet, ROOT)("list_records", limit=4)
        second = await Caller(septet, ROOT)("list_records", limit=4, cursor=first.next)
        assert [int(record.trace_id, 16) for record in (*first.items, *second.items)] == numbers["all"]


async def test_only_so_many_are_kept(database_url: str, tmp_path: Path) -> None:
    async with recording(database_url, tmp_path, records=10) as (septet, book):
        for number in range(35):
            book.add(trail(number))
            if number % 4 == 0:
                await book.write()
        await book.write()
        assert [int(record.trace_id, 16) for record in await listed(septet, limit=100)] == list(range(34, 24, -1))


async def test_what_does_not_fit_is_dropped_and_counted(tmp_path: Path) -> None:
    async with recording(f"sqlite:///{tmp_path / 'a.db'}", tmp_path, records=10_000) as (_, book):
        for number in range(MOST_WAITING + 25):
            book.add(trail(number))
        (dropped,) = await book.measures()
        assert dropped.samples == [({}, 25)]


async def test_what_cannot_be_written_is_dropped_and_hurts_nobody(tmp_path: Path) -> None:
    async with recording(f"sqlite:///{tmp_path / 'a.db'}", tmp_path) as (septet, book):
        book.add(trail())
        await septet.runtime.database.close()
        with capture_logs() as logs:
            await book.write()
        (dropped,) = await book.measures()
        assert dropped.samples == [({}, 1)]
        assert [(line["event"], line["count"]) for line in logs] == [("records were dropped", 1)]


async def test_they_are_written_by_themselves(tmp_path: Path) -> None:
    async with recording(f"sqlite:///{tmp_path / 'a.db'}", tmp_path) as (septet, book):
        book.add(trail(1))
    async with recording(f"sqlite:///{tmp_path / 'a.db'}", tmp_path) as (septet, book):
        assert len(await listed(septet)) == 1  # the last were written when the process ended


async def test_none_are_kept_when_switched_off(tmp_path: Path) -> None:
    async with running_septet(f"sqlite:///{tmp_path / 'a.db'}", tmp_path, systems=[FLOOR, NOTES], records=0) as septet:
        assert septet.runtime.telemetry.recorder is None


async def test_they_are_not_for_everybody(database_url: str, tmp_path: Path) -> None:
    async with recording(database_url, tmp_path) as (septet, _):
        with pytest.raises(Forbidden):
            await Caller(septet, person(7))("list_records")


async def test_a_person_s_records_are_exported_and_erased_even_late_ones(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    ada = AccountId(UUID(int=7))
    export_person, erase_person = FLOOR.export_person, FLOOR.erase_person
    assert export_person is not None
    assert erase_person is not None
    async with recording(database_url, tmp_path, clock=clock) as (septet, book):
        for account in (7, 8, 7):
            book.add(trail(account, account=account))
        await book.write()
        exported = await septet.runtime.context().read(export_person, ada)
        assert [record["account_id"] for record in exported["core_record"]] == [str(ada), str(ada)]

        await septet.runtime.context().write(erase_person, ada)
        assert [record.account_id for record in await listed(septet)] == [UUID(int=8)]
        book.add(trail(9, account=7))  # the very call that erased the account ends after it
        await book.write()
        clock.advance(minutes=2)
        await septet.worker.run_due()
        await book.write()
        left = {record.account_id for record in await listed(septet, kind="request")}
        assert left == {UUID(int=8), ROOT.account}  # who asked for the list left a record as well

"""Ids are UUIDv7 and rise, whatever the clock does."""

from __future__ import annotations

import time
from itertools import pairwise
from uuid import RFC_4122

import pytest

from septet.core.ids import new_id


def test_an_id_is_a_uuid_of_version_7_with_the_time_in_front() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, RFC_4122)
    assert before <= made.int >> 80 <= after + 1


def test_ids_rise_strictly() -> None:
    made = [new_id() for _ in range(20_000)]
    assert all(earlier < later for earlier, later in pairwise(made))


def test_ids_rise_while_the_clock_stands_still_or_steps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    start = new_id().int >> 80
    moments = iter([(start + 5) * 1_000_000] * 5000 + [(start + 1) * 1_000_000] * 5000)
    monkeypatch.setattr(time, "time_ns", lambda: next(moments))
    made = [new_id() for _ in range(10_000)]
    assert all(earlier < later for earlier, later in pairwise(made))

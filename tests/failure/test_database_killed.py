"""kill -9 in the midst of writes: whatever was acknowledged is there afterwards, whole.

SEPTET_TEST_KILLS says how often, on each database.
"""

from __future__ import annotations

import os
import random
import time

from support import things
from support.sql import create_tables, execute
from support.storms import assert_stored, storm, wait_until_it_writes

KILLS = int(os.environ.get("SEPTET_TEST_KILLS", "4"))


def test_what_was_acknowledged_survives_kill_9(database_url: str) -> None:
    create_tables(database_url, things.metadata)
    chance = random.Random(time.time_ns())
    acknowledged = set()
    for _ in range(KILLS):
        with storm(database_url) as running:
            wait_until_it_writes(running)
            time.sleep(chance.uniform(0.0, 0.5))
            running.process.kill()
            running.process.wait()
            acknowledged |= running.acknowledged()
        stored = assert_stored(database_url, acknowledged)
    print(f"{KILLS} kills, {len(acknowledged)} rows acknowledged, {stored} stored")
    if database_url.startswith("sqlite"):
        assert execute(database_url, "PRAGMA integrity_check") == [("ok",)]

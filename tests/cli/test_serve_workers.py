"""`septet serve` as several processes under a supervisor."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import httpx

from support.processes import is_running
from support.server import PATIENCE, Server, serving, started, wait_until


def wait_for_workers(server: Server, count: int, gone: int = 0) -> list[int]:
    """The workers, once there are `count` and the one that is `gone` is not among them."""
    wait_until(lambda: len(server.workers()) == count and gone not in server.workers())
    return server.workers()


def test_a_worker_that_dies_is_started_again(tmp_path: Path) -> None:
    with serving(tmp_path, workers=2) as server:
        victim = wait_for_workers(server, 2)[0]
        os.kill(victim, signal.SIGKILL)
        workers = wait_for_workers(server, 2, gone=victim)
        # Each request has a connection of its own, so both sockets are met. None waits in vain for the dead worker.
        assert {server.get("/health/ready").status_code for _ in range(20)} == {200}
        died = server.logged("a worker died and is started again")[0]
        assert died["exit_code"] == -signal.SIGKILL
        assert server.stop() == 0
        assert not any(is_running(pid) for pid in workers)
    assert "Traceback" not in server.said


def test_workers_that_die_again_and_again_are_given_up(tmp_path: Path) -> None:
    with serving(tmp_path, workers=2) as server:
        survivor = wait_for_workers(server, 2)[0]
        while server.process.poll() is None:
            for pid in server.workers():
                if pid != survivor:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
        assert server.process.returncode == 1
        assert not is_running(survivor)
    assert server.logged("a worker dies again and again: giving up")


def test_workers_end_when_their_supervisor_is_gone(tmp_path: Path) -> None:
    with serving(tmp_path, workers=2) as server:
        workers = wait_for_workers(server, 2)
        server.process.kill()
        server.process.wait(PATIENCE)
        wait_until(lambda: not any(is_running(pid) for pid in workers))


def test_what_stops_the_first_worker_stops_all(tmp_path: Path) -> None:
    with started(tmp_path, workers=2, database_url="postgresql://nobody@127.0.0.1:1/none") as server:
        assert server.process.wait(PATIENCE) == 1
    assert server.said.count("septet: PostgreSQL cannot be reached") == 1


def test_ctrl_c_reaches_all_and_ends_them_in_order(tmp_path: Path) -> None:
    with serving(tmp_path, workers=2) as server:
        workers = wait_for_workers(server, 2)
        for pid in workers:
            os.kill(pid, signal.SIGINT)  # as a terminal does to the whole group
        assert httpx.get(f"{server.address}/health/ready").status_code == 200
        assert server.stop(signal.SIGINT) == 0
        assert not any(is_running(pid) for pid in workers)

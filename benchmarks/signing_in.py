"""What do signing in and staying signed in cost, and what do others feel of a storm of logins?

Refreshes: each exchanges a token of its own for the next, durably (SQLite synchronous=FULL), beside PocketBase's, which
signs another token and stores nothing, and beside the bare driver's durable inserts, the limit of any server that
stores something. Logins: beside the bare rate of Argon2id with the same parameters on the same core. A storm: what
the slowest of other reads wait, beside what they wait without it.
"""

from __future__ import annotations

import argparse
import json
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from msgspec import Struct

from benchmarks import load
from benchmarks.common import SERVER_CORE, Sample, Server, Table, median_of, take_load_core, verdict, write_results
from benchmarks.compare import Figures, figures_table, measure, ratios_table, sampled
from benchmarks.contestants import Bare, PocketBase, Septet
from benchmarks.load import CONNECTIONS, Outcome, Requests

REFRESH_AIMS = {("refresh", "PocketBase"): 1.0}
REFRESHES_A_SECOND = 1500
LOGINS_OF_HASHES = 0.9
TIMES_SLOWER = 3.0
_MEMORY_KIB, _PASSES, _LANES = 19_456, 2, 1  # Argon2id's, as Septet's settings have them by default
_TOKENS = 4 * CONNECTIONS
_STORMING = 16  # connections that sign in at once
_READING, _PAUSE_MS = 8, 4  # connections that read meanwhile, and how long each waits between two reads
_HASHES = f"""
import sys, time
from argon2 import PasswordHasher, Type
hasher = PasswordHasher(time_cost={_PASSES}, memory_cost={_MEMORY_KIB}, parallelism={_LANES}, type=Type.ID)
stored = hasher.hash("a password of twenty-one")
end, count, start = time.perf_counter() + float(sys.argv[1]), 0, time.perf_counter()
while time.perf_counter() < end:
    hasher.verify(stored, "a password of twenty-one")
    count += 1
print(count / (time.perf_counter() - start))
"""


class Person(Struct, frozen=True):
    email: str
    password: str

    def credentials(self) -> str:
        return json.dumps({"email": self.email, "password": self.password})


def run(*, quick: bool = False) -> None:
    take_load_core()
    rounds, seconds = (1, 2) if quick else (5, 4)
    with tempfile.TemporaryDirectory(prefix="septet-bench-") as folder, ExitStack() as running:
        septet, pocketbase, bare = (kind(Path(folder) / kind.__name__) for kind in (Septet, PocketBase, Bare))
        for contestant in (septet, pocketbase, bare):
            contestant.start()
            running.callback(contestant.stop)
            contestant.sign_in()
        figures = _refreshes(septet, pocketbase, bare, rounds, seconds)
        logins = [_logins(septet.server, seconds) for _ in range(rounds)]
        storms = [_storm(septet, seconds) for _ in range(rounds)]
    tables = [
        figures_table("Refreshes", figures),
        ratios_table("Refreshes: Septet over the others", figures, REFRESH_AIMS),
        _refresh_aim(figures),
        _login_table(logins),
        _storm_table(storms),
    ]
    about = f"{CONNECTIONS} connections, {rounds} rounds of {seconds} s a point, medians."
    write_results("signing-in", tables, about=f"{(__doc__ or '').strip()}\n\n{about}")


def _refreshes(septet: Septet, pocketbase: PocketBase, bare: Bare, rounds: int, seconds: int) -> Figures:
    """Refreshes of each, and the bare driver's inserts, in turns."""
    samples: dict[str, list[Sample]] = {septet.name: [], pocketbase.name: [], bare.name: []}
    path = "/api/collections/users/auth-refresh"
    for _ in range(rounds):
        tokens = _tokens(septet.server)
        samples[septet.name].append(_measure_refreshes(septet.server, tokens, seconds))
        pocketbase.sign_in()
        sent = Requests([path], "POST", pocketbase.headers)
        samples[pocketbase.name].append(measure(pocketbase.server, sent, seconds=seconds))
        created = Requests(
            [bare.create_path], "POST", {"Content-Type": "application/json"}, json.dumps(bare.new_note())
        )
        samples[bare.name].append(measure(bare.server, created, seconds=seconds))
        print("  refresh", {name: round(found[-1].rate) for name, found in samples.items()}, flush=True)
    return {("refresh", name): median_of(found) for name, found in samples.items()}


def _tokens(server: Server) -> list[str]:
    """Refresh tokens of as many sessions of one person."""
    person = _new_person(server)
    return [_sign_in(server, person)["refresh_token"] for _ in range(_TOKENS)]


def _measure_refreshes(server: Server, tokens: Sequence[str], seconds: int) -> Sample:
    path = "/v1/identity/sessions/refresh"
    options = {"seconds": seconds, "connections": CONNECTIONS}
    return sampled(server, lambda: load.run_refreshes(server.port, path, tokens, **options))


def _logins(server: Server, seconds: int) -> tuple[float, float]:
    """Logins and bare hashes a second, one after the other on the server's core."""
    person = _new_person(server)
    sent = _login_requests(person)
    hashes = subprocess.run(
        ["taskset", "--cpu-list", str(SERVER_CORE), sys.executable, "-c", _HASHES, str(seconds)],
        capture_output=True,
        text=True,
        check=True,
    )
    outcome = load.run(server.port, sent, seconds=seconds, connections=_STORMING)
    _refuse_errors("logins", outcome)
    print(f"  login {outcome.rate:.1f}/s, bare hashes {float(hashes.stdout):.1f}/s", flush=True)
    return outcome.rate, float(hashes.stdout)


def _storm(septet: Septet, seconds: int) -> tuple[Outcome, Outcome]:
    """Reads alone, and reads beside a storm of logins."""
    septet.sign_in()
    server, person = septet.server, _new_person(septet.server)
    read = Requests(["/v1/identity/me"], headers=septet.headers)

    def reads() -> load.Load:
        return load.begin(server.port, read, seconds=seconds, connections=_READING, pause_ms=_PAUSE_MS)

    alone = reads().finish()
    storming = load.begin(server.port, _login_requests(person), seconds=seconds, connections=_STORMING)
    beside = reads().finish()
    _refuse_errors("logins of the storm", storming.finish())
    _refuse_errors("reads", alone, beside)
    print(f"  reads alone p99 {alone.p99 / 1000:.2f} ms, in the storm {beside.p99 / 1000:.2f} ms", flush=True)
    return alone, beside


def _login_requests(person: Person) -> Requests:
    headers = {"Content-Type": "application/json"}
    return Requests(["/v1/identity/sessions"], "POST", headers, person.credentials())


def _new_person(server: Server) -> Person:
    person = Person(f"{secrets.token_hex(8)}@example.org", secrets.token_urlsafe(24))
    reply = server.call("POST", "/v1/identity/accounts", json.loads(person.credentials()))
    if reply.status != 201:
        raise RuntimeError(f"registering answered {reply.status}: {reply.body[:500]!r}")
    return person


def _sign_in(server: Server, person: Person) -> dict[str, Any]:
    reply = server.call("POST", "/v1/identity/sessions", json.loads(person.credentials()))
    if reply.status != 201:
        raise RuntimeError(f"signing in answered {reply.status}: {reply.body[:500]!r}")
    opened: dict[str, Any] = reply.json()
    return opened


def _refuse_errors(what: str, *outcomes: Outcome) -> None:
    if any(outcome.errors for outcome in outcomes):
        raise RuntimeError(f"{what}: some were refused or broke, so the figure says nothing: {outcomes}")


def _refresh_aim(figures: Figures) -> Table:
    rate = figures["refresh", "Septet"].rate
    row = ["refreshes/s on one core", f"{rate:,.0f}", f"{REFRESHES_A_SECOND:,}", verdict(rate >= REFRESHES_A_SECOND)]
    return Table("Refreshes: the rate", ["", "measured", "aim", ""], [row])


def _login_table(logins: Sequence[tuple[float, float]]) -> Table:
    rate, bare = (_median([pair[which] for pair in logins]) for which in (0, 1))
    ratio = _median([login / hashes for login, hashes in logins])
    row = [f"{rate:.1f}", f"{bare:.1f}", f"{ratio:.2f}", f"{LOGINS_OF_HASHES}", verdict(ratio >= LOGINS_OF_HASHES)]
    note = f"Argon2id with {_MEMORY_KIB} KiB, {_PASSES} passes, {_LANES} lane."
    return Table("Logins", ["logins/s", "bare hashes/s", "ratio", "aim", ""], [row], [note])


def _storm_table(storms: Sequence[tuple[Outcome, Outcome]]) -> Table:
    alone, beside = (_median([pair[which].p99 / 1000 for pair in storms]) for which in (0, 1))
    ratio = _median([in_storm.p99 / by_itself.p99 for by_itself, in_storm in storms])
    row = [f"{alone:.2f}", f"{beside:.2f}", f"{ratio:.1f}", f"{TIMES_SLOWER:.0f}", verdict(ratio <= TIMES_SLOWER)]
    note = f"{_READING} connections read, each every {_PAUSE_MS} ms; {_STORMING} sign in without a pause."
    return Table(
        "Reads beside a storm of logins", ["p99 ms alone", "p99 ms beside", "ratio", "at most", ""], [row], [note]
    )


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round")
    run(quick=parser.parse_args().quick)

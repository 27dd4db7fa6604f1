"""Does the time of a reply tell who has an account?

Each endpoint that takes an address is asked for known and for unknown ones, in turns, one call at a time. The AUC is
the chance that a call for a known address took longer than one for an unknown: 0.5 is what a coin would say. With
2,000 samples of each its standard error is 0.009.
"""

from __future__ import annotations

import argparse
import bisect
import http.client
import json
import random
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.common import Server, Table, take_load_core, verdict, write_results
from benchmarks.contestants import Septet

LOW, HIGH = 0.47, 0.53
_KNOWN = 50  # people; addresses are asked for again and again, as an attacker would
_PASSWORD = "a password of twenty-one letters"
Ask = Callable[[str], tuple[str, dict[str, Any]]]  # an address to a path and a body

ENDPOINTS: dict[str, Ask] = {
    "signing in": lambda email: ("/v1/identity/sessions", {"email": email, "password": "another one of many words"}),
    "registering": lambda email: ("/v1/identity/accounts", {"email": email, "password": _PASSWORD}),
    "a reset": lambda email: ("/v1/identity/password-resets", {"email": email}),
    "a code to sign in": lambda email: ("/v1/identity/sign-in-codes", {"email": email}),
}


class Verifying(Septet):
    """Septet as it is set by default, but for limits and the cost of a hash, which would only add noise."""

    def command(self, port: int) -> list[str]:
        command = super().command(port)
        self.environment |= {
            "SEPTET_IDENTITY_EMAIL_VERIFICATION": "required",
            "SEPTET_IDENTITY_ARGON2_MEMORY": "1024",
            "SEPTET_IDENTITY_ARGON2_TIME": "1",
            "SEPTET_IDENTITY_CODE_MAILS": "1000",
        }
        return command


def run(*, quick: bool = False) -> None:
    take_load_core()
    samples = 200 if quick else 2000
    with tempfile.TemporaryDirectory(prefix="septet-bench-") as folder:
        known = [f"{secrets.token_hex(8)}@example.org" for _ in range(_KNOWN)]
        _register(Path(folder), known)
        septet = Verifying(Path(folder))
        septet.start()
        try:
            rows = [_row(name, septet.server, ask, known, samples) for name, ask in ENDPOINTS.items()]
        finally:
            septet.stop()
    columns = ["", "known, median µs", "unknown, median µs", "AUC", f"within {LOW}–{HIGH}"]
    about = f"{(__doc__ or '').strip()}\n\n{samples:,} samples of each. Argon2id with 1 MiB and one pass."
    write_results("identity-timing", [Table("Known beside unknown addresses", columns, rows)], about=about)


def _register(folder: Path, emails: list[str]) -> None:
    """Make the accounts, on a server that verifies no addresses, in the data folder of the one that does."""
    septet = Septet(folder, environment={"SEPTET_IDENTITY_ARGON2_MEMORY": "1024", "SEPTET_IDENTITY_ARGON2_TIME": "1"})
    septet.start()
    try:
        for email in emails:
            septet.call("POST", "/v1/identity/accounts", {"email": email, "password": _PASSWORD})
    finally:
        septet.stop()


def _row(name: str, server: Server, ask: Ask, known: list[str], samples: int) -> list[str]:
    unknown = [f"{secrets.token_hex(8)}@example.org" for _ in known]
    times: dict[bool, list[float]] = {True: [], False: []}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    order = [True, False] * (samples + 50)
    random.shuffle(order)
    for number, is_known in enumerate(order):
        path, body = ask(random.choice(known if is_known else unknown))
        sent = json.dumps(body)
        began = time.perf_counter_ns()
        connection.request("POST", path, sent, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        reply.read()
        taken = (time.perf_counter_ns() - began) / 1000
        if reply.status not in {202, 401}:
            raise RuntimeError(f"{name} answered {reply.status}")
        if number >= 100:
            times[is_known].append(taken)
    connection.close()
    found = area(times[True], times[False])
    middle = [f"{sorted(times[which])[len(times[which]) // 2]:.0f}" for which in (True, False)]
    print(f"  {name:20} {middle} AUC {found:.3f}", flush=True)
    return [name, *middle, f"{found:.3f}", verdict(LOW <= found <= HIGH)]


def area(longer: list[float], shorter: list[float]) -> float:
    """The share of pairs in which the first is the larger; equal ones count half (Mann and Whitney's U)."""
    ordered = sorted(shorter)
    won = sum(bisect.bisect_left(ordered, value) + bisect.bisect_right(ordered, value) for value in longer)
    return won / (2 * len(longer) * len(shorter))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200 samples")
    run(quick=parser.parse_args().quick)

"""What does it cost a resource server to ask what a token is worth (RFC 7662)?

A client with a secret asks about one token over and over. Beside it: the same server's read of a row by key
with a token, and the bare driver's read, the limit of any server that looks up who asks in a database.
"""

from __future__ import annotations

import argparse
import base64
import secrets
import tempfile
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import httpx

from benchmarks.common import SEPTET, Sample, Table, median_of, run_command, take_load_core, verdict, write_results
from benchmarks.compare import Figures, figures_table, measure
from benchmarks.contestants import Bare, Contestant, Septet
from benchmarks.load import CONNECTIONS, Requests

INTROSPECTIONS_A_SECOND = 3000
_ADMINISTRATOR, _PASSWORD = "root@example.org", secrets.token_urlsafe(24)


def run(*, quick: bool = False) -> None:
    take_load_core()
    rounds, seconds = (1, 2) if quick else (5, 4)
    with tempfile.TemporaryDirectory(prefix="septet-bench-") as folder, ExitStack() as running:
        septet, bare = Septet(Path(folder) / "septet"), Bare(Path(folder) / "bare")
        for contestant in (septet, bare):
            contestant.start()
            running.callback(contestant.stop)
            contestant.fill(20)
        asked = _introspections(septet)
        samples: dict[tuple[str, str], list[Sample]] = {}
        for _ in range(rounds):
            points: dict[tuple[str, str], tuple[Contestant, Requests]] = {
                ("introspect", septet.name): (septet, asked),
                ("read", septet.name): (septet, septet.questions()["read"]),
                ("read", bare.name): (bare, bare.questions()["read"]),
            }
            for which, (contestant, sent) in points.items():
                samples.setdefault(which, []).append(measure(contestant.server, sent, seconds=seconds))
                print(f"  {which} {samples[which][-1].rate:,.0f}/s", flush=True)
    figures = {which: median_of(found) for which, found in samples.items()}
    about = f"{CONNECTIONS} connections, {rounds} rounds of {seconds} s a point, medians."
    tables = [figures_table("Introspection", figures), _aim(figures)]
    write_results("introspection", tables, about=f"{(__doc__ or '').strip()}\n\n{about}")


def _introspections(septet: Septet) -> Requests:
    """Questions of a client that may ask about anybody's token, tried once to see that the reply is the right one."""
    run_command([SEPTET, "create-admin", _ADMINISTRATOR, "--password-stdin"], septet.environment, _PASSWORD)
    opened = septet.server.call("POST", "/v1/identity/sessions", {"email": _ADMINISTRATOR, "password": _PASSWORD})
    token = opened.json()["access_token"]
    new = {"client_name": "Gateway", "scope": "identity:introspect"}
    reply = septet.server.call("POST", "/v1/identity/clients", new, {"Authorization": f"Bearer {token}"})
    created = reply.json()
    credentials = f"{created['client']['client_id']}:{created['client_secret']}"
    headers = {
        "Authorization": "Basic " + base64.b64encode(credentials.encode()).decode(),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    body = urlencode({"token": token})
    told = httpx.post(f"http://127.0.0.1:{septet.server.port}/oauth2/introspect", content=body, headers=headers)
    if told.json().get("active") is not True:
        raise RuntimeError(f"introspection answered {told.status_code}: {told.text[:500]}")
    return Requests(["/oauth2/introspect"], "POST", headers, body)


def _aim(figures: Figures) -> Table:
    rate = figures["introspect", "Septet"].rate
    row = [f"{rate:,.0f}", f"{INTROSPECTIONS_A_SECOND:,}", verdict(rate >= INTROSPECTIONS_A_SECOND)]
    return Table("Introspection: the rate", ["introspections/s on one core", "aim", ""], [row])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round, for a first look")
    run(quick=parser.parse_args().quick)

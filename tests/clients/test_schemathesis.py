"""schemathesis reads /openapi.json and sends what it allows and what it forbids.

No answer may be a 5xx, and each must be as the document says: status, headers, body. What is left out is only that
whatever fits the schema is also taken, because a rule such as "this address has no account yet" is no schema's.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx

from support.served import served, sign_in

PROGRAM = Path(sys.executable).parent / "schemathesis"

# These end the session, or take the scopes, that the other operations are called with.
ENDING = ("sign_out", "sign_out_everywhere", "delete_me", "change_password", "revoke_administrator", "revoke_role")


def explore(server: str, folder: Path, *options: str, token: str | None = None) -> None:
    header = ["--header", f"Authorization: Bearer {token}"] if token else []
    finished = subprocess.run(
        [
            str(PROGRAM),
            "run",
            f"{server}/openapi.json",
            "--exclude-checks=positive_data_acceptance",
            "--phases=coverage,fuzzing",
            "--max-examples=6",
            "--suppress-health-check=all",
            "--warnings=off",
            "--no-color",
            "--seed=7",
            *header,
            *options,
        ],
        cwd=folder,  # where it keeps notes of its own
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-20_000:] + finished.stderr[-2_000:]
    assert " 0 generated" not in finished.stdout


def test_nobody_signed_in(server: str, tmp_path: Path) -> None:
    explore(server, tmp_path)


def test_an_administrator(server: str, tmp_path: Path) -> None:
    excluded = [f"--exclude-operation-id={name}" for name in ENDING]
    explore(server, tmp_path, *excluded, token=sign_in(server))


def test_what_ends_a_session(tmp_path: Path) -> None:
    """On a server of its own, as it may well end the administrator."""
    included = [f"--include-operation-id={name}" for name in ENDING]
    with served(tmp_path) as own:
        explore(own, tmp_path, *included, token=sign_in(own))


def test_the_operations_that_are_kept_apart_are_there(server: str) -> None:
    document = httpx.get(f"{server}/openapi.json").json()
    assert {*ENDING} <= {each["operationId"] for methods in document["paths"].values() for each in methods.values()}

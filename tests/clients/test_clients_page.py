"""docs/clients.md works as written, against a served Septet; npm takes what it has fetched before, where it has."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import httpx

from support.followed import reading
from support.npm import skip_without_npm
from support.served import PASSWORD

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "clients.md"


def test_it_works_as_written(server: str, tmp_path: Path) -> None:
    skip_without_npm("THE PAGE ABOUT CLIENTS WAS NOT FOLLOWED")
    ann = {"email": "ann@example.com", "password": PASSWORD}
    httpx.post(f"{server}/v1/identity/accounts", json=ann).raise_for_status()
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "NPM_CONFIG_PREFER_OFFLINE": "true",
        "NPM_CONFIG_AUDIT": "false",
        "NPM_CONFIG_FUND": "false",
        "NPM_CONFIG_UPDATE_NOTIFIER": "false",
        "NPM_CONFIG_LOGLEVEL": "error",
        "NO_COLOR": "1",
    }
    with reading(tmp_path, environment, int(server.rpartition(":")[2])) as reader:
        reader.follow(PAGE.read_text())

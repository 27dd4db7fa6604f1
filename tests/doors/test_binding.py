"""From the bytes of a request to the arguments of an operation: what is taken, and every fault of what is not."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from septet.core.errors import Fault, Invalid, Malformed, NotFound
from septet.core.http_problems import UnsupportedMediaType
from septet.core.message import Request
from septet.core.operation import Operation, collect
from septet.core.types import LARGEST_INT
from septet.doors.binding import Binder
from septet.doors.faults import MOST_FAULTS
from septet.doors.lexing import lexer_of
from support import sample_system
from support.doors import named

OPERATIONS: dict[str, Operation] = {found.name: found for found in collect("notes", [sample_system])}
BINDERS = {name: Binder(operation) for name, operation in OPERATIONS.items()}
ID = "0190a1b2-0000-7000-8000-000000000001"


async def _no_body() -> Any:
    return {"type": "http.disconnect"}


def request_of(query: bytes = b"", parameters: tuple[str, ...] = (), **headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    request = Request("GET", b"/", query, pairs, "", "http", _no_body)
    request.parameters = list(parameters)
    request.read_headers(10_000)
    return request


def bind(operation: str, request: Request, body: bytes = b"") -> Any:
    return BINDERS[operation].bind(request, body)


def echoed(query: bytes) -> Any:
    return bind("echo", request_of(query, ("x",)))


def faults_of(call: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        call()
    return {fault.pointer: fault.detail for fault in refused.value.faults}


def test_a_query_is_read_by_declared_type() -> None:
    found = echoed(b"number=1&number=20&loud=true&ratio=-0.5&since=2020-01-01T00:00:00%2B01:00&color=red&&")
    assert (found.label, found.number, found.loud, found.ratio, found.color) == ("x", [1, 20], True, -0.5, "red")
    assert found.since.isoformat() == "2020-01-01T00:00:00+01:00"


def test_what_is_left_out_has_its_default() -> None:
    found = echoed(b"")
    assert (found.number, found.loud, found.ratio, found.since, found.color) == ([], False, None, None, None)


@pytest.mark.parametrize(
    ("query", "pointer"),
    named(
        ("an exponent", b"number=1e3", "/number/0"),
        ("a fraction for a whole number", b"number=1.0", "/number/0"),
        ("a plus sign", b"number=%2B1", "/number/0"),
        ("a leading zero", b"number=01", "/number/0"),
        ("digits of another script", "number=١".encode(), "/number/0"),
        ("a space", b"number=+1", "/number/0"),
        ("beyond 2^53", b"number=9007199254740992", "/number/0"),
        ("beyond 64 bits", b"number=99999999999999999999999999", "/number/0"),
        ("an underscore", b"number=1_0", "/number/0"),
        ("the second of a list", b"number=1&number=x", "/number/1"),
        ("not a number", b"ratio=nan", "/ratio"),
        ("infinity", b"ratio=inf", "/ratio"),
        ("a float with an exponent", b"ratio=1e5", "/ratio"),
        ("a truth value as a number", b"loud=1", "/loud"),
        ("a truth value in capitals", b"loud=True", "/loud"),
        ("a moment as seconds", b"since=1700000000", "/since"),
        ("a moment without its zone", b"since=2020-01-01T00:00:00", "/since"),
        ("a day", b"since=2020-01-01", "/since"),
        ("no member", b"color=green", "/color"),
        ("an empty text", b"color=", "/color"),
        ("a scalar twice", b"loud=true&loud=true", "/loud"),
        ("an unknown parameter", b"colour=red", "/colour"),
        ("an unknown parameter with a slash", b"a/b~c=red", "/a~1b~0c"),
        ("a parameter of the path", b"label=x", "/label"),
        ("the body", b"body=x", "/body"),
    ),
)
def test_a_query_that_is_refused(query: bytes, pointer: str) -> None:
    assert list(faults_of(lambda: echoed(query))) == [pointer]


def test_every_fault_of_a_query_is_named() -> None:
    assert set(faults_of(lambda: echoed(b"number=x&loud=2&nope=1&ratio=1&ratio=2"))) == {
        "/number/0",
        "/loud",
        "/nope",
        "/ratio",
    }


@pytest.mark.parametrize("query", [b"color=%ff", b"%ff=1", b"color=%00", b"color=%", b"color=%zz", b"color=%ed%a0%80"])
def test_a_query_that_is_no_text_is_malformed(query: bytes) -> None:
    with pytest.raises(Malformed):
        echoed(query)


@given(st.lists(st.integers(0, LARGEST_INT)), st.booleans(), st.floats(-1e15, 1e15).map(lambda x: round(x, 6)))
def test_values_survive_the_query(numbers: list[int], loud: bool, ratio: float) -> None:
    text = f"{ratio:.6f}"
    pairs = [("number", str(number)) for number in numbers] + [("loud", str(loud).lower()), ("ratio", text)]
    found = echoed(urlencode(pairs).encode())
    assert (found.number, found.loud) == (numbers, loud)
    assert math.isclose(found.ratio, ratio, abs_tol=1e-6)


@given(st.binary(max_size=60))
def test_no_query_breaks_the_binder(query: bytes) -> None:
    try:
        found = echoed(query)
    except (Invalid, Malformed):
        return
    assert isinstance(found, Struct)


@given(st.text(max_size=20))
def test_a_path_of_another_shape_leads_nowhere(text: str) -> None:
    with pytest.raises(NotFound):
        bind("read_note", request_of(parameters=(text + "!",)))


def test_a_path_that_cannot_be_comes_before_other_faults() -> None:
    with pytest.raises(NotFound):
        bind("change_note", request_of(b"nope=1", ("x",)), b'{"title": 1}')


def test_a_header_is_an_argument() -> None:
    found = bind("change_note", request_of(parameters=(ID,), if_match='"a"'), b"{}")
    assert found.if_match == '"a"'
    assert bind("change_note", request_of(parameters=(ID,)), b"{}").if_match is None


@pytest.mark.parametrize(
    ("body", "faults"),
    named(
        ("a field is missing", b"{}", {"/title": "This is required."}),
        ("a field is of another type", b'{"title": 1}', {"/title": "Expected str, got int."}),
        ("a field is unknown", b'{"title": "x", "a/b~c": 1}', {"/a~1b~0c": "There is no such field."}),
        ("null where none may be", b'{"title": null}', {"/title": "Expected str, got null."}),
        ("too long", b'{"title": "%s"}' % (b"x" * 201), {"/title": "Expected str of length <= 200."}),
        ("beyond 2^53", b'{"title": "x", "stars": 9007199254740992}', {"/stars": "Expected int <= 9007199254740991."}),
        ("1.0 for 1", b'{"title": "x", "stars": 1.0}', {"/stars": "Expected int, got float."}),
        ("a moment as seconds", b'{"title": "x", "at": 1700000000}', {"/at": "Expected datetime | null, got int."}),
        ("another root", b"[]", {"": "Expected object, got array."}),
        ("an inner field", b'{"title": "x", "place": {"city": "y"}}', {"/place/country": "This is required."}),
        (
            "an inner pattern",
            b'{"title": "x", "place": {"city": "y", "country": "at"}}',
            {"/place/country": "Expected str matching regex '^[A-Z]{2}$'."},
        ),
        (
            "a list too long",
            b'{"title": "x", "labels": ["a", "b", "c", "d"]}',
            {"/labels": "Expected array of length <= 3."},
        ),
        ("a text with a NUL", b'{"title": "a\\u0000b"}', {"/title": "A text holds no NUL."}),
        (
            "all at once",
            b'{"title": 1, "color": "green", "stars": -1, "labels": ["", 2], "place": {"x": 1}, "y": 2}',
            {
                "/title": "Expected str, got int.",
                "/color": "Invalid enum value 'green'.",
                "/stars": "Expected int >= 0.",
                "/labels/0": "Expected str of length >= 1.",
                "/labels/1": "Expected str, got int.",
                "/place/city": "This is required.",
                "/place/country": "This is required.",
                "/place/x": "There is no such field.",
                "/y": "There is no such field.",
            },
        ),
    ),
)
def test_every_fault_of_a_body_is_named(body: bytes, faults: dict[str, str]) -> None:
    assert faults_of(lambda: bind("create_note", request_of(), body)) == faults


def test_faults_of_body_and_query_come_together() -> None:
    assert set(faults_of(lambda: bind("create_note", request_of(b"nope=1"), b'{"title": 1}'))) == {"/nope", "/title"}


def test_there_is_an_end_to_faults() -> None:
    body = b'{"title": "x"' + b"".join(b', "k%d": 1' % i for i in range(5000)) + b"}"
    assert len(faults_of(lambda: bind("create_note", request_of(), body))) == MOST_FAULTS


@pytest.mark.parametrize(
    "body",
    named(
        ("nothing", b""),
        ("not JSON", b"{"),
        ("two values", b"{}{}"),
        ("a comment", b"{} // x"),
        ("a byte order mark", b"\xef\xbb\xbf{}"),
        ("NaN", b'{"title": NaN}'),
        ("a raw control character", b'{"title": "\x01"}'),
        ("a raw NUL", b'{"title": "\x00"}'),
        ("not UTF-8", b'{"title": "\xff"}'),
        ("an encoded surrogate", b'{"title": "\xed\xa0\x80"}'),
        ("a lone surrogate", b'{"title": "\\ud800"}'),
        ("surrogates the wrong way round", b'{"title": "\\udc00\\ud800"}'),
        ("65 deep", b'{"title": ' + b"[" * 64 + b"]" * 64 + b"}"),
        ("very deep", b"[" * 500_000),
        ("deep in objects", b'{"a":' * 500_000),
        ("a fault before broken JSON", b'{"title": 1, '),
    ),
)
def test_a_body_that_cannot_be_read_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        bind("create_note", request_of(), body)


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (b'{"title": "a\\\\u0000b"}', "a\\u0000b"),  # a backslash, then letters: no NUL
        ('{"title": "\U0001f600"}'.encode(), "\U0001f600"),
        (b'{"title": "\\ud83d\\ude00"}', "\U0001f600"),
        (b'{"title": "' + b"[{" * 60 + b'"}', "[{" * 60),  # brackets in a text are not nested
        (b'{"title": "first", "title": "last"}', "last"),  # of a key given twice the last counts, as documented
    ],
)
def test_a_body_that_looks_odd_and_is_fine(body: bytes, title: str) -> None:
    assert bind("create_note", request_of(), body).body.title == title


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_near = st.fixed_dictionaries(
    {"title": st.just("x") | _json},
    optional={"stars": _json, "labels": _json, "place": _json, "color": _json, "at": _json, "other": _json},
)


@given(_json | _near)
def test_no_body_breaks_the_binder(value: Any) -> None:
    """Taken, or refused with at least one place, each of which a JSON pointer can name."""
    refused: list[Fault] | None = None
    try:
        bind("create_note", request_of(), msgspec.json.encode(value))
    except Invalid as problem:
        refused = list(problem.faults)
    except Malformed:
        return
    assert refused is None or refused
    assert all(fault.pointer == "" or fault.pointer.startswith("/") for fault in refused or ())


def _accepts(content_type: str | None, operation: str = "create_note") -> bool:
    headers = {"content_length": "2"} | ({"content_type": content_type} if content_type is not None else {})
    try:
        BINDERS[operation].check_media_type(request_of(**headers))
    except UnsupportedMediaType:
        return False
    return True


@pytest.mark.parametrize(
    ("content_type", "accepted"),
    [
        ("application/json", True),
        ("Application/JSON", True),
        ("application/json; charset=utf-8", True),
        ('application/json;charset="UTF-8"', True),
        ("application/json;", True),
        ("application/json; charset=latin-1", False),
        ("application/json; charset=utf-16", False),
        ("application/merge-patch+json", False),
        ("application/jsonx", False),
        ("text/plain", False),
        ("application/x-www-form-urlencoded", False),
        ("multipart/form-data; boundary=x", False),
        ("", False),
        (None, False),
    ],
)
def test_media_types(content_type: str | None, accepted: bool) -> None:
    assert _accepts(content_type) is accepted


def test_a_patch_may_be_a_merge_patch() -> None:
    assert _accepts("application/merge-patch+json", "change_note")
    assert _accepts("application/json", "change_note")


def test_a_type_that_no_text_can_carry_is_refused_at_start() -> None:
    for kind in (dict, bytes, int | str, list[dict[str, int]], object):
        with pytest.raises(TypeError):
            lexer_of(kind)

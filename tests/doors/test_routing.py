"""The routing tree against a plain list of patterns, and the oddities of addresses."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from septet.core.errors import Malformed
from septet.core.message import Reply, Request
from septet.doors.routing import Endpoint, Router


async def nothing(request: Request) -> Reply:
    return Reply(204)


def router_of(*templates: str) -> Router:
    router = Router()
    for template in templates:
        router.add(Endpoint(template, "GET", template, nothing))
    return router


def found_by(router: Router, path: bytes) -> tuple[str, list[str]] | None:
    found = router.find(path)
    return None if found is None else (found[0].endpoints["GET"].name, found[1])


def found_in_a_list(templates: list[str], segments: list[str]) -> tuple[str, list[str]] | None:
    """The oracle: of all patterns that fit, the one whose static segments begin earlier."""
    fitting = []
    for template in templates:
        pattern = template[1:].split("/")
        if len(pattern) == len(segments) and all(
            part == segment or (part.startswith("{") and segment)
            for part, segment in zip(pattern, segments, strict=True)
        ):
            texts = [s for part, s in zip(pattern, segments, strict=True) if part.startswith("{")]
            fitting.append(([part.startswith("{") for part in pattern], template, texts))
    return min(fitting)[1:] if fitting else None  # type: ignore[return-value]


_word = st.sampled_from(["a", "b", "c"])
_template = st.lists(st.one_of(_word, st.just("{x}")), min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
_segment = st.one_of(_word, st.just(""), st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=4))


@given(st.lists(_template, unique=True, max_size=8), st.lists(_segment, min_size=1, max_size=5), st.booleans())
def test_the_tree_finds_what_a_list_would(templates: list[str], segments: list[str], escaped: bool) -> None:
    safe = "" if escaped else "{}"
    path = "/" + "/".join(quote(segment, safe=safe) for segment in segments)
    assert found_by(router_of(*templates), path.encode()) == found_in_a_list(templates, segments)


def test_a_dead_end_behind_a_static_segment_is_backed_out_of() -> None:
    router = router_of("/notes/latest/pinned", "/notes/{id}", "/{any}/latest")
    assert found_by(router, b"/notes/latest") == ("/notes/{id}", ["latest"])
    assert found_by(router, b"/else/latest") == ("/{any}/latest", ["else"])
    assert found_by(router, b"/notes/latest/other") is None


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (b"/a/x%2Fy", ("/a/{x}", ["x/y"])),
        (b"/a/%C3%A9", ("/a/{x}", ["é"])),
        (b"/a/\xc3\xa9", ("/a/{x}", ["é"])),
        (b"/a/%2e%2e", ("/a/{x}", [".."])),
        (b"/%61/x", ("/a/{x}", ["x"])),
        (b"/a+b/x", None),
        (b"/a/", None),
        (b"/a/x/", None),
        (b"//a/x", None),
        (b"a/x", None),
        (b"*", None),
        (b"", None),
    ],
)
def test_addresses(path: bytes, found: tuple[str, list[str]] | None) -> None:
    assert found_by(router_of("/a/{x}"), path) == found


@pytest.mark.parametrize("path", [b"/a/%ff", b"/a/\xff", b"/a/%00", b"/a/x\0", b"/a/%ed%a0%80", b"/a/%", b"/a/%zz"])
def test_what_is_no_text_is_malformed(path: bytes) -> None:
    with pytest.raises(Malformed):
        router_of("/a/{x}").find(path)


def test_two_endpoints_cannot_share_a_place() -> None:
    router = router_of("/a/{x}")
    with pytest.raises(TypeError, match=re.escape("GET /a/{y}: both /a/{x} and other")):
        router.add(Endpoint("other", "GET", "/a/{y}", nothing))


@pytest.mark.parametrize("template", ["a", "/a/", "/a//b", "/{a}.json", "/{a", "/a b", ""])
def test_a_path_that_cannot_be_is_refused_at_start(template: str) -> None:
    with pytest.raises(TypeError):
        router_of(template)


def test_a_place_knows_its_methods() -> None:
    router = router_of("/a")
    router.add(Endpoint("write", "POST", "/a", nothing))
    found = router.find(b"/a")
    assert found is not None
    assert found[0].allow == b"GET, HEAD, OPTIONS, POST"

"""Tags of versions: lists, weak ones, compressed ones, and the precondition of a change."""

from __future__ import annotations

import pytest

from septet.core.errors import Invalid, PreconditionFailed
from septet.core.versions import etag_of, is_known, parse_tags, refuse_unless_current

VALUE = {"id": 1, "text": "hello"}
TAG = etag_of(VALUE)
GZIPPED = TAG[:-1] + '-gzip"'


def test_a_tag_names_the_content() -> None:
    assert etag_of({"id": 1, "text": "hello"}) == TAG
    assert etag_of({"id": 1, "text": "hello!"}) != TAG
    assert TAG.startswith('"')
    assert TAG.endswith('"')


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ('"a"', [(True, "a")]),
        ('W/"a"', [(False, "a")]),
        ('"a", W/"b" ,"c-gzip"', [(True, "a"), (False, "b"), (True, "c")]),
        ('""', [(True, "")]),
        ('"with,comma"', [(True, "with,comma")]),
        ("a", None),
        ('"a" "b"', None),
        ('"a', None),
        ("", None),
    ],
)
def test_a_list_of_tags(text: str, tags: list[tuple[bool, str]] | None) -> None:
    assert parse_tags(text) == tags


@pytest.mark.parametrize("if_match", [None, "*", TAG, GZIPPED, f'"other", {TAG}'])
def test_a_change_of_the_version_that_was_read_passes(if_match: str | None) -> None:
    refuse_unless_current(if_match, VALUE)


@pytest.mark.parametrize("if_match", ['"other"', f"W/{TAG}", '"other", "another"'])
def test_a_change_of_another_version_is_refused(if_match: str) -> None:
    with pytest.raises(PreconditionFailed):
        refuse_unless_current(if_match, VALUE)


@pytest.mark.parametrize("if_match", ["", "other", TAG.strip('"')])
def test_what_is_no_list_of_tags_is_said_to_be_none(if_match: str) -> None:
    with pytest.raises(Invalid) as refused:
        refuse_unless_current(if_match, VALUE)
    assert refused.value.faults[0].pointer == "/If-Match"


@pytest.mark.parametrize(
    ("if_none_match", "known"),
    [(TAG, True), (f"W/{TAG}", True), (GZIPPED, True), ("*", True), ('"other"', False), ("other", False)],
)
def test_a_version_is_known_by_weak_comparison(if_none_match: str, known: bool) -> None:
    assert is_known(if_none_match, TAG) is known

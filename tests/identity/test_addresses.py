"""What counts as an e-mail address, and when two are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from septet.core.errors import Invalid
from septet.identity.addresses import key_of, read_address


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.org",
        "Ada.Lovelace+news@Mail.Example.ORG",
        "a@b.co",
        "o'brien_{x}@example.org",
        "root@localhost",
        "jürgen@exämple.de",
        "用户@例子.公司",
        "x" * 64 + "@example.org",
    ],
)
def test_taken(text: str) -> None:
    assert read_address(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@example",
        "ada@@example.org",
        "ada@b@example.org",
        ".ada@example.org",
        "ada.@example.org",
        "a..b@example.org",
        "ada@.org",
        "ada@example..org",
        "ada@-example.org",
        "ada@example-.org",
        "ada lovelace@example.org",
        "ada@exa mple.org",
        "ada@example.org\r\nBcc: all@example.org",
        "ada\0@example.org",
        "<ada@example.org>",
        '"ada"@example.org',
        "ada@[127.0.0.1]",
        "ada@example.org,eve@example.org",
        "a\u200bda@example.org",
        "a\u00a0da@example.org",
        "a\ud800da@example.org",
        "x" * 65 + "@example.org",
        "ada@" + "x" * 64 + ".org",
        "ada@" + ".".join(["x" * 60] * 5),
        "ü" * 33 + "@example.org",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_address(text)


@pytest.mark.parametrize("other", ["ADA@EXAMPLE.ORG", "Ada@example.org", " ada@example.org ", "ａｄａ@example.org"])
def test_spellings_of_one_address(other: str) -> None:
    assert read_address(other).key == read_address("ada@example.org").key


def test_other_addresses_have_other_keys() -> None:
    assert read_address("ada@example.org").key != read_address("ada@example.com").key


@given(st.text(max_size=300))
def test_anything_is_read_or_refused(text: str) -> None:
    try:
        address = read_address(text)
    except Invalid:
        return
    assert address.key == key_of(address.text) == key_of(address.key)
    assert not any(character.isspace() or ord(character) < 0x20 for character in address.text)

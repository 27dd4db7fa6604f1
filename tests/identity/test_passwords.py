"""Which passwords are good enough."""

from __future__ import annotations

import pytest

from septet.identity.passwords import why_not_password


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "seven ravens over the weir",
        "x9$Kq2!vLm7#Rt4pZ",
        "日本語のとても長いパスワードです",
        "🦊🐢🦉🐝🐌🦔🐇🦢🐟🦎🐞🐙🦜🐬🦩",
        "septet likes long walks on the beach",
        "my dog barks at 12 mice",
    ],
)
def test_good_ones(password: str) -> None:
    assert why_not_password(password, 15, "ada@example.org", "Ada") is None


@pytest.mark.parametrize(
    "password",
    [
        "fourteen chars",
        "",
        "aaaaaaaaaaaaaaaaaaaa",
        "abababababababababab",
        "hunter2hunter2hunter2",
        "123456789012345678",
        "abcdefghijklmnopqrst",
        "zyxwvutsrqponmlkjihg",
        "qwertyuiopasdfghjkl",
        "passwordpassword1",
        "septetseptet2026",
        "ada.lovelace@example.org",
        "lovelaceexample1",
        "Ada Lovelace 1815",
        "sunshine20242024!!",
        "!!!!ILoveYou1234567",
        "e\u0301" * 8,  # sixteen code points, eight characters
    ],
)
def test_guessable_ones(password: str) -> None:
    assert why_not_password(password, 15, "ada.lovelace@example.org", "Ada Lovelace") is not None


def test_length_counts_characters_as_they_are_hashed() -> None:
    decomposed = "Cafe\u0301 am Ring!?"  # 14 characters once composed
    assert len(decomposed) == 15
    assert why_not_password(decomposed, 15) is not None

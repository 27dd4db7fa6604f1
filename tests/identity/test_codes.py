"""Codes and link tokens are derived, and tell nothing of each other."""

from __future__ import annotations

from septet.core.ids import new_id
from septet.core.keys import Keyring
from septet.identity.codes import code_of, is_link_token, link_token_of
from septet.identity.types import VerificationId

KEYS = Keyring([("new", b"n" * 32), ("old", b"o" * 32)])


def test_a_code_is_eight_digits_and_the_same_each_time() -> None:
    for _ in range(200):
        verification = VerificationId(new_id())
        code = code_of(KEYS, verification, "new")
        assert len(code) == 8
        assert code.isdigit()
        assert code == code_of(KEYS, verification, "new")


def test_codes_differ_by_verification_and_by_key() -> None:
    verifications = [VerificationId(new_id()) for _ in range(300)]
    codes = {code_of(KEYS, verification, key) for verification in verifications for key in KEYS.ids}
    assert len(codes) > 590  # of 600; two alike among 10**8 are rare


def test_a_link_token_belongs_to_one_verification_and_outlives_a_rotation() -> None:
    verification, other = VerificationId(new_id()), VerificationId(new_id())
    token = link_token_of(KEYS, verification, "old")
    assert is_link_token(KEYS, verification, token)
    assert not is_link_token(KEYS, other, token)
    assert not is_link_token(Keyring([("new", b"n" * 32)]), verification, token)
    for forged in ("", "-", "old-", token[:-1], token + "A", token.replace("old", "new"), "ä" + token):
        assert not is_link_token(KEYS, verification, forged)

"""A token is verified once, and holds until it expires or its session ends."""

from __future__ import annotations

from uuid import UUID

import pytest

from septet.core.authentication import Authentication, Verified
from septet.core.context import ANONYMOUS, Actor
from septet.core.errors import Unauthenticated
from septet.core.types import AccountId, SessionId

ANN = Actor(AccountId(UUID(int=1)), SessionId(UUID(int=2)), frozenset({"a:read"}), "ann")


class Issuer:
    def __init__(self) -> None:
        self.asked = 0
        self.now = 0.0

    async def verify(self, token: str) -> Verified:
        self.asked += 1
        if token != "good":
            raise Unauthenticated("The token is broken.")
        return Verified(ANN, 100.0)

    def authentication(self) -> Authentication:
        return Authentication(self.verify, lambda: self.now)


async def test_without_a_token_nobody_asks() -> None:
    assert await Issuer().authentication().who(None) is ANONYMOUS


async def test_a_good_token_is_verified_once() -> None:
    issuer = Issuer()
    authentication = issuer.authentication()
    assert authentication.remembered("good") is None
    assert [await authentication.who("good") for _ in range(3)] == [ANN] * 3
    assert authentication.remembered("good") is ANN
    assert issuer.asked == 1


async def test_a_bad_token_is_refused_and_not_remembered() -> None:
    issuer = Issuer()
    authentication = issuer.authentication()
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await authentication.who("bad")
    assert issuer.asked == 2


async def test_a_token_is_refused_once_it_expires() -> None:
    issuer = Issuer()
    authentication = issuer.authentication()
    await authentication.who("good")
    issuer.now = 100.0
    assert authentication.remembered("good") is None
    with pytest.raises(Unauthenticated, match="expired"):
        await authentication.who("good")


@pytest.mark.parametrize("seen_before", [True, False])
async def test_a_token_is_refused_once_its_session_ends(seen_before: bool) -> None:
    authentication = Issuer().authentication()
    if seen_before:
        await authentication.who("good")
    authentication.end([SessionId(UUID(int=2))], until=100.0)
    assert authentication.remembered("good") is None
    with pytest.raises(Unauthenticated, match="ended"):
        await authentication.who("good")


async def test_where_no_system_issues_tokens_each_is_refused() -> None:
    with pytest.raises(Unauthenticated):
        await Authentication(None, lambda: 0.0).who("good")

"""The pure rules of organisations, for every role that anybody might think of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from septet.identity.organisations.permissions import (
    BUILT_IN,
    EVERYTHING,
    MEMBERS_MANAGE,
    OWNER,
    allows,
    why_not_do,
    why_not_give,
)

PERMISSIONS = st.sampled_from(["members:read", MEMBERS_MANAGE, "roles:manage", "articles:publish", "a", "b"])
HELD = st.frozensets(PERMISSIONS)
OR_OWNER = HELD | st.just(BUILT_IN[OWNER])


@given(PERMISSIONS)
def test_who_holds_nothing_may_do_nothing(permission: str) -> None:
    assert not allows(frozenset(), permission)
    assert why_not_do(frozenset(), permission)


@given(OR_OWNER, HELD, PERMISSIONS)
def test_more_never_allows_less(held: frozenset[str], more: frozenset[str], permission: str) -> None:
    if allows(held, permission):
        assert allows(held | more, permission)
    if why_not_give(held, more) is None:
        assert why_not_give(held | more, more) is None


@given(OR_OWNER, OR_OWNER, PERMISSIONS)
def test_nobody_gives_what_they_could_not_do(held: frozenset[str], given: frozenset[str], permission: str) -> None:
    if why_not_give(held, given) is None and allows(given, permission):
        assert allows(held, permission)


@given(OR_OWNER)
def test_an_owner_may_do_and_give_everything(given: frozenset[str]) -> None:
    owner = BUILT_IN[OWNER]
    assert all(why_not_do(owner, permission) is None for permission in given)
    assert why_not_give(owner, given) is None


@given(HELD)
def test_only_an_owner_makes_owners(held: frozenset[str]) -> None:
    assert why_not_give(held, frozenset({EVERYTHING}))

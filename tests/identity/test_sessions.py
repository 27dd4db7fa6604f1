"""Signing in and out, and what a session is afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from septet.core.context import Client
from septet.core.errors import NotFound, TooMany, Unauthenticated
from septet.identity.problems import InvalidCredentials, InvalidRefreshToken
from support.app import Clock
from support.people import (
    ADA,
    GRACE,
    HOME,
    MALLORY,
    OTHER_PASSWORD,
    PASSWORD,
    call,
    counted_queries,
    front_door,
    refresh,
    register,
    sign_in,
)

PHONE = Client("198.51.100.9", "Phone")


async def test_wrong_password_and_unknown_address_are_answered_alike(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        await register(septet, ADA)
        with pytest.raises(InvalidCredentials) as known, counted_queries(septet) as for_known:
            await sign_in(septet, ADA, OTHER_PASSWORD)
        with pytest.raises(InvalidCredentials) as unknown, counted_queries(septet) as for_unknown:
            await sign_in(septet, GRACE, OTHER_PASSWORD)
        assert for_known == for_unknown
        assert [name.removeprefix("identity.") for name in for_known] == [
            "queries.find_id_by_email",
            "queries.find_holder",
            "devices.queries.find_device",
            "audit.queries.find_key",
            "audit.queries.insert_entry",
        ]
        assert known.value.detail == unknown.value.detail


async def test_the_account_that_is_read_for_an_unknown_address_may_be_deleted(
    database_url: str, tmp_path: Path
) -> None:
    async with front_door(database_url, tmp_path) as septet:
        await register(septet, ADA)
        mallory = await register(septet, MALLORY)
        await sign_in(septet, MALLORY)
        await call(septet, "delete_me", mallory.access_token)
        read = []
        for _ in range(2):
            with pytest.raises(InvalidCredentials), counted_queries(septet) as ran:
                await sign_in(septet, GRACE, OTHER_PASSWORD)
            read.append([name.rpartition(".")[2] for name in ran])
        assert read == [
            ["find_id_by_email", "find_holder", "any_account", "find_device", "find_key", "insert_entry"],
            ["find_id_by_email", "find_holder", "find_device", "find_key", "insert_entry"],
        ]


async def test_a_password_is_the_same_in_every_spelling_of_unicode(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        await register(septet, ADA, "Crème brûlée für Käthe")
        decomposed = "Cre\u0300me bru\u0302le\u0301e fu\u0308r Ka\u0308the"
        assert await sign_in(septet, ADA, decomposed)
        with pytest.raises(InvalidCredentials):
            await sign_in(septet, ADA, "Creme brulee fur Kathe")


async def test_ten_tries_a_minute_for_an_account_and_place(tmp_path: Path) -> None:
    async with front_door("", tmp_path, limits=True) as septet:
        await register(septet, ADA)
        await register(septet, GRACE)
        for _ in range(10):
            with pytest.raises(InvalidCredentials):
                await sign_in(septet, ADA, OTHER_PASSWORD)
        with pytest.raises(TooMany):
            await sign_in(septet, ADA)
        assert await sign_in(septet, ADA, client=PHONE)  # her own device is not locked out
        assert await sign_in(septet, GRACE)


async def test_sessions_are_listed_and_ended_one_by_one(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        laptop = await register(septet, ADA)
        clock.advance(minutes=1)
        phone = await sign_in(septet, ADA, client=PHONE)
        grace = await register(septet, GRACE)
        listed = (await call(septet, "list_sessions", phone.access_token)).items
        assert [(s.id, s.address, s.user_agent, s.current) for s in listed] == [
            (phone.session_id, PHONE.address, PHONE.user_agent, True),
            (laptop.session_id, HOME.address, HOME.user_agent, False),
        ]
        first = await call(septet, "list_sessions", phone.access_token, limit=1)
        second = await call(septet, "list_sessions", phone.access_token, limit=1, cursor=first.next)
        assert [s.id for s in (*first.items, *second.items)] == [phone.session_id, laptop.session_id]
        for id in (str(grace.session_id), "nonsense"):
            with pytest.raises(NotFound):
                await call(septet, "sign_out", phone.access_token, id=id)
        await call(septet, "sign_out", phone.access_token, id=str(laptop.session_id))
        with pytest.raises(Unauthenticated):
            await call(septet, "read_me", laptop.access_token)
        with pytest.raises(InvalidRefreshToken):
            await refresh(septet, laptop.refresh_token)
        await call(septet, "sign_out", phone.access_token, id="current")
        with pytest.raises(Unauthenticated):
            await call(septet, "read_me", phone.access_token)
        assert await call(septet, "read_me", grace.access_token)


async def test_signing_out_elsewhere_and_everywhere(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        others = [await register(septet, ADA), await sign_in(septet, ADA)]
        this = await sign_in(septet, ADA)
        grace = await register(septet, GRACE)
        await call(septet, "sign_out_everywhere", this.access_token, others=True)
        for other in others:
            with pytest.raises(InvalidRefreshToken):
                await refresh(septet, other.refresh_token)
        assert [s.id for s in (await call(septet, "list_sessions", this.access_token)).items] == [this.session_id]
        await call(septet, "sign_out_everywhere", this.access_token)
        with pytest.raises(Unauthenticated):
            await call(septet, "read_me", this.access_token)
        assert await call(septet, "read_me", grace.access_token)


async def test_a_login_ends_the_oldest_of_too_many_unused_sessions(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock, sessions_most=3) as septet:
        used = await register(septet, ADA)
        oldest, second, third = [await sign_in(septet, ADA) for _ in range(3)]
        clock.advance(minutes=61)
        used = await refresh(septet, used.refresh_token)
        await sign_in(septet, ADA)
        with pytest.raises(InvalidRefreshToken):
            await refresh(septet, oldest.refresh_token)
        for reply in (used, second, third):
            assert await refresh(septet, reply.refresh_token)


async def test_a_storm_of_logins_ends_no_session_in_use(tmp_path: Path) -> None:
    async with front_door("", tmp_path, sessions_most=1) as septet:
        first = await register(septet, ADA)
        for _ in range(5):
            await sign_in(septet, ADA)
        assert await call(septet, "read_me", first.access_token)


async def test_hashes_of_other_parameters_are_renewed_at_the_next_login(database_url: str, tmp_path: Path) -> None:
    from support.sql import execute

    async with front_door(database_url, tmp_path) as septet:
        await register(septet, ADA)
    async with front_door(database_url, tmp_path, argon2_memory=128) as septet:
        with pytest.raises(InvalidCredentials):
            await sign_in(septet, ADA, OTHER_PASSWORD)
        assert "m=64,t=1" in str(execute(database_url, "SELECT password_hash FROM identity_account"))
        await sign_in(septet, ADA)
        assert "m=128,t=1" in str(execute(database_url, "SELECT password_hash FROM identity_account"))
        assert await sign_in(septet, ADA, PASSWORD)

"""The first administrator, and those after."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from septet.app import Septet
from septet.core.errors import NotFound, Unauthenticated
from septet.core.ids import new_id
from septet.identity.administrators import create_administrator, first_token, greet
from septet.identity.problems import AdministratorExists, EmailTaken, LastAdministrator, WrongCode
from septet.identity.types import FirstAdministrator, SessionReply
from support.people import ADA, GRACE, MALLORY, PASSWORD, call, front_door, refresh, register, sign_in
from support.sql import execute


async def _first(septet: Septet, email: str = ADA, token: str | None = None) -> SessionReply:
    body = FirstAdministrator(
        token=first_token(septet.runtime.keys) if token is None else token, email=email, password=PASSWORD
    )
    reply = await call(septet, "make_first_administrator", body=body)
    assert isinstance(reply, SessionReply)
    return reply


async def test_the_token_that_was_printed_makes_one_administrator(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        assert first_token(septet.runtime.keys) in "\n".join(await greet(septet.runtime))
        with pytest.raises(WrongCode):
            await _first(septet, token="guessed")
        ada = await _first(septet)
        assert "identity:admin" in ada.scope.split()
        assert [a.email for a in (await call(septet, "list_accounts", ada.access_token)).items] == [ADA]
        assert await greet(septet.runtime) == []
        with pytest.raises(AdministratorExists):
            await _first(septet, MALLORY)


async def test_of_many_at_once_one_becomes_the_first(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        tries = await asyncio.gather(
            *(_first(septet, f"person{n}@example.org") for n in range(10)), return_exceptions=True
        )
        assert sum(isinstance(outcome, SessionReply) for outcome in tries) == 1
        assert sum(isinstance(outcome, AdministratorExists) for outcome in tries) == 9
        assert execute(database_url, "SELECT count(*) FROM identity_account") == [(1,)]


async def test_an_address_that_is_taken(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        await register(septet, ADA)
        with pytest.raises(EmailTaken):
            await _first(septet)


async def test_granting_and_revoking(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        ada, grace = await _first(septet), await register(septet, GRACE)
        await call(septet, "grant_administrator", ada.access_token, id=grace.account.id)
        grace = await refresh(septet, grace.refresh_token)
        assert (await call(septet, "read_account", grace.access_token, id=ada.account.id)).email == ADA
        await call(septet, "revoke_administrator", grace.access_token, id=ada.account.id)
        with pytest.raises(Unauthenticated):
            await call(septet, "list_accounts", ada.access_token)
        assert "identity:admin" not in (await sign_in(septet, ADA)).scope
        for last in ("revoke_administrator", "delete_me"):
            values = {"id": grace.account.id} if last == "revoke_administrator" else {}
            with pytest.raises(LastAdministrator):
                await call(septet, last, grace.access_token, **values)
        with pytest.raises(NotFound):
            await call(septet, "grant_administrator", grace.access_token, id=new_id())


async def test_two_who_depose_each_other_leave_one(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        ada, grace = await _first(septet), await register(septet, GRACE)
        await call(septet, "grant_administrator", ada.access_token, id=grace.account.id)
        grace = await refresh(septet, grace.refresh_token)
        await asyncio.gather(
            call(septet, "revoke_administrator", ada.access_token, id=grace.account.id),
            call(septet, "revoke_administrator", grace.access_token, id=ada.account.id),
            return_exceptions=True,
        )
        assert execute(database_url, "SELECT count(*) FROM identity_role_grant") == [(1,)]


async def test_from_the_command_line(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        with pytest.raises(NotFound):
            await create_administrator(septet.runtime.context(), ADA, None)
        account = await create_administrator(septet.runtime.context(), ADA, PASSWORD)
        assert account.email_verified
        assert "identity:admin" in (await sign_in(septet, ADA)).scope
        await register(septet, GRACE)
        await create_administrator(septet.runtime.context(), GRACE, None)
        assert "identity:admin" in (await sign_in(septet, GRACE)).scope


async def test_pages_of_accounts_are_newest_first(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        ada = await _first(septet)
        for email in (GRACE, MALLORY):
            await register(septet, email)
        first = await call(septet, "list_accounts", ada.access_token, limit=2)
        second = await call(septet, "list_accounts", ada.access_token, limit=2, cursor=first.next)
        assert [account.email for account in (*first.items, *second.items)] == [MALLORY, GRACE, ADA]

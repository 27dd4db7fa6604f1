"""Devices: known again, told of when new, and not kept out by who guesses elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from septet.app import Septet
from septet.core.context import Client
from septet.core.errors import NotFound, TooMany
from septet.identity.devices.names import name_of
from septet.identity.problems import InvalidCredentials
from septet.identity.tasks import sweep_expired
from septet.identity.types import SessionChanges
from support.app import Clock
from support.people import (
    ADA,
    GRACE,
    HOME,
    MALLORY,
    OTHER_PASSWORD,
    call,
    front_door,
    mails,
    mails_to,
    register,
    sign_in,
)
from support.sql import execute

LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = Client("198.51.100.9", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1")

NAMES = {
    LINUX: "Firefox, Linux",
    PHONE.user_agent: "Safari, iPhone",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/130.0 Safari/537.36 Edg/130.0": "Edge, Windows",
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36": "Chrome, Android",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1.15": "Safari, Mac",
    "curl/8.5.0": "curl",
    "python-httpx/0.28.1": "a Python program",
    "": "an unknown program",
    "<b>Buy now at evil.example</b>": "an unknown program",
}


@pytest.mark.parametrize("user_agent", NAMES)
def test_names_are_of_our_own_words(user_agent: str) -> None:
    assert name_of(user_agent) == NAMES[user_agent]


async def _subjects(septet: Septet, email: str = ADA) -> list[str]:
    return [subject for to, subject, _ in await mails(septet) if to == email]


async def test_a_new_device_is_told_of_once(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        await register(septet, ADA)
        await sign_in(septet, ADA)
        assert await _subjects(septet) == ["Your code"]
        await sign_in(septet, ADA, client=PHONE)
        await sign_in(septet, ADA, client=PHONE)
        assert await _subjects(septet) == ["Your code", "You signed in on a new device"]
        assert "Safari, iPhone" in " ".join((await mails_to(septet, ADA))[-1].split())
        newer = Client(PHONE.address, PHONE.user_agent.replace("18", "19"))
        await sign_in(septet, ADA, client=newer)
        assert len(await _subjects(septet)) == 2


async def test_a_device_is_forgotten_after_ninety_days(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        await register(septet, ADA)
        clock.advance(days=60)
        await sign_in(septet, ADA)
        clock.advance(days=60)
        await sign_in(septet, ADA)
        assert await _subjects(septet) == ["Your code"]
        clock.advance(days=91)
        await septet.runtime.context().write(sweep_expired)
        assert execute(database_url, "SELECT count(*) FROM identity_device") == [(0,)]
        await sign_in(septet, ADA)
        assert await _subjects(septet) == ["Your code", "You signed in on a new device"]


async def _guess(septet: Septet, email: str, place: int) -> None:
    with pytest.raises(InvalidCredentials):
        await sign_in(septet, email, OTHER_PASSWORD, client=Client(f"192.0.2.{place}", "x"))


async def test_who_guesses_from_many_places_is_stopped_and_the_owner_is_not(tmp_path: Path) -> None:
    """Sixty tries an hour from all unknown places together; a known device has its own."""
    async with front_door("", tmp_path, limits=True) as septet:
        await register(septet, ADA)
        for place in range(60):
            await _guess(septet, ADA, place)
        for password in (OTHER_PASSWORD, "correct horse battery staple"):
            with pytest.raises(TooMany):
                await sign_in(septet, ADA, password, client=Client("192.0.2.200", "x"))
        assert await sign_in(septet, ADA, client=HOME)


async def test_an_address_without_account_is_locked_alike(tmp_path: Path) -> None:
    async with front_door("", tmp_path, limits=True) as septet:
        await register(septet, GRACE)
        told = []
        for email in (GRACE, MALLORY):
            for place in range(60):
                await _guess(septet, email, place)
            with pytest.raises(TooMany) as refused:
                await sign_in(septet, email, OTHER_PASSWORD, client=Client("192.0.2.200", "x"))
            told.append(refused.value.detail)
        assert told[0] == told[1]


async def test_sessions_are_given_names(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        ada = await register(septet, ADA)
        (shown,) = (await call(septet, "list_sessions", ada.access_token)).items
        assert (shown.name, shown.device) == (None, "an unknown program")
        values: dict[str, Any] = {"id": shown.id}
        named = await call(septet, "name_session", ada.access_token, body=SessionChanges(name="Desk"), **values)
        assert (named.name, named.current) == ("Desk", True)
        assert (await call(septet, "list_sessions", ada.access_token)).items[0].name == "Desk"
        grace = await register(septet, GRACE)
        with pytest.raises(NotFound):
            await call(septet, "name_session", grace.access_token, body=SessionChanges(name="Mine"), **values)

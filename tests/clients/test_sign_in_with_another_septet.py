"""One Septet signs people in with another: three settings here, one client there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import httpx
import pytest

from support.browser import Browser, agree
from support.oauth import provider
from support.served import ADMINISTRATOR, PASSWORD, served, sign_in


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address. Not the server of the other clients, some of which leave no stone unturned."""
    with served(tmp_path_factory.mktemp("issuer")) as url:
        yield url


async def test_one_septet_signs_in_with_another(issuer: str, database_url: str, tmp_path: Path) -> None:
    body = {
        "client_name": "The other one",
        "scope": "openid profile email",
        "redirect_uris": ["http://127.0.0.1:8000/identity/sign-in/provider/callback"],
    }
    headers = {"Authorization": f"Bearer {sign_in(issuer)}"}
    made = httpx.post(f"{issuer}/v1/identity/clients", json=body, headers=headers).raise_for_status().json()
    three = {
        "provider_issuer": issuer,
        "provider_client_id": made["client"]["client_id"],
        "provider_client_secret": made["client_secret"],
    }
    async with provider(database_url, tmp_path, clock=lambda: datetime.now(timezone.utc), **three) as (septet, _):
        browser = Browser(septet)
        await browser.get("/identity/sign-in?continue=/docs")
        await browser.get(next(link for link in browser.page.links if "provider" in link))
        back = agree(issuer, browser.leaves_for, ADMINISTRATOR, PASSWORD)
        await browser.get(back.removeprefix("http://127.0.0.1:8000"))
        assert (browser.answer.status, browser.answer.header("location")) == (303, "/docs")
        assert (await browser.get("/v1/identity/me")).body["email"] == ADMINISTRATOR

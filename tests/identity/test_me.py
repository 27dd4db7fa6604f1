"""Oneself: read, changed, taken away, and erased without a trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from septet.core.errors import Forbidden, PreconditionFailed
from septet.core.versions import etag_of
from septet.identity.types import MeChanges
from support.people import (
    ADA,
    call,
    front_door,
    register,
)


async def test_name_and_language_change_and_the_rest_stays(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        ada = await register(septet, ADA, name="Ada")
        changed = await call(septet, "change_me", ada.access_token, body=MeChanges(locale="de"))
        assert (changed.name, changed.locale, changed.email) == ("Ada", "de", ADA)
        changed = await call(septet, "change_me", ada.access_token, body=MeChanges(name=None))
        assert (changed.name, changed.locale) == (None, "de")
        assert await call(septet, "read_me", ada.access_token) == changed


async def test_a_change_of_what_changed_meanwhile_is_refused(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        ada = await register(septet, ADA, name="Ada")
        tag = etag_of(ada.account)
        await call(septet, "change_me", ada.access_token, body=MeChanges(name="Augusta"), if_match=tag)
        with pytest.raises(PreconditionFailed):
            await call(septet, "change_me", ada.access_token, body=MeChanges(name="King"), if_match=tag)
        assert (await call(septet, "read_me", ada.access_token)).name == "Augusta"


async def test_members_may_not_administer(tmp_path: Path) -> None:
    async with front_door("", tmp_path) as septet:
        ada = await register(septet, ADA)
        for name, values in {
            "list_accounts": {},
            "read_account": {"id": ada.account.id},
            "grant_administrator": {"id": ada.account.id},
            "revoke_administrator": {"id": ada.account.id},
        }.items():
            with pytest.raises(Forbidden):
                await call(septet, name, ada.access_token, **values)

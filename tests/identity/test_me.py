"""Oneself: read, changed, taken away, and erased without a trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pyotp
import pytest

from septet.app import Septet
from septet.core.errors import Forbidden, PreconditionFailed, Unauthenticated
from septet.core.versions import etag_of
from septet.identity.api_keys.types import NewApiKey
from septet.identity.factors.passkey_types import NewPasskey
from septet.identity.factors.types import SecondFactorProof, TotpProof
from septet.identity.problems import InvalidCredentials, InvalidRefreshToken, SecondFactorRequired
from septet.identity.types import AddressOnly, EmailChange, MeChanges
from support.app import Clock
from support.passkeys import SoftPasskey
from support.people import (
    ADA,
    GRACE,
    HOME,
    OTHER_PASSWORD,
    PASSWORD,
    call,
    front_door,
    mails,
    refresh,
    register,
    sign_in,
)
from support.sql import execute


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


def _tables(septet: Septet) -> list[str]:
    """Every table of every system that runs."""
    return [
        table.name
        for system in septet.runtime.registry.systems
        if system.tables is not None
        for table in system.tables.sorted_tables
    ]


def _everything(septet: Septet, database_url: str) -> dict[str, str]:
    """The rows of every table, as text in which ids, addresses and names can be looked for."""
    return {table: _as_text(execute(database_url, f"SELECT * FROM {table}")) for table in _tables(septet)}


def _as_text(rows: list[tuple[Any, ...]]) -> str:
    """Bytes both ways: on SQLite an id is sixteen of them, and a stored reply is JSON."""
    return "\n".join(
        " ".join(f"{c.hex()} {c.decode(errors='replace')}" if isinstance(c, bytes) else str(c) for c in row)
        for row in rows
    )


async def _busy_ada(septet: Septet) -> Any:
    """Someone who left rows wherever one can."""
    ada = await register(septet, ADA, name="Ada Lovelace")
    with pytest.raises(InvalidCredentials):
        await sign_in(septet, ADA, OTHER_PASSWORD)
    await call(septet, "change_me", ada.access_token, key="k1", body=MeChanges(name="Ada King"))
    await call(septet, "request_password_reset", body=AddressOnly(email=ADA))
    change = EmailChange(email="ada@lovelace.example", current_password=PASSWORD)
    await call(septet, "request_email_change", ada.access_token, body=change)
    seed = (await call(septet, "begin_totp", ada.access_token)).secret
    code = pyotp.TOTP(seed).at(septet.runtime.clock())
    recovery = (await call(septet, "confirm_totp", ada.access_token, body=TotpProof(code=code))).codes
    with pytest.raises(SecondFactorRequired):
        await sign_in(septet, ADA)
    with pytest.raises(SecondFactorRequired) as asked:
        await sign_in(septet, ADA)
    answer = SecondFactorProof(challenge=asked.value.challenge, recovery_code=recovery[0])
    proven = await call(septet, "answer_second_factor", body=answer)
    begun = await call(septet, "begin_passkey", proven.access_token)
    made = SoftPasskey().make(begun.options, septet.runtime.floor.base_url)
    await call(septet, "add_passkey", proven.access_token, body=NewPasskey(challenge=begun.challenge, credential=made))
    await call(septet, "create_api_key", proven.access_token, body=NewApiKey(name="Backup", scope="identity:read"))
    return proven


async def test_deleting_leaves_nothing_that_identifies(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        grace = await register(septet, GRACE, name="Grace")
        ada = await _busy_ada(septet)
        traces = [ADA, "ada@lovelace", "Ada King", "Ada Lovelace", str(ada.account.id), ada.account.id.hex]
        found_before = _everything(septet, database_url)
        assert sum(any(trace in rows for trace in traces) for rows in found_before.values()) >= 5
        await call(septet, "delete_me", ada.access_token)
        with pytest.raises(Unauthenticated):
            await call(septet, "read_me", ada.access_token)
        await mails(septet)
        after = _everything(septet, database_url)
        assert {table: trace for table, rows in after.items() for trace in traces if trace in rows} == {}
        with pytest.raises(InvalidRefreshToken):
            await refresh(septet, ada.refresh_token)
        with pytest.raises(InvalidCredentials):
            await sign_in(septet, ADA)
        assert (await call(septet, "read_me", grace.access_token)).email == GRACE
        assert (await register(septet, ADA)).account.id != ada.account.id


async def test_the_export_holds_every_row_about_the_person_and_none_of_others(
    database_url: str, tmp_path: Path
) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        await register(septet, GRACE, name="Grace")
        ada = await _busy_ada(septet)
        exported = await call(septet, "export_me", ada.access_token)
        held = exported.systems["identity"]
        counts = {table: len(rows) for table, rows in held.items()}
        ours = "account_id IN (SELECT id FROM identity_account WHERE name = 'Ada King')"
        mine = {
            "identity_account": "email = 'ada@example.org'",
            "identity_role_grant": ours,
            "identity_session": ours,
            "identity_verification": "email LIKE 'ada@%'",
            "identity_audit": ours,
            "identity_totp": ours,
            "identity_passkey": ours,
            "identity_recovery_code": ours,
            "identity_challenge": ours,
            "identity_api_key": ours,
            "identity_provider_account": ours,
            "identity_authorization_code": ours,
            "identity_device_code": ours,
            "identity_consent": ours,
            "identity_client": "created_by IN (SELECT id FROM identity_account WHERE email LIKE 'ada@%')",
        }
        expected = {
            t: execute(database_url, f"SELECT count(*) FROM {t} WHERE {which}")[0][0] for t, which in mine.items()
        }
        assert counts == expected
        assert counts["identity_audit"] >= 4
        text = msgspec.json.encode(exported).decode()
        assert HOME.user_agent in text
        for not_hers in (GRACE, "argon2", "Grace"):
            assert not_hers not in text

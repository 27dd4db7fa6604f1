"""All that is held of a person: given out whole, and erased from every table of every system."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pyotp
import pytest

from septet.app import Septet
from septet.core.context import Client, Context
from septet.core.errors import Unauthenticated, Unavailable
from septet.core.records import RecordBook
from septet.core.types import AccountId
from septet.identity.api_keys.types import NewApiKey
from septet.identity.audit import chain
from septet.identity.factors.passkey_types import NewPasskey
from septet.identity.factors.types import SecondFactorProof, TotpProof
from septet.identity.oauth.types import ClientAuthentication, GrantType, NewClient
from septet.identity.organisations.types import NewInvitation, NewOrganisation
from septet.identity.problems import InvalidCredentials, InvalidRefreshToken, SecondFactorRequired
from septet.identity.providers.linking import enter_by
from septet.identity.providers.types import Told
from septet.identity.tasks import Notice, NoticeMail, send_notice
from septet.identity.types import AddressOnly, EmailChange, MeChanges
from support.app import Clock
from support.asgi import call as request
from support.browser import Browser
from support.oauth import as_client, code_for, provider, register_app, register_client
from support.passkeys import SoftPasskey
from support.people import (
    ADA,
    GRACE,
    HOME,
    OTHER_PASSWORD,
    PASSWORD,
    call,
    mails,
    refresh,
    register,
    sign_in,
)
from support.sql import execute

ELSEWHERE = Client("198.51.100.9", "Grace's phone")
NOT_GIVEN_OUT = {
    "identity_audit_key": "it seals the entries of the audit log, which are given out in plain",
    "core_record": "given out, but written down a moment after each call: its number is never sure",
}
URN = "urn:ietf:params:oauth:grant-type:device_code"


class _NoMail:
    async def send(self, message: object) -> None:
        raise Unavailable("No mail goes out today.")


def _tables(septet: Septet) -> list[tuple[str, Any]]:
    """Every table of every system that runs, with its system."""
    return [
        (system.name, table)
        for system in septet.runtime.registry.systems
        if system.tables is not None
        for table in system.tables.sorted_tables
    ]


def _owner_column(table: Any) -> str | None:
    """The column that names an account, if it has one."""
    for column in table.columns:
        if column.name == "account_id" or any(
            key.column.table.name == "identity_account" for key in column.foreign_keys
        ):
            return str(column.name)
    return None


def _count(database_url: str, table: str, column: str, id: AccountId) -> int:
    literal = f"'{id}'" if "postgresql" in database_url else f"X'{id.hex}'"
    number = execute(database_url, f"SELECT count(*) FROM {table} WHERE {column} = {literal}")[0][0]
    assert isinstance(number, int)
    return number


def _everything(septet: Septet, database_url: str) -> dict[str, str]:
    """The rows of every table, as text in which ids, addresses and names can be looked for."""
    return {t.name: _as_text(execute(database_url, f"SELECT * FROM {t.name}")) for _, t in _tables(septet)}


def _as_text(rows: list[tuple[Any, ...]]) -> str:
    """Bytes both ways: on SQLite an id is sixteen of them, and a stored reply is JSON."""
    return "\n".join(
        " ".join(f"{c.hex()} {c.decode(errors='replace')}" if isinstance(c, bytes) else str(c) for c in row)
        for row in rows
    )


async def _leave_a_dead_task(septet: Septet, clock: Clock, id: AccountId, patch: pytest.MonkeyPatch) -> None:
    """A mail that could not be sent, however often it was tried, still names whom it was for."""

    async def enqueue(ctx: Context) -> None:
        ctx.enqueue(send_notice, NoticeMail(id, Notice.TOTP_ADDED, ctx.now))

    with patch.context() as patched:
        patched.setattr(septet.runtime, "mail", _NoMail())
        await septet.runtime.context().write(enqueue)
        for _ in range(40):
            await septet.worker.run_due()
            clock.advance(hours=3)


async def _connect_apps(septet: Septet, ada: str, token: str) -> None:
    """Consents, a code that no app asks for any more, and a device that waits."""
    app = await register_app(septet, ada)
    tv = await register_client(
        septet,
        ada,
        client_name="Television",
        scope="identity:read",
        token_endpoint_auth_method=ClientAuthentication.NONE,
        grant_types=[GrantType.DEVICE_CODE],
    )
    await call(septet, "create_client", token, body=NewClient(client_name="Grace's program", scope="identity:read"))
    browser = Browser(septet)
    await browser.sign_in(GRACE, PASSWORD)
    await code_for(browser, app)
    begun = (await as_client(septet, "device_authorization", tv)).body
    await browser.post("/identity/device", {"user_code": begun["user_code"]})
    await browser.submit(answer="yes")


async def _busy_grace(septet: Septet, clock: Clock, ada: str, patch: pytest.MonkeyPatch) -> Any:
    """Someone who left rows wherever one can."""
    grace = await register(septet, GRACE, name="Grace Hopper")
    await _leave_a_dead_task(septet, clock, grace.account.id, patch)
    ada = (await sign_in(septet, ADA, client=ELSEWHERE)).access_token
    await call(septet, "sign_out_everywhere", ada, client=ELSEWHERE, others=True)
    await call(septet, "grant_administrator", ada, client=ELSEWHERE, id=grace.account.id)
    grace = await sign_in(septet, GRACE)
    with pytest.raises(InvalidCredentials):
        await sign_in(septet, GRACE, OTHER_PASSWORD)
    await _connect_apps(septet, ada, grace.access_token)
    made = await call(septet, "create_organisation", grace.access_token, body=NewOrganisation(name="Compilers"))
    invited = NewInvitation(email="invited@example.org")
    await call(septet, "invite", grace.access_token, id=made.id, body=invited)
    await call(septet, "change_me", grace.access_token, key="k1", body=MeChanges(name="Grace Murray"))
    await call(septet, "request_password_reset", body=AddressOnly(email=GRACE))
    change = EmailChange(email="grace@hopper.example", current_password=PASSWORD)
    await call(septet, "request_email_change", grace.access_token, body=change)
    await septet.runtime.context().write(enter_by, Told("https://elsewhere.example", "g1", GRACE, True, "Grace", None))
    return await _add_factors(septet, clock, grace.access_token)


async def _add_factors(septet: Septet, clock: Clock, token: str) -> Any:
    seed = (await call(septet, "begin_totp", token)).secret
    code = pyotp.TOTP(seed).at(clock())
    recovery = (await call(septet, "confirm_totp", token, body=TotpProof(code=code))).codes
    with pytest.raises(SecondFactorRequired):
        await sign_in(septet, GRACE)
    with pytest.raises(SecondFactorRequired) as asked:
        await sign_in(septet, GRACE)
    answer = SecondFactorProof(challenge=asked.value.challenge, recovery_code=recovery[0])
    proven = await call(septet, "answer_second_factor", body=answer)
    begun = await call(septet, "begin_passkey", proven.access_token)
    made = SoftPasskey().make(begun.options, septet.runtime.floor.base_url)
    await call(septet, "add_passkey", proven.access_token, body=NewPasskey(challenge=begun.challenge, credential=made))
    await call(septet, "create_api_key", proven.access_token, body=NewApiKey(name="Backup", scope="identity:read"))
    return proven


async def test_deleting_leaves_nothing_that_identifies(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every table of every system is read before and after. A new one that names accounts must be filled here first."""
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock, records=1000) as (septet, ada):
        grace = await _busy_grace(septet, clock, ada, monkeypatch)
        id = grace.account.id
        book = septet.runtime.telemetry.recorder
        assert isinstance(book, RecordBook)
        await book.write()
        await request(septet.asgi, "GET", "/v1/identity/me", token=grace.access_token)
        await book.write()
        named = [(table.name, column) for _, table in _tables(septet) if (column := _owner_column(table))]
        assert len(named) >= 14
        assert [table for table, column in named if not _count(database_url, table, column or "", id)] == []
        traces = [GRACE, "grace@hopper", "Grace Hopper", "Grace Murray", str(id), id.hex]
        traces += [HOME.address, HOME.user_agent]
        found_before = _everything(septet, database_url)
        assert sum(any(trace in rows for trace in traces) for rows in found_before.values()) >= 15
        assert str(id) in found_before["core_task"]
        await call(septet, "delete_me", grace.access_token)
        with pytest.raises(Unauthenticated):
            await call(septet, "read_me", grace.access_token)
        await mails(septet)
        await chain.look(septet.runtime)
        clock.advance(minutes=2)
        await mails(septet)
        after = _everything(septet, database_url)
        assert {table: trace for table, rows in after.items() for trace in traces if trace in rows} == {}


async def test_who_was_deleted_is_unknown_and_others_are_not(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        grace = await register(septet, GRACE)
        await call(septet, "delete_me", grace.access_token)
        with pytest.raises(InvalidRefreshToken):
            await refresh(septet, grace.refresh_token)
        with pytest.raises(InvalidCredentials):
            await sign_in(septet, GRACE)
        assert (await call(septet, "read_me", ada)).email == ADA
        assert (await register(septet, GRACE)).account.id != grace.account.id


async def test_the_export_holds_every_row_about_the_person_and_none_of_others(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    async with provider(database_url, tmp_path, clock=clock) as (septet, ada):
        grace = await _busy_grace(septet, clock, ada, monkeypatch)
        id = grace.account.id
        exported = await call(septet, "export_me", grace.access_token)
        counts = {table: len(rows) for system in exported.systems.values() for table, rows in system.items()}
        for system, table in _tables(septet):
            if table.name in NOT_GIVEN_OUT or (column := _owner_column(table)) is None:
                continue
            column = "id" if table.name == "identity_account" else column
            if table.name != "identity_verification":
                assert counts[table.name] == _count(database_url, table.name, column, id) > 0, (system, table.name)
        (mails_sent,) = execute(database_url, "SELECT count(*) FROM identity_verification WHERE email LIKE 'grace@%'")
        assert counts["identity_verification"] == mails_sent[0] >= 2
        key = _hers(database_url, id)
        assert counts["identity_audit_entry"] == key >= 10
        assert counts["core_idempotency"] == 1
        text = msgspec.json.encode(exported).decode()
        for hers in (HOME.user_agent, HOME.address, "grace@hopper.example", "Backup", "Grace's program", "role_grant"):
            assert hers in text
        for not_hers in (ADA, "argon2", ELSEWHERE.user_agent):
            assert not_hers not in text


def _hers(database_url: str, id: AccountId) -> int:
    """How many entries of the audit log are about her, or by her."""
    literal = f"'{id}'" if "postgresql" in database_url else f"X'{id.hex}'"
    key = f"(SELECT id FROM identity_audit_key WHERE account_id = {literal})"
    entries = f"SELECT count(*) FROM identity_audit_entry WHERE about_key = {key} OR actor_key = {key}"
    number = execute(database_url, entries)[0][0]
    assert isinstance(number, int)
    return number

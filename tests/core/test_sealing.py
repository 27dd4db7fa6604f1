"""Sealed columns: sealed anew after the keys were rotated, while somebody else writes, and with keys lost."""

from __future__ import annotations

import base64
from pathlib import Path

import pyotp
from structlog.testing import capture_logs

from septet.app import Septet
from septet.core.keys import Keyring
from septet.core.sealing import Resealed, reseal
from septet.identity.administrators import create_administrator
from septet.identity.audit import chain
from septet.identity.factors.types import TotpProof
from support.app import Clock, running_septet
from support.people import ADA, GRACE, HOME, KEYS, PASSWORD, call, quick, register, sign_in
from support.sql import execute

NEWER = "test2:" + base64.b64encode(b"b" * 32).decode()
SEALED = {
    "identity_totp": "sealed_seed",
    "identity_audit_key": "sealed_key",
    "identity_audit_chain": "sealed_state",
}


def _sealed_by(database_url: str, table: str) -> set[str]:
    rows = execute(database_url, f"SELECT {SEALED[table]} FROM {table}")
    return {Keyring.key_id_of(bytes(sealed)) for (sealed,) in rows}


async def _reseal_all(septet: Septet) -> list[Resealed]:
    return [await reseal(septet.runtime, c) for system in septet.runtime.registry.systems for c in system.sealed]


async def test_after_it_the_old_key_may_go(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with running_septet(database_url, tmp_path, system_settings=[quick()], clock=clock, keys=KEYS) as septet:
        ada = await register(septet, ADA)
        await register(septet, GRACE)
        seed = (await call(septet, "begin_totp", ada.access_token)).secret
        code = pyotp.TOTP(seed).at(clock())
        await call(septet, "confirm_totp", ada.access_token, body=TotpProof(code=code))
        await chain.look(septet.runtime)
        assert [done.rows for done in await _reseal_all(septet)] == [0, 0, 0]
    assert {t: _sealed_by(database_url, t) for t in SEALED} == {t: {"test1"} for t in SEALED}
    both = f"{NEWER},{KEYS}"
    async with running_septet(database_url, tmp_path, system_settings=[quick()], clock=clock, keys=both) as septet:
        done = {d.table: d.rows for d in await _reseal_all(septet)}
        assert done == {"identity_totp": 1, "identity_audit_key": 3, "identity_audit_chain": 1}  # nobody's key, too
        assert [d.rows for d in await _reseal_all(septet)] == [0, 0, 0]
    assert {t: _sealed_by(database_url, t) for t in SEALED} == {t: {"test2"} for t in SEALED}
    async with running_septet(database_url, tmp_path, system_settings=[quick()], clock=clock, keys=NEWER) as septet:
        grace = await sign_in(septet, GRACE)
        await chain.look(septet.runtime)
        records = (await call(septet, "list_own_audit", grace.access_token)).items
        assert {record.action for record in records} == {"register", "sign_in"}
        assert all(record.address for record in records)


async def test_what_a_lost_key_sealed_is_told_and_life_goes_on(database_url: str, tmp_path: Path) -> None:
    """Whoever replaces all keys at once, after a leak, loses what they sealed, and nobody is kept out by it."""
    async with running_septet(database_url, tmp_path, system_settings=[quick()], keys=KEYS) as septet:
        await register(septet, ADA)
        await chain.look(septet.runtime)
    async with running_septet(database_url, tmp_path, system_settings=[quick()], keys=NEWER) as septet:
        (lost,) = [d for d in await _reseal_all(septet) if d.table == "identity_audit_key"]
        assert (lost.rows, lost.lost["test1"]) == (0, 1)  # nobody's was made anew at start
        await register(septet, GRACE)
        ada = await sign_in(septet, ADA)
        await create_administrator(septet.runtime.context(), "root@example.org", PASSWORD)
        root = (await sign_in(septet, "root@example.org")).access_token
        with capture_logs() as logs:
            await chain.look(septet.runtime)
        assert [entry["key"] for entry in logs if entry["log_level"] == "error"] == ["test1"]
        told = await call(septet, "verify_audit", root)
        assert (told.intact, told.first, told.waiting) == (True, 3, 0)
        records = (await call(septet, "list_own_audit", ada.access_token)).items
        assert [(record.action, record.address) for record in records] == [("sign_in", HOME.address)]

"""Roles of one's own on the server, and explanations of who may do what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from septet.app import Septet
from septet.core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from septet.core.ids import new_id
from septet.identity.api_keys.types import NewApiKey
from septet.identity.problems import RoleInUse
from septet.identity.types import ServerRoleChange
from support.oauth import provider
from support.people import GRACE, MALLORY, call, refresh, register, sign_in

CLERK = ServerRoleChange(scope="identity:introspect", description="Looks tokens up.")


async def _keep(septet: Septet, token: str, name: str = "clerk", body: ServerRoleChange = CLERK) -> Any:
    return await call(septet, "keep_role", token, name=name, body=body)


async def test_a_role_gives_its_scopes_until_it_is_taken(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        grace = await register(septet, GRACE)
        assert "identity:introspect" not in grace.scope
        await _keep(septet, ada)
        await call(septet, "grant_role", ada, id=grace.account.id, role="clerk")
        grace = await refresh(septet, grace.refresh_token)
        assert {"identity:introspect", "identity:read"} <= set(grace.scope.split())
        assert "identity:admin" not in grace.scope
        held = await call(septet, "list_roles_of_account", ada, id=grace.account.id)
        assert [role.role for role in held] == ["clerk"]
        with pytest.raises(RoleInUse):
            await call(septet, "delete_role", ada, name="clerk")
        await call(septet, "revoke_role", ada, id=grace.account.id, role="clerk")
        with pytest.raises(Unauthenticated):
            await call(septet, "read_me", grace.access_token)
        assert "identity:introspect" not in (await sign_in(septet, GRACE)).scope
        await call(septet, "delete_role", ada, name="clerk")
        assert await call(septet, "list_roles", ada) == []


async def test_several_roles_add_up(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        grace = await register(septet, GRACE)
        await _keep(septet, ada)
        await _keep(septet, ada, "reader", ServerRoleChange(scope="server:read identity:introspect"))
        for role in ("clerk", "reader"):
            await call(septet, "grant_role", ada, id=grace.account.id, role=role)
        scopes = (await sign_in(septet, GRACE)).scope.split()
        assert {"server:read", "identity:introspect"} <= set(scopes)
        assert len(scopes) == len(set(scopes))


async def test_what_no_role_can_be(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, ada):
        grace = await register(septet, GRACE)
        with pytest.raises(Invalid):
            await _keep(septet, ada, body=ServerRoleChange(scope="nonsense"))
        with pytest.raises(Conflict):
            await _keep(septet, ada, "administrator")
        for name, values in {
            "grant_role": {"id": grace.account.id, "role": "administrator"},
            "revoke_role": {"id": grace.account.id, "role": "administrator"},
            "delete_role": {"name": "administrator"},
        }.items():
            with pytest.raises(NotFound):
                await call(septet, name, ada, **values)
        with pytest.raises(NotFound):
            await call(septet, "grant_role", ada, id=new_id(), role="clerk")


async def test_nobody_gives_more_than_they_have(tmp_path: Path) -> None:
    """A key of an administrator's that holds one scope makes nobody mightier than itself."""
    async with provider("", tmp_path) as (septet, ada):
        grace = await register(septet, GRACE)
        await _keep(septet, ada)
        made = await call(septet, "create_api_key", ada, body=NewApiKey(name="x", scope="identity:admin"))
        with pytest.raises(Forbidden):
            await _keep(septet, made.api_key, "mighty", ServerRoleChange(scope="server:read"))
        with pytest.raises(Forbidden):
            await call(septet, "grant_role", made.api_key, id=grace.account.id, role="clerk")


async def test_members_manage_no_roles(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, _):
        grace = await register(septet, GRACE)
        with pytest.raises(Forbidden):
            await _keep(septet, grace.access_token)


async def _why(septet: Septet, token: str, **values: Any) -> tuple[bool, dict[str, bool | None]]:
    told = await call(septet, "explain_access", token, **values)
    return told.allowed, {reason.rule: reason.met for reason in told.reasons}


async def test_why_somebody_may_or_not(database_url: str, tmp_path: Path) -> None:
    async with provider(database_url, tmp_path) as (septet, ada):
        grace = await register(septet, GRACE)
        own, hers = grace.access_token, {"account_id": grace.account.id}
        assert await _why(septet, own, operation_name="read_me") == (True, {"account": True, "scope": True})
        assert await _why(septet, own, operation_name="list_accounts") == (False, {"account": True, "scope": False})
        assert await _why(septet, own, operation_name="delete_me") == (
            True,
            {"account": True, "scope": True, "proof": True},
        )
        told = await call(septet, "explain_access", ada, operation_name="list_accounts", **hers)
        assert "administrator" in told.reasons[1].detail
        await _keep(septet, ada, "boss", ServerRoleChange(scope="identity:admin"))
        await call(septet, "grant_role", ada, role="boss", id=grace.account.id)
        told = await call(septet, "explain_access", ada, operation_name="list_accounts", **hers)
        assert (told.allowed, told.reasons[1].detail) == (True, "It has identity:admin by its role boss.")
        assert await _why(septet, ada, operation_name="delete_me", **hers) == (
            True,
            {"account": True, "scope": True, "proof": None},
        )
        await call(septet, "suspend_account", ada, id=grace.account.id)
        assert (await _why(septet, ada, operation_name="read_me", **hers))[0] is False


async def test_of_others_only_administrators_learn(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, ada):
        grace, mallory = await register(septet, GRACE), await register(septet, MALLORY)
        with pytest.raises(Forbidden):
            await _why(septet, mallory.access_token, operation_name="read_me", account_id=grace.account.id)
        with pytest.raises(NotFound):
            await _why(septet, mallory.access_token, permission="a", organisation_id=new_id())
        with pytest.raises(NotFound):
            await _why(septet, ada, operation_name="no_such_thing")
        with pytest.raises(Invalid):
            await _why(septet, ada, permission="a")

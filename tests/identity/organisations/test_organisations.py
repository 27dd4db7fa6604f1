"""Organisations, from making one to leaving it: who may do what, and that nobody else learns of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from septet.app import Septet
from septet.core.errors import Conflict, Forbidden, NotFound, TooMany
from septet.core.ids import new_id
from septet.identity.events import OrganisationDeleted
from septet.identity.organisations.problems import LastOwner
from septet.identity.organisations.types import MemberRole, NewInvitation, NewOrganisation, RolePermissions
from septet.identity.problems import RoleInUse
from septet.identity.settings import EmailVerification
from septet.identity.types import NewAccount
from support.app import Clock
from support.people import ADA, GRACE, MALLORY, PASSWORD, call, front_door, mails, mails_to, register, sign_in
from support.sql import execute

BOB = "bob@example.org"


async def _organisation(septet: Septet, owner: Any) -> Any:
    return await call(septet, "create_organisation", owner.access_token, body=NewOrganisation(name="Engines"))


async def _join(septet: Septet, by: Any, organisation: Any, who: Any, role: str = "member") -> None:
    body = NewInvitation(email=who.account.email, role=role)
    await call(septet, "invite", by.access_token, id=organisation.id, body=body)
    (waiting,) = await call(septet, "list_own_invitations", who.access_token)
    await call(septet, "accept_invitation", who.access_token, id=waiting.id)


async def _give(septet: Septet, by: Any, organisation: Any, who: Any, role: str) -> Any:
    values = {"id": organisation.id, "account_id": who.account.id, "body": MemberRole(role=role)}
    return await call(septet, "change_member", by.access_token, **values)


async def _remove(septet: Septet, by: Any, organisation: Any, who: Any) -> None:
    await call(septet, "remove_member", by.access_token, id=organisation.id, account_id=who.account.id)


async def test_the_whole_way(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        ada, grace = await register(septet, ADA, name="Ada"), await register(septet, GRACE)
        made = await _organisation(septet, ada)
        assert (made.name, made.role) == ("Engines", "owner")
        await _join(septet, ada, made, grace)
        mine = await call(septet, "list_organisations", grace.access_token)
        assert [(o.id, o.name, o.role) for o in mine.items] == [(made.id, "Engines", "member")]
        seen = await call(septet, "list_members", grace.access_token, id=made.id)
        assert [(m.name, m.role) for m in seen.items] == [("Ada", "owner"), (None, "member")]
        assert not any(hasattr(member, "email") for member in seen.items)
        assert (await _give(septet, ada, made, grace, "admin")).role == "admin"
        renamed = NewOrganisation(name="Analytical Engines")
        assert (await call(septet, "change_organisation", grace.access_token, id=made.id, body=renamed)).role == "admin"
        await _remove(septet, grace, made, grace)
        assert (await call(septet, "list_organisations", grace.access_token)).items == []
        await call(septet, "delete_organisation", ada.access_token, id=made.id)
        with pytest.raises(NotFound):
            await call(septet, "read_organisation", ada.access_token, id=made.id)


async def test_outsiders_learn_nothing(database_url: str, tmp_path: Path) -> None:
    """Every operation answers for an organisation that one is not in as for one that there is not."""
    async with front_door(database_url, tmp_path) as septet:
        ada, mallory = await register(septet, ADA), await register(septet, MALLORY)
        made = await _organisation(septet, ada)
        role, member = RolePermissions(permissions="a"), MemberRole(role="owner")
        for name, values in {
            "read_organisation": {},
            "change_organisation": {"body": NewOrganisation(name="x")},
            "delete_organisation": {},
            "list_members": {},
            "change_member": {"account_id": mallory.account.id, "body": member},
            "remove_member": {"account_id": ada.account.id},
            "list_organisation_roles": {},
            "keep_organisation_role": {"name": "x", "body": role},
            "delete_organisation_role": {"name": "x"},
            "invite": {"body": NewInvitation(email=MALLORY)},
            "list_invitations": {},
            "withdraw_invitation": {"invitation_id": new_id()},
        }.items():
            told = []
            for id in (made.id, new_id()):
                with pytest.raises(NotFound) as refused:
                    await call(septet, name, mallory.access_token, id=id, **values)
                told.append(refused.value.detail)
            assert told[0] == told[1], name


async def test_nobody_gives_or_takes_more_than_they_have(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        ada, grace, bob = [await register(septet, email) for email in (ADA, GRACE, BOB)]
        made = await _organisation(septet, ada)
        await _join(septet, ada, made, grace, "admin")
        await _join(septet, grace, made, bob)
        for by, who, role in (
            (grace, grace, "owner"),
            (grace, bob, "owner"),
            (grace, ada, "member"),
            (bob, bob, "admin"),
        ):
            with pytest.raises(Forbidden):
                await _give(septet, by, made, who, role)
        with pytest.raises(Forbidden):
            await _remove(septet, grace, made, ada)
        with pytest.raises(Forbidden):
            await _remove(septet, bob, made, grace)
        with pytest.raises(Forbidden):
            await call(
                septet, "invite", grace.access_token, id=made.id, body=NewInvitation(email=MALLORY, role="owner")
            )
        body = RolePermissions(permissions="articles:publish")
        with pytest.raises(Forbidden):
            await call(septet, "keep_organisation_role", grace.access_token, id=made.id, name="editor", body=body)
        with pytest.raises(Forbidden):
            await call(septet, "delete_organisation", grace.access_token, id=made.id)
        await _remove(septet, grace, made, bob)


async def test_roles_of_its_own(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        ada, grace = await register(septet, ADA), await register(septet, GRACE)
        made = await _organisation(septet, ada)
        body = RolePermissions(permissions="articles:publish members:read articles:publish")
        kept = await call(septet, "keep_organisation_role", ada.access_token, id=made.id, name="editor", body=body)
        assert kept.permissions == "articles:publish members:read"
        await _join(septet, ada, made, grace, "editor")
        told = await call(
            septet, "explain_access", grace.access_token, permission="articles:publish", organisation_id=made.id
        )
        assert told.allowed
        with pytest.raises(RoleInUse):
            await call(septet, "delete_organisation_role", ada.access_token, id=made.id, name="editor")
        with pytest.raises(Forbidden):
            await call(septet, "list_invitations", grace.access_token, id=made.id)
        await _give(septet, ada, made, grace, "member")
        await call(septet, "delete_organisation_role", ada.access_token, id=made.id, name="editor")
        names = [role.name for role in await call(septet, "list_organisation_roles", grace.access_token, id=made.id)]
        assert names == ["owner", "admin", "member"]
        with pytest.raises(NotFound):
            await _give(septet, ada, made, grace, "editor")
        for name in ("owner", "admin", "member"):
            with pytest.raises(Conflict):
                await call(septet, "keep_organisation_role", ada.access_token, id=made.id, name=name, body=body)


async def test_never_without_an_owner(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        ada, grace = await register(septet, ADA), await register(septet, GRACE)
        made = await _organisation(septet, ada)
        await _join(septet, ada, made, grace, "owner")

        async def leaves(who: Any) -> str:
            try:
                await _remove(septet, who, made, who)
            except LastOwner:
                return "stays"
            return "left"

        assert sorted(await asyncio.gather(leaves(ada), leaves(grace))) == ["left", "stays"]
        stays = ada if (await call(septet, "list_organisations", ada.access_token)).items else grace
        with pytest.raises(LastOwner):
            await _give(septet, stays, made, stays, "member")


async def test_who_goes_leaves_nobody_without_an_owner(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        ada, grace = await register(septet, ADA), await register(septet, GRACE)
        shared, alone = await _organisation(septet, ada), await _organisation(septet, ada)
        await _join(septet, ada, shared, grace)
        with pytest.raises(LastOwner):
            await call(septet, "delete_me", ada.access_token)
        await _give(septet, ada, shared, grace, "owner")
        await call(septet, "delete_me", ada.access_token)
        left = execute(database_url, "SELECT count(*) FROM identity_organisation")
        assert left == [(1,)]
        assert alone.id != (await call(septet, "list_organisations", grace.access_token)).items[0].id
        assert [m.role for m in (await call(septet, "list_members", grace.access_token, id=shared.id)).items] == [
            "owner"
        ]


async def test_an_invitation_is_for_who_reads_the_address(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with front_door(database_url, tmp_path, clock=clock) as septet:
        ada, mallory = await register(septet, ADA), await register(septet, MALLORY)
        made = await _organisation(septet, ada)
        invited = await call(septet, "invite", ada.access_token, id=made.id, body=NewInvitation(email=GRACE))
        again = await call(
            septet, "invite", ada.access_token, id=made.id, body=NewInvitation(email=GRACE, role="admin")
        )
        assert (again.id, again.role) == (invited.id, "admin")
        letters = await mails_to(septet, GRACE)
        assert len(letters) == 2
        assert not any(word in text for text in letters for word in ("Engines", ADA, str(invited.id)))
        for name in ("accept_invitation", "decline_invitation"):
            with pytest.raises(NotFound):
                await call(septet, name, mallory.access_token, id=invited.id)
        grace = await register(septet, GRACE)
        results = await asyncio.gather(
            *(call(septet, "accept_invitation", grace.access_token, id=invited.id) for _ in range(5)),
            return_exceptions=True,
        )
        assert sorted(type(result).__name__ for result in results) == [*["NotFound"] * 4, "Organisation"]
        late = await call(septet, "invite", ada.access_token, id=made.id, body=NewInvitation(email=MALLORY))
        clock.advance(days=8)
        mallory = await sign_in(septet, MALLORY)
        assert await call(septet, "list_own_invitations", mallory.access_token) == []
        with pytest.raises(NotFound):
            await call(septet, "accept_invitation", mallory.access_token, id=late.id)


async def test_an_address_that_nobody_proved_accepts_nothing(tmp_path: Path) -> None:
    async with front_door("", tmp_path, email_verification=EmailVerification.OFF) as septet:
        signed = [
            await call(septet, "register", body=NewAccount(email=email, password=PASSWORD)) for email in (ADA, GRACE)
        ]
        made = await _organisation(septet, signed[0])
        invited = await call(septet, "invite", signed[0].access_token, id=made.id, body=NewInvitation(email=GRACE))
        assert await call(septet, "list_own_invitations", signed[1].access_token) == []
        with pytest.raises(NotFound):
            await call(septet, "accept_invitation", signed[1].access_token, id=invited.id)


async def test_invitations_are_taken_back_and_declined(database_url: str, tmp_path: Path) -> None:
    async with front_door(database_url, tmp_path) as septet:
        ada, grace = await register(septet, ADA), await register(septet, GRACE)
        made = await _organisation(septet, ada)
        for name, token, values in (
            ("withdraw_invitation", ada.access_token, lambda id: {"id": made.id, "invitation_id": id}),
            ("decline_invitation", grace.access_token, lambda id: {"id": id}),
        ):
            waits = await call(septet, "invite", ada.access_token, id=made.id, body=NewInvitation(email=GRACE))
            await call(septet, name, token, **values(waits.id))
            assert (await call(septet, "list_invitations", ada.access_token, id=made.id)).items == []
            assert await call(septet, "list_own_invitations", grace.access_token) == []


async def test_nobody_floods_a_mailbox_with_invitations(tmp_path: Path) -> None:
    """Ten a day to one address, however many organisations and accounts they come from."""
    async with front_door("", tmp_path, limits=True) as septet:
        people = [await register(septet, email) for email in (ADA, MALLORY)]
        for number in range(10):
            who = people[number % 2]
            made = await _organisation(septet, who)
            await call(septet, "invite", who.access_token, id=made.id, body=NewInvitation(email=GRACE))
        with pytest.raises(TooMany):
            await call(septet, "invite", people[1].access_token, id=made.id, body=NewInvitation(email=GRACE.upper()))
        assert len(await mails_to(septet, GRACE)) == 10


async def test_other_systems_hear_of_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with front_door("", tmp_path) as septet:
        ada = await register(septet, ADA)
        made = await _organisation(septet, ada)
        heard: list[Any] = []
        monkeypatch.setattr(septet.runtime.outbox, "publish", lambda ctx, event: heard.append(event))
        await call(septet, "delete_organisation", ada.access_token, id=made.id)
        assert heard == [OrganisationDeleted(made.id)]
        await mails(septet)

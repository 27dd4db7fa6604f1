"""Every operation there is, through every door, as nobody, a stranger, the owner and an administrator: the same.

The operations come from the registry, so that a new one cannot be forgotten. For each door a Septet of its own lives
through the same calls in the same order, and what it answered is compared with REST's.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect as shapes

from septet.app import Septet
from septet.core.floor import FLOOR
from septet.core.ids import new_id
from septet.core.limits import Limits
from septet.core.operation import Operation
from septet.identity.administrators import create_administrator
from septet.identity.audit import chain
from septet.identity.system import IDENTITY
from support.app import client_of, running_septet
from support.databases import new_postgresql_database
from support.every_door import DOORS, Door, Ended
from support.people import PASSWORD, register, sign_in
from support.sample_system import NOTES_BESIDE_IDENTITY

SYSTEMS = (FLOOR, IDENTITY, NOTES_BESIDE_IDENTITY)
TITLE = "Milk and bread"
WORDS = {"email": "new@example.com", "password": PASSWORD, "current_password": PASSWORD, "title": TITLE}


class Cast:
    """The people, and what the owner has, in one Septet."""

    def __init__(self, septet: Septet) -> None:
        self.septet = septet
        self.tokens: dict[str, str | None] = {"nobody": None}
        self.made: dict[str, str] = {}

    async def enter(self, door: Door) -> None:
        for name in ("stranger", "owner"):
            await register(self.septet, f"{name}@example.com")
            await self.sign_in(name)
        await create_administrator(self.septet.runtime.context(), "root@example.com", PASSWORD)
        await self.sign_in("root")
        made = await door.client.post(
            "/v1/notes/notes", json={"title": "First"}, headers={"authorization": f"Bearer {self.tokens['owner']}"}
        )
        self.made["/v1/notes/notes/"] = made.json()["id"]

    async def sign_in(self, name: str) -> None:
        session = await sign_in(self.septet, f"{name}@example.com")
        self.tokens[name] = await self._trusted(session.access_token)

    async def _trusted(self, token: str) -> str:
        """The same token, allowed to let agents write as well: those that are sold for that come with identity."""
        authentication = self.septet.runtime.authentication
        await authentication.who(token)
        known = authentication._remembered[token]
        actor = msgspec.structs.replace(known.actor, scopes=known.actor.scopes | {"agent:write"})
        authentication._remembered[token] = msgspec.structs.replace(known, actor=actor)
        return token

    def arguments(self, operation: Operation) -> dict[str, Any]:
        """Plausible ones: what is required, and of the body the first of what is optional."""
        values: dict[str, Any] = {}
        for argument in operation.arguments:
            if argument.where == "path":
                folder = operation.declared.path.partition("{")[0]
                sample = sample_of(shapes.type_info(argument.type), argument.name)
                values[argument.name] = self.made.get(folder, sample)
            elif argument.required:
                values[argument.name] = sample_of(shapes.type_info(argument.type), argument.name)
        return values


def sample_of(shape: shapes.Type, name: str) -> Any:
    """A value that the type allows."""
    match shape:
        case shapes.Metadata(extra_json_schema=extra, type=inner):
            examples = (extra or {}).get("examples")
            return WORDS.get(name) or (examples[0] if examples else sample_of(inner, name))
        case shapes.UUIDType():
            return str(new_id())
        case shapes.StrType(pattern=None):
            return WORDS.get(name, f"some {name}")
        case shapes.StrType(pattern=pattern):
            return {"^[0-9]{8}$": "01234567", "^[A-Z]{2}$": "AT"}[pattern]
        case shapes.IntType() | shapes.FloatType():
            return 1
        case shapes.BoolType():
            return True
        case shapes.UnionType():
            return sample_of(shape.types[0], name)
        case shapes.DictType():
            return {}
        case shapes.EnumType(cls=cls):
            return next(iter(cls)).value
        case shapes.StructType():
            fields = [field for field in shape.fields if field.required] or shape.fields[:1]
            return {field.encode_name: sample_of(field.type, field.name) for field in fields}
    raise AssertionError(f"no sample of {shape} for {name}")


def in_order(septet: Septet) -> list[Operation]:
    """Those that end or delete things come last, the account itself at the very end."""
    ending = {"sign_out_everywhere": 2, "delete_me": 3}
    operations = septet.runtime.registry.operations.values()
    return sorted(operations, key=lambda one: (ending.get(one.name, one.declared.method == "DELETE"), one.name))


async def live_through(door: Door) -> dict[tuple[str, str], tuple[bool, Ended]]:
    """Each operation by each person: whether this door offers it at all, and how it ended; REST stands in if not."""
    cast = Cast(door.septet)
    await cast.enter(door)
    instead = DOORS[0](door.septet, door.client)
    ended = {}
    for operation in in_order(door.septet):
        for person in list(cast.tokens):
            if operation.name == "delete_me" and person != "nobody":
                await cast.sign_in(person)  # once more, for all sessions were ended before
            token = cast.tokens[person]
            runtime = door.septet.runtime
            if operation.name == "verify_audit":
                await chain.look(runtime)  # else it depends on the second how far the chain reaches
            runtime._limits, runtime.sharing = Limits(time.monotonic), None  # every call begins with full limits
            offered = door.offers(operation, token)
            taken = door if offered else instead
            ended[operation.name, person] = offered, await taken.call(operation, cast.arguments(operation), token)
    return ended


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Gives the URL of an empty database, one for each name."""
    with contextlib.ExitStack() as stack:
        if request.param == "postgresql":
            server = request.getfixturevalue("postgres_server")
            yield lambda name: stack.enter_context(new_postgresql_database(server))
        else:
            yield lambda name: f"sqlite:///{tmp_path}/{name}.db"


async def test_every_operation_is_the_same_through_every_door(
    new_database: Callable[[str], str], tmp_path: Path
) -> None:
    told: dict[str, Mapping[tuple[str, str], tuple[bool, Ended]]] = {}
    for kind in DOORS:
        url, folder = new_database(kind.name), tmp_path / kind.name
        async with (
            running_septet(url, folder, systems=SYSTEMS, limits=True, records=0) as septet,
            client_of(septet) as client,
        ):
            told[kind.name] = await live_through(kind(septet, client))
    by_rest = told["REST"]
    assert {ended.code for _, ended in by_rest.values()} >= {"ok", "unauthenticated", "forbidden", "not_found"}
    for name, calls in told.items():
        assert calls.keys() == by_rest.keys()
        for call, (_, ended) in calls.items():
            expected = by_rest[call][1]
            if name == "MCP" and expected.code in {"unauthenticated", "forbidden"}:
                assert ended.code == expected.code, call  # in words of its own: it does not tell what it hides
            else:
                assert ended == expected, f"{call} by {name}"
        assert sum(offered for offered, _ in calls.values()) >= (20 if name == "MCP" else len(by_rest))

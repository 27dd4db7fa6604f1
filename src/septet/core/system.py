"""The card that a system is declared on: all that the rest of Septet knows of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from sqlalchemy import MetaData

if TYPE_CHECKING:
    from septet.core.authentication import Verified
    from septet.core.context import Actor, Context
    from septet.core.doorway import Doorway
    from septet.core.errors import Problem
    from septet.core.message import Route
    from septet.core.runtime import Runtime
    from septet.core.sealing import SealedColumn
    from septet.core.types import AccountId


class Scope(Struct, frozen=True):
    """What a token may be allowed. `members` get it by signing in; otherwise only administrators do."""

    description: str
    members: bool = True


class Watch(Struct, frozen=True):
    """A look that every process takes every so many seconds, to learn what others did: `look(runtime)`."""

    seconds: float
    look: Callable[[Runtime], Awaitable[None]]


class System(Struct, frozen=True, kw_only=True):
    """One system. `modules` hold its operations, relations and tasks; `queries`, one module or several, its queries.

    pages: a folder of what people see: each `*.html` is served at `/<system>/<page>`, scripts and styles beside it.
    templates: a folder of pages that differ from person to person, which `routes` fill in.
    routes: raw handlers, for what is no operation: standard protocols, and pages with forms.
    greeting: lines for whoever starts the server, printed once it answers.
    authenticate: verifies a bearer token, or raises Unauthenticated; one system has it.
    find_actor: an account by its address or id, as it asks right after signing in; raises NotFound. For the operator.
    export_person: all that the system holds about an account, as plain JSON values by table.
    sealed: its columns that are encrypted with the server's keys, to be sealed anew when those are rotated.
    erase_person: removes it; called in the transaction that deletes the account, or from its event.
    """

    name: str
    summary: str
    modules: tuple[ModuleType, ...]
    queries: ModuleType | tuple[ModuleType, ...] = ()
    tables: MetaData | None = None
    migrations: Path | None = None
    pages: Path | None = None
    templates: Path | None = None
    routes: Callable[[Doorway], Sequence[Route]] | None = None
    settings: type[Struct] | None = None
    needs: tuple[str, ...] = ()
    scopes: Mapping[str, Scope] = {}
    problems: tuple[type[Problem], ...] = ()
    watches: tuple[Watch, ...] = ()
    prepare: Callable[[Runtime], Awaitable[None]] | None = None
    greeting: Callable[[Runtime], Awaitable[list[str]]] | None = None
    authenticate: Callable[[Runtime, str], Awaitable[Verified]] | None = None
    find_actor: Callable[[Runtime, str], Awaitable[Actor]] | None = None
    sealed: tuple[SealedColumn, ...] = ()
    export_person: Callable[[Context, AccountId], Awaitable[dict[str, Any]]] | None = None
    erase_person: Callable[[Context, AccountId], Awaitable[None]] | None = None

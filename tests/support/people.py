"""A small cast, and what people do at the front door, through the pipeline as any door calls it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from septet.app import Septet
from septet.core.context import ANONYMOUS, Client, Context
from septet.core.database import Query, Transaction
from septet.engines.mail.letter import text_of
from septet.engines.mail.mailbox import LocalMailbox
from septet.identity.settings import IdentitySettings
from septet.identity.types import (
    Credentials,
    NewAccount,
    RefreshToken,
    SessionReply,
    VerificationProof,
    VerificationSent,
)
from support.app import Clock, running_septet

ADA, GRACE, MALLORY = "ada@example.org", "grace@example.org", "mallory@example.org"
PASSWORD = "correct horse battery staple"
OTHER_PASSWORD = "seven ravens over the weir"
HOME = Client("203.0.113.7", "Firefox on Ada's laptop")
_CODE = re.compile(r"^ +(\d{8})$", re.MULTILINE)
KEYS = "test1:" + "A" * 43 + "="


def quick(**settings: Any) -> IdentitySettings:
    """The usual settings, but for hashing that takes no time."""
    return IdentitySettings(
        **{"argon2_memory": 64, "argon2_time": 1, "hash_threads": 2, "hash_queue": 1000, **settings}
    )


@asynccontextmanager
async def front_door(
    database_url: str, folder: Path, *, clock: Clock | None = None, limits: bool = False, **settings: Any
) -> AsyncIterator[Septet]:
    """Septet without HTTP. Tasks run when `mails` looks for what they sent."""
    async with running_septet(
        database_url,
        folder,
        system_settings=[quick(**settings)],
        clock=clock,
        doors=False,
        limits=limits,
        keys=KEYS,
    ) as septet:
        yield septet


async def call(
    septet: Septet,
    name: str,
    /,
    token: str | None = None,
    *,
    client: Client = HOME,
    key: str | None = None,
    **values: Any,
) -> Any:
    """What the operation `name` gives to the bearer of `token`."""
    operation = septet.runtime.registry.operations[name]
    actor = await septet.runtime.authentication.who(token) if token else ANONYMOUS
    ctx = Context(septet.runtime, actor, client)
    return await septet.pipeline.call(ctx, operation, lambda: operation.arguments_type(**values), key)


async def mails(septet: Septet) -> list[tuple[str, str, str]]:
    """Recipient, subject and text of every mail so far, once all tasks have run."""
    await septet.worker.run_due()
    assert isinstance(septet.runtime.mail, LocalMailbox)
    return [(str(letter["To"]), str(letter["Subject"]), text_of(letter)) for letter in septet.runtime.mail.letters()]


async def last_code(septet: Septet, email: str) -> str:
    """The code in the last mail to an address."""
    return code_in([text for text in await mails_to(septet, email) if _CODE.search(text)][-1])


async def mails_to(septet: Septet, email: str) -> list[str]:
    return [text for to, _, text in await mails(septet) if to == email]


def code_in(text: str) -> str:
    found = _CODE.search(text)
    assert found, text
    return found[1]


def link_in(text: str) -> str:
    """The token of the link in a mail, without the verification's id before it."""
    found = re.search(r"#[0-9a-f-]{36}\.(\S+)", text)
    assert found, text
    return found[1]


async def begin_registration(septet: Septet, email: str, password: str = PASSWORD, **more: Any) -> VerificationSent:
    sent = await call(septet, "register", body=NewAccount(email=email, password=password, **more))
    assert isinstance(sent, VerificationSent)
    return sent


async def register(septet: Septet, email: str, password: str = PASSWORD, **more: Any) -> SessionReply:
    """A person who typed the code from the mail."""
    sent = await begin_registration(septet, email, password, **more)
    return await verify(septet, sent, code=await last_code(septet, email))


async def verify(septet: Septet, sent: VerificationSent, **proof: str) -> SessionReply:
    """Type the `code`; or open the link with its `token`, and choose a `password`."""
    body = VerificationProof(verification_id=sent.verification_id, **proof)
    reply = await call(septet, "verify_registration", body=body)
    assert isinstance(reply, SessionReply)
    return reply


async def sign_in(septet: Septet, email: str, password: str = PASSWORD, client: Client = HOME) -> SessionReply:
    reply = await call(septet, "sign_in", client=client, body=Credentials(email=email, password=password))
    assert isinstance(reply, SessionReply)
    return reply


async def refresh(septet: Septet, token: str) -> SessionReply:
    reply = await call(septet, "refresh_session", body=RefreshToken(refresh_token=token))
    assert isinstance(reply, SessionReply)
    return reply


class _Counting:
    """A transaction that writes down which queries it ran."""

    def __init__(self, inner: Transaction, ran: list[str]) -> None:
        self._inner = inner
        self._ran = ran

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        async def counted(query: Any, *args: Any, **values: Any) -> Any:
            self._ran.append(query.name if isinstance(query, Query) else str(query))
            return await method(query, *args, **values)

        return counted


@contextmanager
def counted_queries(septet: Septet) -> Iterator[list[str]]:
    """The names of the queries that run meanwhile, in order."""
    ran: list[str] = []
    database = septet.runtime.database

    class Watched:
        async def read(self, work: Any, **options: Any) -> Any:
            return await database.read(lambda tx: work(_Counting(tx, ran)), **options)

        async def write(self, work: Any, **options: Any) -> Any:
            return await database.write(lambda tx: work(_Counting(tx, ran)), **options)

    septet.runtime.database = Watched()  # type: ignore[assignment]
    try:
        yield ran
    finally:
        septet.runtime.database = database

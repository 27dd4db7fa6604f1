"""The authorization request: what a client asks of a person, and what comes of it (RFC 6749 section 4.1).

Who it is that asks, and where to answer, is settled first: until then nobody is sent anywhere. From there on every
answer, also a refusal, goes back to the client.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import urlencode
from uuid import UUID

from msgspec import Struct

from septet.core.context import Context
from septet.core.errors import Invalid
from septet.identity.browser_sessions import Browsing
from septet.identity.oauth import codes, queries
from septet.identity.oauth.consents import keep
from septet.identity.oauth.errors import OAuthCode, OAuthError
from septet.identity.oauth.redirects import is_assured, is_registered, with_parameters
from septet.identity.oauth.rows import ClientRow
from septet.identity.oauth.scopes import OPENID_SCOPES, granted_now
from septet.identity.oauth.types import GrantType
from septet.identity.web.forms import AUTHORIZE

ASKED_AT = "septet_asked_at"  # added to a request that comes back from the sign-in page
_NUMBER = re.compile(r"[0-9]{1,11}\Z", re.ASCII)
_PROMPTS = frozenset({"none", "login", "consent", "select_account"})
_UNSUPPORTED = {  # OpenID Connect Core section 3.1.2.6
    "request": OAuthCode.REQUEST_NOT_SUPPORTED,
    "request_uri": OAuthCode.REQUEST_URI_NOT_SUPPORTED,
    "registration": OAuthCode.REGISTRATION_NOT_SUPPORTED,
}


class Asked(Struct, frozen=True):
    """A request that can be answered: who asks for what, and where the answer goes."""

    client: ClientRow
    redirect_uri: str
    state: str | None
    scope: tuple[str, ...]
    nonce: str | None
    challenge: str
    prompt: frozenset[str]
    max_age: int | None
    login_hint: str
    asked_at: int  # when the person was last sent to sign in for it, in seconds since 1970; 0 for never
    query: Mapping[str, str]


class RefusedError(Exception):
    """The client is told why not, by way of the browser. `to` is where that is sent."""

    def __init__(self, to: str) -> None:
        super().__init__(to)
        self.to = to


class SignInFirst(Struct, frozen=True):
    """The person is to sign in, and then to come back to `path`."""

    path: str


class AskConsent(Struct, frozen=True):
    """The person is to be asked whether they let the client do this."""

    scopes: tuple[str, ...]


class GoBack(Struct, frozen=True):
    """The browser goes back to the client, with its code."""

    to: str


Step: TypeAlias = SignInFirst | AskConsent | GoBack


async def read_request(ctx: Context, query: Mapping[str, str]) -> Asked:
    """Raises Invalid where it is not certain who asks or where to answer; RefusedError from there on."""
    client, redirect_uri = await _asker(ctx, query)
    try:
        return _read(client, redirect_uri, query)
    except OAuthError as error:
        told = {"error": error.code, "error_description": error.description}
        raise RefusedError(answer_to(ctx, redirect_uri, query.get("state"), **told)) from None


def _read(client: ClientRow, redirect_uri: str, query: Mapping[str, str]) -> Asked:
    """Raises OAuthError."""
    _refuse_what_is_not_ours(client, query)
    challenge = query.get("code_challenge", "")
    if query.get("code_challenge_method") != "S256" or not codes.CHALLENGE.match(challenge):
        raise OAuthError(OAuthCode.INVALID_REQUEST, "code_challenge is given, with the method S256 (RFC 7636).")
    scope = tuple(dict.fromkeys(query.get("scope", client.scope).split()))
    if not scope or not set(scope) <= {*client.scope.split(), *OPENID_SCOPES}:
        raise OAuthError(OAuthCode.INVALID_SCOPE, "The client may not ask for this scope.")
    prompt = frozenset(query.get("prompt", "").split())
    if not prompt <= _PROMPTS or ("none" in prompt and len(prompt) > 1):
        raise OAuthError(OAuthCode.INVALID_REQUEST, "prompt is none alone, or of login, consent and select_account.")
    max_age = _number(query.get("max_age"))
    if max_age is None and "max_age" in query:
        raise OAuthError(OAuthCode.INVALID_REQUEST, "max_age is a number of seconds.")
    return Asked(
        client=client,
        redirect_uri=redirect_uri,
        state=query.get("state"),
        scope=scope,
        nonce=query.get("nonce"),
        challenge=challenge,
        prompt=prompt,
        max_age=max_age,
        login_hint=query.get("login_hint", ""),
        asked_at=_number(query.get(ASKED_AT)) or 0,
        query=query,
    )


def _refuse_what_is_not_ours(client: ClientRow, query: Mapping[str, str]) -> None:
    """Raises OAuthError."""
    for name, code in _UNSUPPORTED.items():
        if name in query:
            raise OAuthError(code, f"{name} is not supported.")
    if not client.may(GrantType.AUTHORIZATION_CODE):
        raise OAuthError(OAuthCode.UNAUTHORIZED_CLIENT, "This client signs nobody in.")
    kind = query.get("response_type")
    if kind != "code":
        wrong = OAuthCode.UNSUPPORTED_RESPONSE_TYPE if kind else OAuthCode.INVALID_REQUEST
        raise OAuthError(wrong, "response_type is code.")
    if query.get("response_mode", "query") != "query":
        raise OAuthError(OAuthCode.INVALID_REQUEST, "response_mode is query.")


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and _NUMBER.match(text) else None


async def decide(ctx: Context, asked: Asked, here: Browsing | None) -> Step:
    """What comes next, for the person of this browser; a step of its own. Raises RefusedError."""
    silent = "none" in asked.prompt
    if here is None or _must_sign_in(ctx, asked, here):
        if silent:
            raise _refusal(ctx, asked, OAuthCode.LOGIN_REQUIRED, "Nobody is signed in, or not recently enough.")
        again = {**asked.query, ASKED_AT: str(int(ctx.now.timestamp()))}
        return SignInFirst(f"{AUTHORIZE}?{urlencode(again)}")
    scopes = granted_now(ctx.runtime.registry, asked.scope, here.holder)
    if not scopes:
        raise _refusal(ctx, asked, OAuthCode.ACCESS_DENIED, "This account may do nothing of what was asked for.")
    if await ctx.read(_needs_consent, asked, here, scopes):
        if silent:
            raise _refusal(ctx, asked, OAuthCode.CONSENT_REQUIRED, "The person was not asked yet.")
        return AskConsent(tuple(scopes))
    return GoBack(await ctx.write(_give_code, asked, here, scopes, consented=False))


async def agree(ctx: Context, asked: Asked, here: Browsing) -> GoBack:
    """The person lets the client do it; a step of its own."""
    scopes = granted_now(ctx.runtime.registry, asked.scope, here.holder)
    return GoBack(await ctx.write(_give_code, asked, here, scopes, consented=True))


def refused_by_person(ctx: Context, asked: Asked) -> GoBack:
    return GoBack(_refusal(ctx, asked, OAuthCode.ACCESS_DENIED, "The person said no.").to)


def answer_to(ctx: Context, redirect_uri: str, state: str | None, **told: str) -> str:
    """Where an answer is sent; it says whose it is, against mix-ups of servers (RFC 9207)."""
    return with_parameters(redirect_uri, {**told, "state": state, "iss": ctx.runtime.floor.base_url})


async def _asker(ctx: Context, query: Mapping[str, str]) -> tuple[ClientRow, str]:
    try:
        id = UUID(query.get("client_id", ""))
    except ValueError:
        raise Invalid("The application that sent you here is not known to this server.") from None
    client = await ctx.read(_find_client, id)
    if client is None:
        raise Invalid("The application that sent you here is not known to this server.")
    redirect_uri = query.get("redirect_uri", "")
    if not redirect_uri.isascii() or not is_registered(client.redirect_uris, redirect_uri):
        raise Invalid("The application that sent you here gave an address to return to that is not its own.")
    return client, redirect_uri


async def _find_client(ctx: Context, id: UUID) -> ClientRow | None:
    return await ctx.tx.maybe(queries.find_client, id=id)


def _must_sign_in(ctx: Context, asked: Asked, here: Browsing) -> bool:
    """Whether a proof is asked for that is newer than the one there is (OpenID Connect Core section 3.1.2.1).

    Whoever changes `septet_asked_at` in the address fools nobody but the client, which has `auth_time` to look at.
    """
    proven_at = here.session.proven_at.timestamp()
    if "login" in asked.prompt or asked.max_age == 0:
        return not 0 < asked.asked_at <= proven_at
    if asked.max_age is not None and ctx.now.timestamp() - proven_at > asked.max_age:
        return True
    return "select_account" in asked.prompt and not asked.asked_at


async def _needs_consent(ctx: Context, asked: Asked, here: Browsing, scopes: list[str]) -> bool:
    if "consent" in asked.prompt:
        return True
    if asked.client.trusted:
        return False
    if asked.client.public and not is_assured(asked.redirect_uri):
        return True  # another app may pretend to be this one (RFC 8252 section 8.6)
    held = await ctx.tx.maybe(queries.find_consent, account_id=here.holder.id, client_id=asked.client.id)
    return held is None or not set(scopes) <= set(held.scope.split())


async def _give_code(ctx: Context, asked: Asked, here: Browsing, scopes: list[str], consented: bool) -> str:
    if consented:
        await keep(ctx, here.holder.id, asked.client.id, scopes)
    code = await codes.give(
        ctx,
        asked.client,
        here.session,
        redirect_uri=asked.redirect_uri,
        scope=" ".join(scopes),
        nonce=asked.nonce,
        challenge=asked.challenge,
    )
    return answer_to(ctx, asked.redirect_uri, asked.state, code=code)


def _refusal(ctx: Context, asked: Asked, code: OAuthCode, description: str) -> RefusedError:
    return RefusedError(answer_to(ctx, asked.redirect_uri, asked.state, error=code, error_description=description))

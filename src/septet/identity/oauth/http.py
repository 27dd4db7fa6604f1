"""The endpoints of OAuth: from a request to the functions beside this file, and their errors in OAuth's own shape."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from septet.core.context import Context
from septet.core.doorway import Doorway
from septet.core.errors import Forbidden, Problem, TooMany, Unavailable
from septet.core.limits import Limit, per_minute
from septet.core.message import Reply, Request, Route
from septet.identity.oauth.authorize_pages import AuthorizePages
from septet.identity.oauth.client_authentication import authenticate_client
from septet.identity.oauth.device import begin_device
from septet.identity.oauth.device_pages import DevicePages
from septet.identity.oauth.discovery import metadata_of, metadata_paths, resource_metadata_of, resource_paths
from septet.identity.oauth.errors import OAuthCode, OAuthError
from septet.identity.oauth.introspection import introspect
from septet.identity.oauth.logout_pages import LogoutPages
from septet.identity.oauth.revocation import revoke_token
from septet.identity.oauth.rows import ClientRow
from septet.identity.oauth.signing_keys import public_signing_keys
from septet.identity.oauth.token import give_token
from septet.identity.oauth.userinfo import userinfo
from septet.identity.tokens import public_keys

_TOKENS = per_minute(600, by="address")
_ASKING = per_minute(180_000, by="address")  # resource servers ask once a request of theirs
_FOR_A_WHILE = b"public, max-age=300"

_Answer = Callable[[Context, ClientRow, Mapping[str, str]], Awaitable[Any]]


def routes(doorway: Doorway) -> Sequence[Route]:
    """What a client speaks with, and what it finds it by."""

    async def jwks(request: Request) -> Reply:
        """The keys that verify tokens (RFC 7517). A new one is listed before it is used by every process."""
        signing = await public_signing_keys(doorway.nobodys(request))
        keys = {"keys": [*signing, *public_keys(doorway.runtime.keys)]}
        return Reply(200, msgspec.json.encode(keys), cache=_FOR_A_WHILE)

    async def metadata(request: Request) -> Reply:
        return Reply(200, msgspec.json.encode(metadata_of(doorway.runtime)), cache=_FOR_A_WHILE)

    def resource(named: str) -> Callable[[Request], Awaitable[Reply]]:
        told = msgspec.json.encode(resource_metadata_of(doorway.runtime, named))

        async def tell(request: Request) -> Reply:
            return Reply(200, told, cache=_FOR_A_WHILE)

        return tell

    async def who(request: Request) -> Reply:
        return await _answer_userinfo(doorway, request)

    paths = metadata_paths(doorway.runtime)
    return (
        _endpoint(doorway, "token", give_token, _TOKENS),
        _endpoint(doorway, "device_authorization", begin_device, _TOKENS),
        _endpoint(doorway, "introspect", introspect, _ASKING),
        _endpoint(doorway, "revoke", revoke_token, _TOKENS),
        Route("GET", "/oauth2/jwks", jwks, "oauth2.jwks"),
        *(Route("GET", path, metadata, f"oauth2.metadata{n}") for n, path in enumerate(paths)),
        *(
            Route("GET", path, resource(named), f"oauth2.resource{n}")
            for n, (path, named) in enumerate(resource_paths(doorway.runtime))
        ),
        Route("GET", "/oauth2/userinfo", who, "oauth2.userinfo"),
        Route("POST", "/oauth2/userinfo", who, "oauth2.userinfo_posted"),
        *AuthorizePages(doorway).routes(),
        *DevicePages(doorway).routes(),
        *LogoutPages(doorway).routes(),
    )


async def _answer_userinfo(doorway: Doorway, request: Request) -> Reply:
    """The token comes in the header, or in a form that is posted (RFC 6750 section 2.2), and never by cookie."""
    try:
        ctx = doorway.nobodys(request)
        if doorway.runtime.floor.limits:
            ctx.spend(_TOKENS, "oauth2.userinfo", ctx.client.address)
        if request.authorization is not None:
            actor = (await doorway.context(request)).actor
        else:
            form = await doorway.form(request) if request.method == "POST" and request.content_type else {}
            actor = await doorway.runtime.authentication.who(form.get("access_token", "").strip() or None)
        return Reply(200, msgspec.json.encode(await userinfo(ctx, actor)), compressible=False)
    except Problem as problem:
        reply = doorway.refusal(request, problem)
        if isinstance(problem, Forbidden):
            reply.headers.append((b"www-authenticate", b'Bearer error="insufficient_scope", scope="openid"'))
        return reply


def _endpoint(doorway: Doorway, name: str, answer: _Answer, limit: Limit) -> Route:
    """A form that a client sends, which proves by it or by a header which client it is."""

    async def handle(request: Request) -> Reply:
        ctx = doorway.nobodys(request)
        try:
            if doorway.runtime.floor.limits:  # not the default limit beside it: a gateway asks more than a person
                ctx.spend(limit, f"oauth2.{name}", ctx.client.address)
            form = await doorway.form(request)
            client = await authenticate_client(ctx, form, request.authorization)
            told = await answer(ctx, client, form)
        except OAuthError as error:
            return _refusal(error, request)
        except Problem as problem:
            return _refusal(_in_oauths_words(problem), request, doorway.refusal(request, problem))
        return Reply(200, b"" if told is None else msgspec.json.encode(told), compressible=False)

    return Route("POST", f"/oauth2/{name}", handle, f"oauth2.{name}")


def _in_oauths_words(problem: Problem) -> OAuthError:
    if isinstance(problem, TooMany | Unavailable):
        return OAuthError(OAuthCode.TEMPORARILY_UNAVAILABLE, problem.detail)
    if type(problem) is Problem:
        return OAuthError(OAuthCode.SERVER_ERROR, problem.detail)
    return OAuthError(OAuthCode.INVALID_REQUEST, problem.detail)


def _refusal(error: OAuthError, request: Request, shaped: Reply | None = None) -> Reply:
    """RFC 6749 section 5.2. `shaped` has the status and headers of a problem that every door knows."""
    body = msgspec.json.encode({"error": error.code, "error_description": error.description})
    reply = Reply(shaped.status if shaped else error.status, body, headers=list(shaped.headers) if shaped else [])
    if error.code is OAuthCode.INVALID_CLIENT and request.authorization is not None:
        reply.headers.append((b"www-authenticate", b'Basic realm="septet"'))
    return reply

"""OAuth clients: programs of others, or of one's own, that an administrator lets in."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from septet.core.context import Context
from septet.core.errors import Conflict, Invalid, NotFound
from septet.core.ids import new_id
from septet.core.operation import operation
from septet.core.paging import page
from septet.core.proofs import fresh
from septet.core.types import CursorText, Limit, Page
from septet.identity.audit import audit_log
from septet.identity.audit.actions import Action
from septet.identity.oauth import device_queries, queries
from septet.identity.oauth.client_keys import refuse_weak_keys
from septet.identity.oauth.redirects import why_not_redirect
from septet.identity.oauth.rows import ClientRow
from septet.identity.oauth.scopes import OPENID_SCOPES
from septet.identity.oauth.secrets import hash_of, new_secret
from septet.identity.oauth.types import (
    ClientAuthentication,
    ClientChanges,
    ClientCreated,
    ClientId,
    ClientSecret,
    GrantType,
    NewClient,
    OAuthClient,
)
from septet.identity.revocations import revoke


async def reachable_client(ctx: Context, id: ClientId) -> ClientRow:
    """The only way to a client by its id. Raises NotFound."""
    client = await ctx.tx.maybe(queries.find_client, id=id)
    if client is None:
        raise NotFound("There is no such client.")
    return client


@operation.post("/v1/identity/clients", scope="identity:admin", secret=True, proof=fresh(), raises=(Invalid,))
async def create_client(ctx: Context, body: NewClient) -> ClientCreated:
    """Let a program in, which people sign in to or which asks for itself. Its secret is shown once, here.

    With `private_key_jwt` it has no secret, but keys of its own; with `none` it has neither, as apps and pages have.
    Raises Invalid for a scope that is none, and for redirect URIs and grants that do not fit.
    """
    _refuse_unknown_scopes(ctx, body.scope)
    grants = _grants_of(body)
    _refuse_unfit_addresses(body.redirect_uris, body.post_logout_redirect_uris)
    _refuse_unfit_keys(body.token_endpoint_auth_method, body.jwks is not None)
    if body.jwks is not None:
        refuse_weak_keys(body.jwks)
    secret = new_secret() if body.token_endpoint_auth_method.by_secret else None
    row = await ctx.tx.one(
        queries.insert_client,
        id=new_id(),
        name=body.client_name,
        authentication=body.token_endpoint_auth_method.value,
        secret_hash=hash_of(secret) if secret else None,
        keys=body.jwks,
        redirect_uris=body.redirect_uris,
        logout_uris=body.post_logout_redirect_uris,
        grant_types=" ".join(grants),
        scope=body.scope,
        trusted=body.trusted,
        created_by=ctx.actor.id,
        created_at=ctx.now,
    )
    await audit_log.record(ctx, Action.CLIENT_CREATE, about=ctx.actor.id, target=str(row.id))
    return ClientCreated(row.shown, secret)


@operation.get("/v1/identity/clients", scope="identity:admin")
async def list_clients(ctx: Context, limit: Limit = 20, cursor: CursorText | None = None) -> Page[OAuthClient]:
    """All clients, newest first."""
    found = await page(ctx, queries.all_clients, limit, cursor)
    return found.showing([row.shown for row in found.items])


@operation.get("/v1/identity/clients/{id}", scope="identity:admin")
async def read_client(ctx: Context, id: ClientId) -> OAuthClient:
    """A client by its id. Raises NotFound."""
    return (await reachable_client(ctx, id)).shown


@operation.patch("/v1/identity/clients/{id}", scope="identity:admin", proof=fresh(), raises=(Invalid, Conflict))
async def change_client(ctx: Context, id: ClientId, body: ClientChanges) -> OAuthClient:
    """Change what a client is called, what it may ask for, where it lives, or its keys. Raises NotFound, Invalid."""
    client = await reachable_client(ctx, id)
    scope = client.scope if body.scope is UNSET else body.scope
    keys = client.keys if body.jwks is UNSET else body.jwks
    if body.scope is not UNSET:
        _refuse_unknown_scopes(ctx, scope)
    if body.jwks is not UNSET:
        _refuse_unfit_keys(client.authentication, True)
        refuse_weak_keys(body.jwks)
    redirects = client.redirect_uris if body.redirect_uris is UNSET else body.redirect_uris
    after_logout = client.logout_uris if body.post_logout_redirect_uris is UNSET else body.post_logout_redirect_uris
    _refuse_unfit_addresses(redirects, after_logout)
    if client.may(GrantType.AUTHORIZATION_CODE) is not bool(redirects):
        raise Invalid("Redirect URIs are for clients that people sign in to; those have one.", pointer="/redirect_uris")
    changed = await ctx.tx.one(
        queries.change_client,
        client_id=id,
        new_name=client.name if body.client_name is UNSET else body.client_name,
        new_scope=scope,
        new_keys=keys,
        new_redirect_uris=redirects,
        new_logout_uris=after_logout,
        new_trusted=client.trusted if body.trusted is UNSET else body.trusted,
    )
    await audit_log.record(ctx, Action.CLIENT_CHANGE, about=ctx.actor.account, target=str(id))
    return changed.shown


@operation.post(
    "/v1/identity/clients/{id}/secret", scope="identity:admin", secret=True, proof=fresh(), raises=(Conflict,)
)
async def renew_client_secret(ctx: Context, id: ClientId) -> ClientSecret:
    """Give a client a new secret, shown once; the old one is void at once. Raises NotFound, Conflict without one."""
    client = await reachable_client(ctx, id)
    if not client.authentication.by_secret:
        raise Conflict("This client has no secret.")
    secret = new_secret()
    await ctx.tx.run(queries.renew_secret, client_id=id, new_hash=hash_of(secret))
    await audit_log.record(ctx, Action.CLIENT_CHANGE, about=ctx.actor.account, target=str(id))
    return ClientSecret(secret)


@operation.delete("/v1/identity/clients/{id}", scope="identity:admin", proof=fresh())
async def delete_client(ctx: Context, id: ClientId) -> None:
    """Let a client in no more. All of its tokens stop working within a second. Raises NotFound."""
    await reachable_client(ctx, id)
    await revoke(ctx, await ctx.tx.all(queries.end_sessions_of_client, client_id=id))
    await ctx.tx.run(queries.forget_assertions, client_id=id)
    await ctx.tx.run(queries.forget_codes_of_client, client_id=id)
    await ctx.tx.run(device_queries.forget_devices_of_client, client_id=id)
    await ctx.tx.run(queries.forget_consents_of_client, client_id=id)
    await ctx.tx.run(queries.delete_client, id=id)
    await audit_log.record(ctx, Action.CLIENT_DELETE, about=ctx.actor.account, target=str(id))


def _refuse_unknown_scopes(ctx: Context, scope: str) -> None:
    known = ctx.runtime.registry.scopes.keys() | OPENID_SCOPES.keys()
    unknown = [word for word in scope.split() if word not in known]
    if unknown:
        raise Invalid(f"There is no scope {unknown[0]}.", pointer="/scope")


def _refuse_unfit_keys(authentication: ClientAuthentication, given: bool) -> None:
    if given is not (authentication is ClientAuthentication.PRIVATE_KEY_JWT):
        raise Invalid("Keys are given for private_key_jwt, and only then.", pointer="/jwks")


def _grants_of(body: NewClient) -> list[GrantType]:
    """How it may come by tokens. Raises Invalid for what does not go together."""
    for_people = [GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN]
    grants = body.grant_types or (for_people if body.redirect_uris else [GrantType.CLIENT_CREDENTIALS])
    if (GrantType.AUTHORIZATION_CODE in grants) is not bool(body.redirect_uris):
        raise Invalid("Redirect URIs are for clients that people sign in to; those have one.", pointer="/redirect_uris")
    if GrantType.REFRESH_TOKEN in grants and not {GrantType.AUTHORIZATION_CODE, GrantType.DEVICE_CODE} & {*grants}:
        raise Invalid("Without a person who signs in there is nothing to refresh.", pointer="/grant_types")
    public = body.token_endpoint_auth_method is ClientAuthentication.NONE
    if public and GrantType.CLIENT_CREDENTIALS in grants:
        raise Invalid("A client without credentials cannot ask for itself.", pointer="/grant_types")
    return list(dict.fromkeys(grants))


def _refuse_unfit_addresses(redirects: Sequence[str], after_logout: Sequence[str]) -> None:
    for name, uris in (("redirect_uris", redirects), ("post_logout_redirect_uris", after_logout)):
        for number, uri in enumerate(uris):
            reason = why_not_redirect(uri)
            if reason is not None:
                raise Invalid(reason, pointer=f"/{name}/{number}")

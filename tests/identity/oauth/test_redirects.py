"""Where a client may have people sent back to."""

from __future__ import annotations

from pathlib import Path

import pytest

from septet.core.errors import Invalid
from septet.identity.oauth.redirects import is_registered, why_not_redirect, with_parameters
from septet.identity.oauth.types import ClientAuthentication, ClientChanges, GrantType
from support.oauth import REDIRECT, provider, register_app, register_client
from support.people import call


@pytest.mark.parametrize(
    "uri",
    [
        "https://a.example/",
        "https://a.example:8443/x?y=1",
        "http://127.0.0.1/x",
        "http://[::1]:9/x",
        "http://localhost/x",
        "org.example.app:/x",
    ],
)
def test_fit(uri: str) -> None:
    assert why_not_redirect(uri) is None


@pytest.mark.parametrize(
    "uri",
    [
        "http://a.example/",
        "https://",
        "https:///x",
        "https://a.example/#x",
        "https://*.a.example/",
        "https://user@a.example/",
        "https://a.example\\@b.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "myapp:/x",
        "/callback",
        "https://[::1",
        "https://a.example:port/",
    ],
)
def test_unfit(uri: str) -> None:
    """RFC 9700 section 2.1, RFC 8252 section 7.1."""
    assert why_not_redirect(uri) is not None


def test_a_loopback_twin_has_another_port_and_nothing_else() -> None:
    """RFC 8252 section 7.3."""
    assert is_registered(["http://127.0.0.1/x"], "http://127.0.0.1:5000/x")
    assert is_registered(["http://127.0.0.1:80/x"], "http://127.0.0.1:5000/x")
    for wrong in (
        "http://127.0.0.1:5000/y",
        "https://127.0.0.1/x",
        "http://u@127.0.0.1/x",
        "http://127.0.0.1/x?y",
        "http://127.0.0.1/x#y",
    ):
        assert not is_registered(["http://127.0.0.1/x"], wrong)
    assert not is_registered(["https://a.example/x"], "https://a.example:5000/x")


def test_a_query_of_its_own_stays() -> None:
    assert (
        with_parameters("https://a.example/?x=1", {"code": "a b", "state": None}) == "https://a.example/?x=1&code=a+b"
    )


@pytest.mark.parametrize(
    "values",
    [
        {"redirect_uris": ["http://a.example/"]},
        {"redirect_uris": [REDIRECT], "post_logout_redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": [], "grant_types": [GrantType.AUTHORIZATION_CODE]},
        {"redirect_uris": [REDIRECT], "grant_types": [GrantType.CLIENT_CREDENTIALS]},
        {"redirect_uris": [], "grant_types": [GrantType.CLIENT_CREDENTIALS, GrantType.REFRESH_TOKEN]},
        {"redirect_uris": [], "token_endpoint_auth_method": ClientAuthentication.NONE},
    ],
)
async def test_what_does_not_go_together_is_refused(tmp_path: Path, values: dict[str, object]) -> None:
    async with provider("", tmp_path) as (septet, ada):
        with pytest.raises(Invalid):
            await register_app(septet, ada, **values)


async def test_addresses_are_changed(tmp_path: Path) -> None:
    async with provider("", tmp_path) as (septet, ada):
        app, report = await register_app(septet, ada), await register_client(septet, ada)
        changes = ClientChanges(redirect_uris=["https://new.example/"], trusted=True)
        changed = await call(septet, "change_client", ada, id=app.client.client_id, body=changes)
        assert (changed.redirect_uris, changed.trusted) == (["https://new.example/"], True)
        for id, uris in ((app.client.client_id, []), (report.client.client_id, [REDIRECT])):
            with pytest.raises(Invalid):
                await call(septet, "change_client", ada, id=id, body=ClientChanges(redirect_uris=uris))

"""One person's way in over HTTP: registered, signed in, refreshed, changed, locked out, back in, and gone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from septet.app import Septet
from septet.identity.administrators import first_token
from septet.identity.settings import EmailVerification
from support.app import Clock, client_of, running_septet
from support.people import ADA, GRACE, OTHER_PASSWORD, PASSWORD, last_code, link_in, mails, mails_to, quick

ACCOUNT = {"id", "email", "email_verified", "name", "locale", "created_at"}
SESSION = {
    "access_token",
    "token_type",
    "expires_in",
    "refresh_token",
    "refresh_expires_in",
    "scope",
    "session_id",
    "account",
}


class Person:
    """Someone with a client that sends their access token along."""

    def __init__(self, septet: Septet, http: httpx.AsyncClient) -> None:
        self.septet = septet
        self.http = http
        self.session: dict[str, Any] = {}

    async def does(self, status: int, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The JSON that a call is answered with; it fails unless the answer has that status."""
        if self.session:
            headers.setdefault("Authorization", f"Bearer {self.session['access_token']}")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = await self.http.request(method, f"/v1/identity/{path}", json=body, headers=named)
        assert reply.status_code == status, f"{method} {path}: {reply.status_code} {reply.text}"
        self.etag = reply.headers.get("etag", "")
        return reply.json() if reply.content else None

    async def registers(self, email: str, password: str = PASSWORD, **more: str) -> None:
        sent = await self.does(202, "POST", "accounts", {"email": email, "password": password, **more})
        assert sent.keys() == {"result", "verification_id", "expires_in"}
        code = await last_code(self.septet, email)
        proof = {"verification_id": sent["verification_id"], "code": code}
        self.session = await self.does(201, "POST", "verifications", proof)
        assert self.session.keys() == SESSION

    async def signs_in(self, email: str, password: str = PASSWORD) -> None:
        self.session = {}
        self.session = await self.does(201, "POST", "sessions", {"email": email, "password": password})
        assert self.session.keys() == SESSION


@asynccontextmanager
async def someone(
    database_url: str, folder: Path, clock: Clock | None = None, **settings: Any
) -> AsyncIterator[Person]:
    async with (
        running_septet(database_url, folder, system_settings=[quick(**settings)], clock=clock) as septet,
        client_of(septet) as http,
    ):
        yield Person(septet, http)


async def test_from_registration_to_deletion(database_url: str, tmp_path: Path) -> None:
    clock = Clock()
    async with someone(database_url, tmp_path, clock) as ada:
        await ada.does(401, "GET", "me")
        await ada.registers(ADA, name="Ada", locale="en-GB")
        me = await ada.does(200, "GET", "me")
        assert me.keys() == ACCOUNT
        assert (me["email"], me["email_verified"], me["name"]) == (ADA, True, "Ada")
        etag = ada.etag
        changed = await ada.does(200, "PATCH", "me", {"name": "Augusta"}, If_Match=etag)
        assert changed == {**me, "name": "Augusta"}
        assert (await ada.does(412, "PATCH", "me", {"name": "King"}, If_Match=etag))["code"] == "precondition_failed"

        clock.advance(minutes=11)
        assert (await ada.does(401, "GET", "me"))["code"] == "unauthenticated"
        refreshed = await ada.does(200, "POST", "sessions/refresh", {"refresh_token": ada.session["refresh_token"]})
        assert refreshed.keys() == SESSION
        ada.session = refreshed
        await ada.does(200, "GET", "me")

        assert (await ada.does(403, "GET", "accounts"))["code"] == "forbidden"
        await ada.does(204, "DELETE", "sessions/current")
        await ada.does(401, "GET", "me")
        await ada.signs_in(ADA.upper())
        listed = await ada.does(200, "GET", "sessions")
        assert [session["current"] for session in listed["items"]] == [True]
        exported = await ada.does(200, "GET", "me/export")
        assert exported["systems"]["identity"]["identity_account"][0]["name"] == "Augusta"

        await ada.does(204, "DELETE", "me")
        await mails(ada.septet)
        await ada.does(401, "GET", "me")
        ada.session = {}
        refused = await ada.does(401, "POST", "sessions", {"email": ADA, "password": PASSWORD})
        assert refused["code"] == "invalid_credentials"


async def test_a_forgotten_password(database_url: str, tmp_path: Path) -> None:
    async with someone(database_url, tmp_path) as ada:
        await ada.registers(ADA)
        ada.session = {}
        asked = await ada.does(202, "POST", "password-resets", {"email": ADA})
        assert asked.keys() == {"id", "expires_in"}
        wrong = await ada.does(422, "PUT", f"password-resets/{asked['id']}", {"code": "", "password": OTHER_PASSWORD})
        assert wrong["errors"][0]["pointer"] == "/code"
        proof = {"token": link_in((await mails_to(ada.septet, ADA))[-1]), "password": OTHER_PASSWORD}
        await ada.does(204, "PUT", f"password-resets/{asked['id']}", proof)
        assert (await ada.does(422, "PUT", f"password-resets/{asked['id']}", proof))["code"] == "wrong_code"
        await ada.signs_in(ADA, OTHER_PASSWORD)


async def test_the_first_administrator(tmp_path: Path) -> None:
    async with someone("", tmp_path) as ada:
        body = {"token": first_token(ada.septet.runtime.keys), "email": ADA, "password": PASSWORD, "name": "Ada"}
        ada.session = await ada.does(201, "POST", "administrators/first", body)
        assert (await ada.does(409, "POST", "administrators/first", body))["code"] == "administrator_exists"
        assert len((await ada.does(200, "GET", "accounts"))["items"]) == 1
        assert (await ada.does(409, "DELETE", "me"))["code"] == "last_administrator"


async def test_replies_tell_nobody_who_has_an_account(tmp_path: Path) -> None:
    """Known and unknown addresses: the same status, headers and body, but for what is random in them."""
    async with someone("", tmp_path) as ada:
        await ada.registers(ADA)
        calls = {
            "accounts": {"password": OTHER_PASSWORD},
            "sessions": {"password": OTHER_PASSWORD},
            "password-resets": {},
        }
        for path, body in calls.items():
            known, unknown = [
                await ada.http.post(f"/v1/identity/{path}", json={**body, "email": email}) for email in (ADA, GRACE)
            ]
            assert known.status_code == unknown.status_code
            assert _without_ids(known.text) == _without_ids(unknown.text)
            assert known.headers.keys() == unknown.headers.keys()
            assert len(known.content) == len(unknown.content)


async def test_without_verification_registering_signs_in(tmp_path: Path) -> None:
    async with someone("", tmp_path, email_verification=EmailVerification.OFF) as ada:
        session = await ada.does(201, "POST", "accounts", {"email": ADA, "password": PASSWORD})
        assert session.pop("result") == "signed_in"
        assert session.keys() == SESSION
        taken = await ada.does(409, "POST", "accounts", {"email": ADA, "password": PASSWORD})
        assert taken["code"] == "email_taken"


async def test_the_pages_that_links_lead_to_use_nothing_up(tmp_path: Path) -> None:
    """Whatever scans mail may open every link in it."""
    async with someone("", tmp_path) as ada:
        sent = await ada.does(202, "POST", "accounts", {"email": ADA, "password": PASSWORD})
        link = re.search(r"https?://\S+", (await mails_to(ada.septet, ADA))[-1])
        assert link
        path = re.sub(r"^https?://[^/]+", "", link[0])
        for page in (path, "/identity/reset", "/identity/first-administrator"):
            for method in ("GET", "HEAD", "GET"):
                reply = await ada.http.request(method, page)
                assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
            for file in re.findall(r'"(/static/[^"]+)"', reply.text):
                assert (await ada.http.get(file)).status_code == 200
        id, token = path.partition("#")[2].split(".")
        assert id == sent["verification_id"]
        proof = {"verification_id": id, "token": token, "password": OTHER_PASSWORD}
        assert (await ada.does(201, "POST", "verifications", proof))["account"]["email"] == ADA


async def test_bad_input_is_named_and_never_an_error_of_the_server(tmp_path: Path) -> None:
    async with someone("", tmp_path) as ada:
        bodies: dict[str, list[Any]] = {
            "accounts": [
                None,
                {},
                {"email": ADA},
                {"email": 1, "password": PASSWORD},
                {"email": "no address", "password": PASSWORD},
                {"email": f"{'x' * 300}@example.org", "password": PASSWORD},
                {"email": f"a\x00{ADA}", "password": PASSWORD},
                {"email": ADA, "password": "x" * 257},
                {"email": ADA, "password": PASSWORD, "name": "two\nlines"},
                {"email": ADA, "password": PASSWORD, "locale": "english!"},
                {"email": ADA, "password": PASSWORD, "role": "administrator"},
            ],
            "sessions": [{"email": ADA, "password": None}, {"email": "", "password": ""}],
            "sessions/refresh": [{"refresh_token": ""}, {"refresh_token": "x" * 513}],
            "verifications": [
                {"verification_id": "1", "code": "12345678"},
                {"verification_id": "01a209d5-289e-7a2c-843e-115e4f29975a"},
                {"verification_id": "01a209d5-289e-7a2c-843e-115e4f29975a", "code": "1234567x"},
                {"verification_id": "01a209d5-289e-7a2c-843e-115e4f29975a", "code": "12345678", "token": "x"},
            ],
            "password-resets": [{"email": "@"}],
        }
        for path, given in bodies.items():
            for body in given:
                problem = await ada.does(400 if body is None else 422, "POST", path, body)
                assert problem["code"] in {"invalid", "malformed"}
                assert body is None or problem["errors"], problem


def _without_ids(text: str) -> str:
    """Without what differs from call to call: UUIDs, and the request's own id."""
    return re.sub(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|"request_id":"[^"]*"', "…", text)

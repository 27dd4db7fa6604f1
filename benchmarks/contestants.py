"""Who is measured: how each is started, signed in to, and asked the three questions.

Every one serves the same shape, a note of eight fields: create one, read one by its id, list one's 20 newest.
"""

from __future__ import annotations

import json
import secrets
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from benchmarks.common import SEPTET, Reply, Server, free_port, run_command
from benchmarks.load import Requests
from benchmarks.notes_system.installed import installed_in

TITLE = "What the miller told the crows"
TEXT = "They had come every morning for a week, and on the eighth he put the question to them. " * 3
_FILLERS = 8


class Contestant(ABC):
    """A server under test. `questions` are what the load asks; `sign_in` renews the token they carry."""

    name: ClassVar[str]
    ready_path: ClassVar[str]
    create_path: ClassVar[str]
    list_path: ClassVar[str]

    def __init__(self, folder: Path, database_url: str = "", environment: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.database_url = database_url
        self.environment = dict(environment or {})
        self.headers: dict[str, str] = {}
        self.ids: list[str] = []
        self.server: Server

    @abstractmethod
    def command(self, port: int) -> list[str]:
        """What starts the server."""

    def start(self) -> float:
        """Start it; seconds until it was ready."""
        port = free_port()
        command = self.command(port)
        self.server = Server(command, port, log=self.folder / "server.log", environment=self.environment)
        return self.server.wait_until_ready(self.ready_path)

    @abstractmethod
    def sign_in(self) -> None:
        """Set `headers` to those of someone signed in."""

    def new_note(self) -> dict[str, Any]:
        return {"title": TITLE, "text": TEXT}

    def fill(self, rows: int) -> None:
        """Create `rows` notes through the API, several at a time."""
        self.sign_in()
        with ThreadPoolExecutor(_FILLERS) as fillers:
            replies = fillers.map(lambda _: self.call("POST", self.create_path, self.new_note()), range(rows))
            self.ids = [reply.json()["id"] for reply in replies]

    def call(self, method: str, path: str, body: object = None) -> Reply:
        """One request that must succeed. Raises RuntimeError if it does not."""
        reply = self.server.call(method, path, body, self.headers)
        if reply.status not in (200, 201, 204):
            raise RuntimeError(f"{self.name}: {method} {path} answered {reply.status}: {reply.body[:500]!r}")
        return reply

    def questions(self) -> dict[str, Requests]:
        """Read by key, list, create, each tried once to see that its reply is the right one."""
        self.sign_in()
        self._check()
        posted = {**self.headers, "Content-Type": "application/json"}
        return {
            "read": Requests([f"{self.create_path}/{id}" for id in self.ids], headers=self.headers),
            "list": Requests([self.list_path], headers=self.headers),
            "create": Requests([self.create_path], "POST", posted, json.dumps(self.new_note())),
        }

    def _check(self) -> None:
        note = self.call("GET", f"{self.create_path}/{self.ids[0]}").json()
        newest = self.call("GET", self.list_path).json()["items"]
        if note["text"] != TEXT or len(newest) != 20 or len(note) < 8:
            raise RuntimeError(f"{self.name} does not answer as it should: {note} {len(newest)}")

    def stop(self) -> None:
        self.server.stop()


class Septet(Contestant):
    """`septet serve` as anybody starts it, with the notes installed as a system of somebody's own."""

    name = "Septet"
    ready_path = "/health/ready"
    create_path = "/v1/notes/notes"
    list_path = "/v1/notes/notes?limit=20"
    installs: ClassVar = ("notes", "benchmarks.notes_system.system:NOTES")  # a system's name, and its card

    def command(self, port: int) -> list[str]:
        self.environment |= {
            "PYTHONPATH": installed_in(self.folder / "site", *self.installs),
            "SEPTET_PORT": str(port),
            "SEPTET_DATA_DIR": str(self.folder / "data"),
            "SEPTET_DATABASE_URL": self.database_url,
            "SEPTET_LIMITS": "off",
            "SEPTET_IDENTITY_EMAIL_VERIFICATION": "off",
        }
        if self.database_url:
            run_command([SEPTET, "migrate", "up"], self.environment)
        return [SEPTET, "serve"]

    def sign_in(self) -> None:
        """A new account the first time, a new session of it every other time: a token lives ten minutes."""
        if not self.headers:
            self._person = {"email": f"{secrets.token_hex(8)}@example.org", "password": secrets.token_urlsafe(24)}
            self.call("POST", "/v1/identity/accounts", self._person)
        session = self.call("POST", "/v1/identity/sessions", self._person).json()
        self.headers = {"Authorization": f"Bearer {session['access_token']}"}


class PocketBase(Contestant):
    """PocketBase without its log of requests, which Septet does not keep by default either."""

    name = "PocketBase"
    logs_requests: ClassVar = False
    ready_path = "/api/health"
    create_path = "/api/collections/notes/records"
    list_path = f"/api/collections/notes/records?perPage=20&skipTotal=1&sort={quote('-created')}"
    _administrator: ClassVar = {"email": "admin@example.org", "password": "an administrator's password"}

    def command(self, port: int) -> list[str]:
        binary = str(Path(sys.executable).with_name("pocketbase"))
        data = f"--dir={self.folder / 'data'}"
        run_command([binary, "superuser", "upsert", *self._administrator.values(), data], {})
        return [binary, "serve", f"--http=127.0.0.1:{port}", data]

    def sign_in(self) -> None:
        if not self.headers:
            self._person = {"email": "person@example.org", "password": secrets.token_urlsafe(16)}
            self._make_collection()
        self._enter("users", self._person)

    def _enter(self, collection: str, who: Mapping[str, str]) -> None:
        path = f"/api/collections/{collection}/auth-with-password"
        reply = self.call("POST", path, {"identity": who["email"], "password": who["password"]}).json()
        self.headers = {"Authorization": reply["token"]}
        self._owner = reply["record"]["id"]

    def _make_collection(self) -> None:
        """The collection and its person, made by the administrator."""
        self._enter("_superusers", self._administrator)
        users = self.call("GET", "/api/collections/users").json()["id"]
        moments = [
            {"name": "created", "type": "autodate", "onCreate": True},
            {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
        ]
        fields = [
            {"name": "owner", "type": "relation", "collectionId": users, "maxSelect": 1, "required": True},
            {"name": "title", "type": "text", "required": True, "max": 200},
            {"name": "text", "type": "text", "max": 5000},
            *moments,
            {"name": "likes", "type": "number", "onlyInt": True},
            {"name": "pinned", "type": "bool"},
        ]
        rules = {
            "viewRule": '@request.auth.id != ""',
            "listRule": "owner = @request.auth.id",
            "createRule": '@request.auth.id != "" && @request.body.owner = @request.auth.id',
        }
        index = "CREATE INDEX notes_newest ON notes (owner, created)"
        collection = {"name": "notes", "type": "base", "fields": fields, "indexes": [index], **rules}
        self.call("POST", "/api/collections", collection)
        if not self.logs_requests:
            self.call("PATCH", "/api/settings", {"logs": {"maxDays": 0}})
        person = {**self._person, "passwordConfirm": self._person["password"]}
        self.call("POST", "/api/collections/users/records", person)

    def new_note(self) -> dict[str, Any]:
        return {**super().new_note(), "owner": self._owner}


class PocketBaseAsShipped(PocketBase):
    """PocketBase with all of its defaults: it writes every request to a log in a second database."""

    name = "PocketBase, logging"
    logs_requests = True


class FastApi(Contestant):
    """FastAPI, SQLAlchemy's async ORM, aiosqlite or asyncpg, on uvicorn with uvloop and httptools."""

    name = "FastAPI"
    ready_path = "/ready"
    create_path = "/notes"
    list_path = "/notes?limit=20"

    def command(self, port: int) -> list[str]:
        url = self.database_url.replace("postgresql://", "postgresql+asyncpg://")
        self.environment["DATABASE_URL"] = url or f"sqlite+aiosqlite:///{self.folder / 'notes.db'}"
        served = ["benchmarks.rivals.fastapi_app:app", "--port", str(port), "--no-access-log", "--log-level", "warning"]
        return [sys.executable, "-m", "uvicorn", *served, "--loop", "uvloop", "--http", "httptools"]

    def sign_in(self) -> None:
        if not self.headers:
            token = self.call("POST", "/token").json()["access_token"]
            self.headers = {"Authorization": f"Bearer {token}"}


class Bare(Contestant):
    """The limit: a bare ASGI function on granian and the raw driver, without routing or authentication."""

    name = "bare"
    ready_path = "/notes"
    create_path = "/notes"
    list_path = "/notes"

    def command(self, port: int) -> list[str]:
        url = self.database_url or f"sqlite:///{self.folder / 'notes.db'}"
        return [sys.executable, "-m", "benchmarks.rivals.bare", str(port), url]

    def sign_in(self) -> None:
        """Nobody is asked who they are."""


ON_SQLITE: list[type[Contestant]] = [Septet, PocketBase, PocketBaseAsShipped, FastApi, Bare]
ON_POSTGRESQL: list[type[Contestant]] = [Septet, FastApi, Bare]

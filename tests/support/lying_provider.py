"""An issuer of OpenID Connect on the loopback interface that says whatever a test wants it to."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "septet", "a secret that both know"


class Provider:
    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.algorithm = "RS256"
        self.nonce = ""
        self.claims: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}  # by path, in place of the true ones
        self.asked: list[str] = []
        self.issuer = ""

    def id_token(self) -> str:
        now = int(time.time())
        told = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "1234",
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "email": "grace@example.org",
            "email_verified": True,
            "name": "Grace",
            **self.claims,
        }
        told = {name: value for name, value in told.items() if value is not None}
        header = {"alg": self.algorithm, "kid": "one"}
        if self.algorithm == "none":
            return ".".join([*jwt.encode({"alg": "RS256"}, told, self.key).split(".")[:2], ""])
        if self.algorithm == "HS256":  # signed with what is public
            public = OctKey.import_key(self.key.as_pem(private=False))
            return jwt.encode(header, told, public, algorithms=["HS256"])
        return jwt.encode(header, told, self.key)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        self.asked.append(path)
        if path in self.answers:
            self.answers[path](request)
        elif path == "/.well-known/openid-configuration":
            found = {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
            }
            send(request, json.dumps({**found, **self.metadata}).encode())
        elif path == "/jwks":
            send(request, json.dumps({"keys": [self.key.as_dict(private=False)]}).encode())
        elif path == "/token":
            tokens = {"access_token": "x", "token_type": "Bearer", "id_token": self.id_token()}
            send(request, json.dumps(tokens).encode())


def send(request: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    request.send_response(status)
    request.send_header("content-type", "application/json")
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    with contextlib.suppress(OSError):  # the caller had enough
        request.wfile.write(body)


@contextmanager
def lying_provider() -> Iterator[Provider]:
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.answer(self)

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()

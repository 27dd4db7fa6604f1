"""A browser without scripts: it keeps cookies, reads forms, and sends them as a browser does."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import httpx

from septet.app import Septet
from support.asgi import Answer
from support.asgi import call as request

_VOID = {"meta", "link", "input", "img", "br", "hr"}


class Form:
    def __init__(self, action: str) -> None:
        self.action = action
        self.fields: dict[str, str] = {}
        self.buttons: list[tuple[str, str]] = []


class Page(HTMLParser):
    """What a page holds. Raises AssertionError for one that is not well-formed, or has an input without a label."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.refresh: str | None = None
        self.lang: str | None = None
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "html":
            self.lang = named.get("lang")
        elif tag == "form":
            self.forms.append(Form(named.get("action") or ""))
        elif tag == "input":
            assert named.get("type") == "hidden" or "label" in self._open, f"{named} has no label"
            self.forms[-1].fields[named["name"] or ""] = named.get("value") or ""
        elif tag == "button" and named.get("name"):
            self.forms[-1].buttons.append((named["name"] or "", named.get("value") or ""))
        elif tag == "a":
            self.links.append(named.get("href") or "")
        elif tag == "meta" and named.get("http-equiv") == "refresh":
            self.refresh = (named.get("content") or "").partition("url=")[2]

    def handle_endtag(self, tag: str) -> None:
        assert self._open, tag
        assert self._open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        self.text += data


class Browser:
    def __init__(self, septet: Septet, language: str = "en") -> None:
        self._septet = septet
        self._language = language
        self.cookies: dict[str, str] = {}
        self.answer: Answer

    @property
    def page(self) -> Page:
        assert (self.answer.header("content-type") or "").startswith("text/html"), self.answer.raw
        return Page(self.answer.raw.decode())

    async def get(self, target: str) -> Answer:
        return await self._send("GET", target)

    async def post(self, target: str, fields: dict[str, str], site: str | None = "same-origin") -> Answer:
        headers = [("content-type", "application/x-www-form-urlencoded")]
        if site is not None:
            headers.append(("sec-fetch-site", site))
        return await self._send("POST", target, *headers, body=urlencode(fields).encode())

    async def submit(self, number: int = 0, **fields: str) -> Answer:
        """Fill in a form of the page and send it."""
        form = self.page.forms[number]
        return await self.post(form.action, {**form.fields, **fields})

    async def follow(self) -> Answer:
        """Go where the last answer leads, until there is a page to read or the way leaves this server."""
        while True:
            to = self.answer.header("location") if self.answer.status == 303 else None
            if to is None and self.answer.raw and b'http-equiv="refresh"' in self.answer.raw:
                to = self.page.refresh
            if to is None or not to.startswith("/"):
                return self.answer
            await self.get(to)

    @property
    def leaves_for(self) -> str:
        """The address of another site that the last answer leads to."""
        to = self.answer.header("location") if self.answer.status == 303 else self.page.refresh
        assert to is not None, self.answer.raw
        assert not to.startswith("/")
        return to

    async def sign_in(self, email: str, password: str) -> None:
        await self.get("/identity/sign-in")
        await self.submit(email=email, password=password)

    async def _send(self, method: str, target: str, *headers: tuple[str, str], body: bytes = b"") -> Answer:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent: list[Any] = [("accept-language", self._language), *headers]
        if cookie:
            sent.append(("cookie", cookie))
        self.answer = await request(self._septet.asgi, method, target, *sent, body=body)
        for name, value in self.answer.headers:
            if name == "set-cookie":
                pair, *attributes = value.split("; ")
                key, _, kept = pair.partition("=")
                if "Max-Age=0" in attributes:
                    self.cookies.pop(key, None)
                else:
                    self.cookies[key] = kept
        return self.answer


def agree(server: str, address: str, email: str, password: str) -> str:
    """Open `address` at a served Septet, sign in and say yes: where the browser is led away to."""
    with httpx.Client(base_url=server, follow_redirects=False, headers={"origin": server}) as browser:
        reply = browser.get(address)
        for _ in range(10):
            to = reply.headers.get("location")
            page = Page(reply.text) if to is None else None
            to = to or (page.refresh if page else None)
            if page is not None and to is None:
                form = page.forms[0]
                fields = {**form.fields, "email": email, "password": password, "answer": "yes"}
                reply = browser.post(form.action, data=fields)
            elif to is not None and not to.startswith("/"):
                return to
            else:
                reply = browser.get(to or "/")
    raise AssertionError("the server leads nowhere")

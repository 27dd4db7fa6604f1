"""The pages: what they show, what may run in them, and that every error has its own."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from support.asgi import call
from support.doors import open_door
from support.faulty_system import FAULTY

BROWSER = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
PAGES = ["/", "/guide", "/docs", "/graphql", "/errors", "/errors/not_found"]


class Links(HTMLParser):
    """Every address that a page refers to, and whether a script or a style stands in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.inline: list[str] = []
        self._in = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in = tag
        for name, value in attrs:
            if name in {"href", "src"} and value:
                self.found.add(value)
            if name == "style" or name.startswith("on"):
                self.inline.append(f"{tag} {name}")

    def handle_data(self, data: str) -> None:
        if self._in in {"script", "style"} and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._in = ""


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_loads_nothing_from_elsewhere_and_runs_nothing_inline(tmp_path: Path, page: str) -> None:
    async with open_door(tmp_path, FAULTY) as septet:
        answer = await call(septet.asgi, "GET", page, BROWSER)
        assert (answer.status, answer.header("content-type")) == (200, "text/html; charset=utf-8")
        policy = answer.header("content-security-policy") or ""
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.header("referrer-policy") == "same-origin"
        assert answer.header("cross-origin-opener-policy") == "same-origin"
        links = Links(answer.raw.decode())
        assert links.inline == []
        for link in links.found:
            if link.startswith("https://www.rfc-editor.org/"):
                continue
            assert (await call(septet.asgi, "GET", link.partition("#")[0], BROWSER)).status == 200, link


async def test_every_error_has_its_page(tmp_path: Path) -> None:
    async with open_door(tmp_path, FAULTY) as septet:
        index = (await call(septet.asgi, "GET", "/errors")).raw.decode()
        codes = set(re.findall(r'href="/errors/(\w+)"', index))
        assert codes >= {*septet.runtime.registry.problems, "method_not_allowed", "wrong_password", "title_taken"}
        for code in codes:
            page = await call(septet.asgi, "GET", f"/errors/{code}")
            assert page.status == 200
            assert code in page.raw.decode()
        assert (await call(septet.asgi, "GET", "/errors/nonsense")).code == "not_found"
        assert "GET /v1/faulty/password" in (await call(septet.asgi, "GET", "/errors/wrong_password")).raw.decode()


async def test_the_home_page_shows_what_runs(tmp_path: Path) -> None:
    async with open_door(tmp_path, FAULTY, public_url="https://api.example.com") as septet:
        html = (await call(septet.asgi, "GET", "/")).raw.decode()
        assert "Notes, each with its owner." in html
        assert "11 operations" in html
        assert "2 systems answer" in " ".join(html.split())


async def test_files_are_kept_for_long_under_the_address_of_their_content(tmp_path: Path) -> None:
    async with open_door(tmp_path) as septet:
        home = (await call(septet.asgi, "GET", "/")).raw.decode()
        path = next(link for link in Links(home).found if link.endswith("site.css"))
        file = await call(septet.asgi, "GET", path, ("accept-encoding", "gzip"))
        assert file.header("content-type") == "text/css; charset=utf-8"
        assert file.header("cache-control") == "public, max-age=31536000, immutable"
        assert file.header("content-encoding") == "gzip"
        again = await call(
            septet.asgi, "GET", path, ("accept-encoding", "gzip"), ("if-none-match", file.header("etag") or "")
        )
        assert again.status == 304
        old = await call(septet.asgi, "GET", "/static/00000000/site.css")
        assert (old.status, old.header("cache-control")) == (200, "no-cache")
        for path in ("/static/0/nothing.css", "/static/0/..%2f..%2fsite.py", "/static/0/site.py"):
            assert (await call(septet.asgi, "GET", path)).status == 404

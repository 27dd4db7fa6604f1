"""The pages a person meets at the door: the home page, the documentation of operations, a page for each error, and
those that systems bring.

Everything comes from this server: its own style sheet and scripts, and Swagger UI's files from their package. So the
content security policy allows nothing else, and no script stands in a page.
"""

from __future__ import annotations

import inspect
import mimetypes
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape
from msgspec import Struct
from swagger_ui_bundle import swagger_ui_path

from septet import __version__
from septet.core.errors import NotFound, Problem
from septet.core.message import HTML, Reply, Request, Route
from septet.core.runtime import Runtime
from septet.core.versions import etag_of_bytes
from septet.doors.compression import WORTH_IT, compress
from septet.doors.problems import problems_by_code, status_of

if TYPE_CHECKING:
    import jinja2

_HERE = Path(__file__).parent
_SWAGGER = Path(str(swagger_ui_path))
_FILES = {
    "site.css": _HERE / "static" / "site.css",
    "home.js": _HERE / "static" / "home.js",
    "docs.js": _HERE / "static" / "docs.js",
    "docs.css": _HERE / "static" / "docs.css",
    "graphql.js": _HERE / "static" / "graphql.js",
    "graphql-schema.js": _HERE / "static" / "graphql-schema.js",
    "graphql-editor.js": _HERE / "static" / "graphql-editor.js",
    "graphql.css": _HERE / "static" / "graphql.css",
    "icon.svg": _HERE / "static" / "icon.svg",
    "swagger-ui.css": _SWAGGER / "swagger-ui.css",
    "swagger-ui-bundle.js": _SWAGGER / "swagger-ui-bundle.js",
}
_FOR_LONG = b"public, max-age=31536000, immutable"  # the address of a file changes with its content
_ASK_AGAIN = b"no-cache"


class File(Struct, frozen=True):
    """A file, read once. `version` is part of its address."""

    body: bytes
    content_type: bytes
    etag: str
    version: str
    gzipped: bytes | None


class Site:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._with_pages = {card.name: card.pages for card in runtime.registry.systems if card.pages is not None}
        self._folders = {
            card.name: [at for at in (card.pages, card.templates) if at is not None]
            for card in runtime.registry.systems
        }
        self._files = {**_FILES, **dict(_files_of(self._with_pages))}
        self._read: dict[str, File] = {}
        self._pages: dict[str, tuple[bytes, str]] = {}
        self._problems = problems_by_code(runtime.registry)
        self._templates: jinja2.Environment | None = None

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", "/", self.home, "home"),
            Route("GET", "/docs", self.docs, "docs"),
            Route("GET", "/guide", self.guide, "guide"),
            Route("GET", "/errors", self.errors, "errors"),
            Route("GET", "/errors/{code}", self.error, "error"),
            Route("GET", "/static/{version}/{name}", self.static, "static"),
            Route("GET", "/favicon.ico", self.icon, "icon"),
            *(self._route_of(f"{system}/{path.stem}") for system, path in _pages_of(self._with_pages)),
        )

    async def home(self, request: Request) -> Reply:
        """What runs here, and the first steps."""
        return self._page("home", systems=self._systems(), base_url=self._runtime.floor.base_url)

    async def docs(self, request: Request) -> Reply:
        return self._page("docs")

    async def graphql(self, request: Request) -> Reply:
        """The explorer. Its route is the GraphQL door's, which shows it to browsers."""
        return self._page("graphql")

    async def guide(self, request: Request) -> Reply:
        return self._page("guide", base_url=self._runtime.floor.base_url)

    async def errors(self, request: Request) -> Reply:
        return self._page("errors", problems=[_described(problem) for problem in self._problems.values()])

    async def error(self, request: Request) -> Reply:
        (code,) = request.parameters
        problem = self._problems.get(code)
        if problem is None:
            raise NotFound("There is no problem with this code.")
        raised_by = [o for o in self._runtime.registry.operations.values() if problem in o.declared.raises]
        return self._page(f"error {code}", "error", problem=_described(problem), operations=raised_by)

    async def static(self, request: Request) -> Reply:
        """A file. Under the address of its present content it may be kept for long."""
        version, name = request.parameters
        if name not in self._files:
            raise NotFound("There is no such file.")
        file = self._file(name)
        cache = _FOR_LONG if version == file.version else _ASK_AGAIN
        return Reply(200, file.body, file.content_type, etag=file.etag, cache=cache, gzipped=file.gzipped)

    async def icon(self, request: Request) -> Reply:
        file = self._file("icon.svg")
        return Reply(200, file.body, file.content_type, etag=file.etag, cache=b"public, max-age=86400")

    def _route_of(self, page: str) -> Route:
        """A system's page. It is the same for everybody: what is particular comes from the API, or after the `#`."""

        async def show(request: Request) -> Reply:
            return self._page(page)

        return Route("GET", f"/{page}", show, page)

    def _page(self, key: str, template: str = "", **values: Any) -> Reply:
        """A page, rendered once: what it shows stays the same while the process runs."""
        made = self._pages.get(key)
        if made is None:
            html = self.render(f"{template or key}.html", **values)
            made = self._pages[key] = html.encode(), etag_of_bytes(html.encode())
        body, etag = made
        return Reply(200, body, HTML, etag=etag, cache=_ASK_AGAIN)

    def render(self, template: str, **values: Any) -> str:
        """A system's template, filled in."""
        if self._templates is None:
            self._templates = self._load_templates()
        return self._templates.get_template(template).render(version=__version__, **values)

    def _load_templates(self) -> jinja2.Environment:
        import jinja2

        environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader(
                [
                    jinja2.FileSystemLoader(_HERE / "templates"),
                    jinja2.PrefixLoader({name: jinja2.FileSystemLoader(at) for name, at in self._folders.items()}),
                ]
            ),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],  # words come with each rendering: see `Doorway.page`
        )
        environment.filters["prose"] = _prose
        environment.globals["file"] = lambda name: f"/static/{self._file(name).version}/{name}"
        return environment

    def _file(self, name: str) -> File:
        file = self._read.get(name)
        if file is None:
            file = self._read[name] = _read_file(self._files[name])
        return file

    def _systems(self) -> list[dict[str, Any]]:
        registry = self._runtime.registry
        counts = Counter(operation.system for operation in registry.operations.values())
        return [
            {"name": card.name, "summary": card.summary, "operations": counts[card.name]}
            for card in registry.systems[1:]  # after the floor, which is no system of anybody's
            if counts[card.name]
        ]


def _prose(text: str) -> Markup:
    """Text of a docstring, with `code` set as code."""
    parts = str(escape(text)).split("`")
    return Markup("".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts)))  # noqa: S704 - escaped


def _pages_of(folders: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    for system, folder in folders.items():
        for path in sorted(folder.glob("*.html")):
            yield system, path


def _files_of(folders: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """The scripts and styles beside systems' pages, by the name they are served under: `identity.passkey.js`."""
    for system, folder in folders.items():
        for path in sorted(folder.iterdir()):
            if path.suffix in {".js", ".css", ".svg"}:
                yield f"{system}.{path.name}", path


def _read_file(path: Path) -> File:
    body = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    charset = "; charset=utf-8" if media_type.startswith("text/") or media_type.endswith("javascript") else ""
    etag = etag_of_bytes(body)
    gzipped = compress(body) if len(body) >= WORTH_IT else None
    return File(body, f"{media_type}{charset}".encode(), etag, etag[1:9], gzipped)


def _described(problem: type[Problem]) -> dict[str, Any]:
    return {
        "code": problem.code,
        "title": problem.title(),
        "status": status_of(problem),
        "text": inspect.getdoc(problem) or "",
    }

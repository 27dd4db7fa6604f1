"""What an agent may read to know this server: its guide, its operations, its errors. All of it is public."""

from __future__ import annotations

import inspect

from msgspec import Struct

from septet.core.errors import Problem
from septet.core.message import Request
from septet.core.operation import Operation
from septet.core.runtime import Runtime
from septet.doors.mcp_messages import INVALID_PARAMS, NO_RESOURCE, Result, RpcError
from septet.doors.openapi import OpenApi, without_raises
from septet.doors.problems import problems_by_code, status_of
from septet.doors.site import Site

GUIDE = "septet://guide"
OPENAPI = "septet://openapi.json"
OPERATIONS = "septet://operations"
ERRORS = "septet://errors"
_MARKDOWN = "text/markdown"
_ONE_ERROR = f"{ERRORS}/"
_LONGEST_URI = 128


class Resource(Struct, rename="camel"):
    """A resource as clients are shown it."""

    uri: str
    name: str
    title: str
    description: str
    mime_type: str = _MARKDOWN


class Template(Struct, rename="camel"):
    uri_template: str
    name: str
    title: str
    description: str
    mime_type: str = _MARKDOWN


class Contents(Struct, rename="camel"):
    uri: str
    mime_type: str
    text: str


class ListResourcesResult(Result):
    resources: list[Resource]


class ListTemplatesResult(Result):
    resource_templates: list[Template]


class ReadResult(Result):
    contents: list[Contents]


RESOURCES = [
    Resource(GUIDE, "guide", "Guide", "What holds for every operation: signing in, pages, retries, limits, errors."),
    Resource(OPERATIONS, "operations", "Operations", "Every operation of this server in a line."),
    Resource(ERRORS, "errors", "Errors", "Every code that an error may have, and what it means."),
    Resource(OPENAPI, "openapi", "OpenAPI document", "The whole HTTP API.", "application/json"),
]
TEMPLATES = [Template(_ONE_ERROR + "{code}", "error", "One error", "What an error of this code means.")]


class Resources:
    """Made when they are first read, and kept."""

    def __init__(self, runtime: Runtime, site: Site, openapi: OpenApi) -> None:
        self._runtime = runtime
        self._site = site
        self._openapi = openapi
        self._problems = problems_by_code(runtime.registry)
        self._kept: dict[str, str] = {}

    async def read(self, request: Request, uri: str, *, modern: bool) -> ReadResult:
        """Raises RpcError for a resource that there is not."""
        text = self._kept.get(uri)
        if text is None:
            text = await self._text_of(request, uri)
            if text is None:
                code = INVALID_PARAMS if modern else NO_RESOURCE
                raise RpcError(code, "There is no such resource.", {"uri": uri[:_LONGEST_URI]})
            self._kept[uri] = text
        mime_type = "application/json" if uri == OPENAPI else _MARKDOWN
        return ReadResult(contents=[Contents(uri, mime_type, text)])

    async def _text_of(self, request: Request, uri: str) -> str | None:
        if uri == GUIDE:
            from septet.doors.markdown import markdown_of

            page = (await self._site.guide(request)).body.decode()
            return markdown_of(page, self._runtime.floor.base_url)
        if uri == OPENAPI:
            return (await self._openapi.serve(request)).body.decode()
        if uri == OPERATIONS:
            return self._operations()
        if uri == ERRORS:
            return self._errors()
        problem = self._problems.get(uri.removeprefix(_ONE_ERROR)) if uri.startswith(_ONE_ERROR) else None
        return None if problem is None else _page_of(problem)

    def _operations(self) -> str:
        found = sorted(self._runtime.registry.operations.values(), key=lambda operation: operation.declared.path)
        return "\n".join(["# Operations", "", *map(_line_of, found)]) + "\n"

    def _errors(self) -> str:
        found = self._problems.items()
        lines = [f"- {status_of(problem)} `{code}`: {_first_paragraph(problem)}" for code, problem in found]
        return "\n".join(["# Errors", "", *lines]) + "\n"


def _line_of(operation: Operation) -> str:
    declared = operation.declared
    needs = f"needs `{declared.scope}`" if declared.scope else "open to everybody"
    offered = "; a tool" if declared.agent else ""
    says = without_raises(operation.doc.partition("\n")[0])
    return f"- `{operation.name}`: {says} `{declared.method} {declared.path}`, {needs}{offered}."


def _page_of(problem: type[Problem]) -> str:
    return f"# {problem.title()}\n\n{status_of(problem)} `{problem.code}`\n\n{inspect.getdoc(problem) or ''}\n"


def _first_paragraph(problem: type[Problem]) -> str:
    return " ".join((inspect.getdoc(problem) or "").partition("\n\n")[0].split())

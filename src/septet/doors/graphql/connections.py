"""Pages as connections (the GraphQL Cursor Connections Specification, "Relay"), and back to `limit` and `cursor`.

Every edge has a cursor to its place. `after` asks for what follows the place, `before` for what precedes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
)
from msgspec import Struct

from septet.core.errors import Invalid
from septet.core.paging import before
from septet.core.types import Page
from septet.doors.graphql.names import TypeNames
from septet.doors.graphql.scalars import LONG
from septet.doors.graphql.sources import FromOwner, Show, kept, kept_struct


class Edge(Struct):
    """An item of a page, at its place."""

    page: Page[Any]
    index: int
    node: Any


def edges_of(page: Page[Any]) -> list[Edge]:
    return [Edge(page, index, item) for index, item in enumerate(page.items)]


def cursor_of(page: Page[Any], index: int) -> str | None:
    """A cursor to the place of an item; None if its list does not know places."""
    try:
        return page.cursor_at(index)
    except LookupError:
        return None


def _field(kind: GraphQLOutputType, get: str | Callable[[Any], Any], description: str, **more: Any) -> GraphQLField:
    return GraphQLField(kind, description=description, extensions=kept(FromOwner(get, **more)))


def _page_info() -> GraphQLObjectType:
    text, truth = GraphQLString, GraphQLNonNull(GraphQLBoolean)
    fields = {
        "hasNextPage": _field(truth, lambda page: page.next is not None, "Whether more follows."),
        "hasPreviousPage": _field(truth, lambda page: page.previous is not None, "Whether something precedes."),
        "startCursor": _field(text, lambda page: cursor_of(page, 0) if page.items else None, "For `before`."),
        "endCursor": _field(
            text, lambda page: cursor_of(page, len(page.items) - 1) if page.items else None, "For `after`."
        ),
    }
    return GraphQLObjectType("PageInfo", fields, description="Where a page lies.", extensions=kept_struct(Page))


class Connections:
    """Makes one connection for each type of item."""

    def __init__(self, names: TypeNames) -> None:
        self._names = names
        self._made: dict[Any, GraphQLObjectType] = {}
        self._page_info = _page_info()

    def of(
        self, key: Any, name: str, node: GraphQLOutputType, show: Show | None, *, objects: bool
    ) -> GraphQLObjectType:
        """The connection of the page type `key`, whose items are shown as `node`."""
        if key not in self._made:
            self._made[key] = self._make(key, name, node, show, objects)
        return self._made[key]

    def _make(
        self, key: Any, name: str, node: GraphQLOutputType, show: Show | None, objects: bool
    ) -> GraphQLObjectType:
        edge = GraphQLObjectType(
            self._names.claim(f"{name}Edge", (key, "edge")),
            {
                "cursor": _field(GraphQLString, lambda edge: cursor_of(edge.page, edge.index), "The item's place."),
                "node": _field(node, "node", "The item.", show=show),
            },
            description="An item of a list, at its place.",
            extensions=kept_struct(Edge),
        )
        show_all = None if show is None else (lambda items: [show(item) for item in items])
        return GraphQLObjectType(
            self._names.claim(f"{name}Connection", key),
            {
                "edges": _field(_all(GraphQLNonNull(edge)), edges_of, "The items with their places.", many=True),
                "nodes": _field(_all(node), "items", "The items.", show=show_all, many=objects),
                "pageInfo": _field(GraphQLNonNull(self._page_info), lambda page: page, "Where this page lies."),
                "totalCount": _field(
                    LONG,
                    "count",
                    "How many there are on all pages; null for a list that is not counted.",
                    may_be_unset=True,
                ),
            },
            description="One page of a list.",
            extensions=kept_struct(Page),
        )


def _all(item: GraphQLOutputType) -> GraphQLOutputType:
    return GraphQLNonNull(GraphQLList(item))


def page_arguments(values: Mapping[str, Any]) -> dict[str, Any]:
    """`first` and `after`, or `last` and `before`, as the `limit` and `cursor` of a list. Raises Invalid for others."""
    rest = dict(values)
    first, after = rest.pop("first", None), rest.pop("after", None)
    last, preceding = rest.pop("last", None), rest.pop("before", None)
    backwards = last is not None or preceding is not None
    if backwards and (first is not None or after is not None):
        raise Invalid("Ask for `first` and `after`, or for `last` and `before`.", pointer="/first")
    if last is not None and preceding is None:
        raise Invalid("`last` goes with `before`: a list is not read from its end.", pointer="/last")
    limit = last if backwards else first
    cursor = before(preceding) if preceding is not None else after
    if limit is not None:
        rest["limit"] = limit
    if cursor is not None:
        rest["cursor"] = cursor
    return rest

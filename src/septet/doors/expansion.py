"""`?expand=` and `?fields=`: what else of a reply is wanted, and which of it alone.

    GET /v1/social/posts?expand=author,author.badges&fields=id,text,author.handle

A name leads into an object or along a relation, and a full stop goes on from there. In a list they are about its
items. An expanded relation is one call for the whole page.
"""

from __future__ import annotations

import operator
import typing
from collections.abc import Iterable
from typing import Any

from msgspec import NODEFAULT, Struct
from msgspec import inspect as shapes

from septet.core.context import Context
from septet.core.errors import Fault, Invalid
from septet.core.message import Request
from septet.core.operation import Operation
from septet.core.projection import Choice, Constant, Entry, Leaf, Nested, Projector, Related, Selection, Wanted
from septet.core.registry import Registry
from septet.core.relation import Relation
from septet.core.types import Page
from septet.doors.faults import invalid
from septet.doors.routing import text_of

SHAPING = ("expand", "fields")
MOST_NAMES = 30
MOST_STEPS = 4
_MOST_REMEMBERED = 256

Tree = dict[str, Any]  # names, each with the names that follow it


class Expansions:
    """What may be asked of one operation's replies; each question is compiled once and remembered."""

    def __init__(self, registry: Registry, operation: Operation) -> None:
        own = {argument.key for argument in operation.arguments}
        self._registry = registry
        self._shape = shapes.type_info(operation.returns)
        self.offered = bool(_objects_of(self._shape)) and not own & set(SHAPING)
        self._remembered: dict[tuple[tuple[str, ...], tuple[str, ...]], Question] = {}
        self.changes = operation.writes

    def asked(self, request: Request) -> Asked | None:
        """What a request asks for, not read yet; None if it asks for nothing."""
        if self.offered and (b"expand" in request.query or b"fields" in request.query):
            return Asked(self, request.query)
        return None

    def question(self, query: bytes) -> Question | None:
        """What a query asks for, if anything. Raises Invalid, naming each name that leads nowhere."""
        expand, fields = _names_in(query, "expand"), _names_in(query, "fields")
        known = self._remembered.get((expand, fields))
        if known is not None or not (expand or fields):
            return known
        if len(expand) + len(fields) > MOST_NAMES or any(name.count(".") >= MOST_STEPS for name in expand + fields):
            raise invalid([Fault("/expand", f"At most {MOST_NAMES} names of {MOST_STEPS} steps.")])
        reading = _Reading(self._registry)
        wanted = reading.of_shape(self._shape, _tree(expand), _tree(fields) if fields else None)
        if reading.faults or wanted is None:
            raise invalid(reading.faults)
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        question = self._remembered[expand, fields] = Question(wanted, frozenset(reading.scopes))
        return question

    def names(self) -> list[str]:
        """The relations that lead on from the reply, for the documentation."""
        kinds = _objects_of(self._shape)
        if len(kinds) == 1 and _class_of(kinds[0]) is Page:
            kinds = _objects_of(_items_of(kinds[0]).type)
        found = (self._registry.relations_of(_class_of(kind)) for kind in kinds)
        return sorted({name for named in found for name, each in named.items() if not each.needs_arguments})


class Question(Struct, frozen=True):
    """What is wanted, and the scopes that its relations need."""

    wanted: Wanted
    scopes: frozenset[str]


class Asked:
    """What one request asks for. `shown` is what is answered, once the value was there."""

    def __init__(self, expansions: Expansions, query: bytes) -> None:
        self._expansions = expansions
        self._query = query
        self._question: Question | None = None
        self.shown: Any = None

    def read(self, ctx: Context) -> None:
        """Read the names. Raises Invalid, and Unauthenticated or Forbidden before anything is done."""
        self._question = self._expansions.question(self._query)
        for scope in sorted(self._question.scopes) if self._question else ():
            ctx.require_scope(scope)

    async def show(self, ctx: Context, value: Any) -> Any:
        """Make what is wanted of `value`, which stays as it is.

        Raises what a relation raises, and Invalid for too many objects. But after a change, which stands, what cannot
        be shown is null, and where there would be too many the value is shown as it is.
        """
        if self._question is None:
            self.shown = value
            return value
        changed = self._expansions.changes
        projector = Projector(ctx, failures=[] if changed else None)
        project = projector.project_list if isinstance(value, list) else projector.project
        try:
            self.shown = await project(self._question.wanted, value)
        except Invalid:
            if not changed:
                raise
            self.shown = value
        return value


class _Reading:
    """Reads names against types, and notes those that lead nowhere."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.faults: list[Fault] = []
        self.scopes: set[str] = set()

    def of_shape(self, shape: shapes.Type, expand: Tree, fields: Tree | None, at: str = "") -> Wanted | None:
        """What is wanted of the objects in a shape; None where there are none."""
        kinds = _objects_of(shape)
        if len(kinds) == 1 and _class_of(kinds[0]) is Page:
            return self._page(kinds[0], expand, fields, at)
        _, known = self._known(kinds)
        for where, names in (("expand", expand), ("fields", fields or {})):
            self._note_unknown(where, names, known, at)
        made = {_class_of(kind): self._selection(kind, expand, fields, at) for kind in kinds}
        if not made:
            return None
        return next(iter(made.values())) if len(made) == 1 else Choice(made)

    def _known(self, kinds: list[shapes.StructType]) -> tuple[set[str], set[str]]:
        fields = {field.encode_name for kind in kinds for field in kind.fields}
        relations = {name for kind in kinds for name in self._registry.relations_of(_class_of(kind))}
        return fields, fields | relations

    def _note_unknown(self, where: str, names: Tree, known: set[str], at: str) -> None:
        for name in names.keys() - known:
            self.faults.append(
                Fault(f"/{where}", f"There is no {f'{at}.{name}'.lstrip('.')}. Known: {_listed(known)}.")
            )

    def _page(self, kind: shapes.StructType, expand: Tree, fields: Tree | None, at: str) -> Selection:
        """A page as it is, with its items as they are wanted."""
        items = _items_of(kind)
        wanted = self.of_shape(items.type, expand, fields, at)
        inside = [] if wanted is None else [Nested("items", operator.attrgetter("items"), wanted, many=True)]
        rest = [_leaf(field) for field in kind.fields if wanted is None or field is not items]
        return Selection([*inside, *rest], omit_unset=True)

    def _selection(self, kind: shapes.StructType, expand: Tree, fields: Tree | None, at: str) -> Selection:
        entries: list[Entry] = []
        if kind.tag_field is not None:
            entries.append(Constant(kind.tag_field, kind.tag))
        for field in kind.fields:
            name = field.encode_name
            if fields is None or name in fields or name in expand:
                entries.append(self._field(field, expand.get(name, {}), (fields or {}).get(name) or None, at))
        relations = self._registry.relations_of(_class_of(kind))
        for name in relations.keys() & (fields or {}).keys() - expand.keys():
            self.faults.append(Fault("/fields", f"{f'{at}.{name}'.lstrip('.')} is a relation: add it to expand."))
        for name in [name for name in expand if name in relations]:
            entries.append(self._related(relations[name], expand[name], (fields or {}).get(name) or None, at))
        return Selection(entries, omit_unset=True)

    def _field(self, field: shapes.Field, expand: Tree, fields: Tree | None, at: str) -> Entry:
        """A field: as it is, unless something is said about what lies in it."""
        below = f"{at}.{field.encode_name}".lstrip(".")
        wanted = self.of_shape(field.type, expand, fields, below) if expand or fields else None
        if wanted is None:
            for where, names in (("expand", expand), ("fields", fields or {})):
                self._note_unknown(where, names, set(), below)
            return _leaf(field)
        return Nested(field.encode_name, operator.attrgetter(field.name), wanted, many=_is_list(field.type))

    def _related(self, relation: Relation, expand: Tree, fields: Tree | None, at: str) -> Entry:
        below = f"{at}.{relation.name}".lstrip(".")
        if relation.needs_arguments:
            self.faults.append(Fault("/expand", f"{below} needs arguments, which only GraphQL can give."))
        if relation.scope is not None:
            self.scopes.add(relation.scope)
        shape = shapes.type_info(relation.returns)
        wanted = self.of_shape(shape, expand, fields, below)
        return Related(relation.name, relation, lambda _: relation.arguments_type(), wanted)


def _leaf(field: shapes.Field) -> Leaf:
    may_be_unset = not field.required and field.default is NODEFAULT and field.default_factory is NODEFAULT
    return Leaf(field.encode_name, field.name, may_be_unset)


def _objects_of(shape: shapes.Type) -> list[shapes.StructType]:
    """The types of objects that a shape holds: itself, one of several, or in a list."""
    match shape:
        case shapes.Metadata():
            return _objects_of(shape.type)
        case shapes.StructType():
            return [shape]
        case shapes.ListType():
            return _objects_of(shape.item_type)
        case shapes.UnionType():
            return [kind for member in shape.types for kind in _objects_of(member)]
    return []


def _items_of(page: shapes.StructType) -> shapes.Field:
    return next(field for field in page.fields if field.name == "items")


def _is_list(shape: shapes.Type) -> bool:
    match shape:
        case shapes.Metadata():
            return _is_list(shape.type)
        case shapes.UnionType():
            return any(_is_list(member) for member in shape.types)
    return isinstance(shape, shapes.ListType)


def _class_of(kind: shapes.StructType) -> type[Struct]:
    return typing.get_origin(kind.cls) or kind.cls


def _names_in(query: bytes, parameter: str) -> tuple[str, ...]:
    """The names that a parameter lists, separated by commas; it may be given more than once."""
    found: list[str] = []
    for pair in query.split(b"&"):
        key, _, value = pair.partition(b"=")
        if text_of(key.replace(b"+", b" ")) == parameter:
            found += (name.strip() for name in text_of(value.replace(b"+", b" ")).split(","))
    return tuple(filter(None, found))


def _tree(names: Iterable[str]) -> Tree:
    """`["author", "author.badges"]` as `{"author": {"badges": {}}}`."""
    tree: Tree = {}
    for name in names:
        level = tree
        for step in name.split("."):
            level = level.setdefault(step, {})
    return tree


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _listing(name: str, told: str) -> dict[str, Any]:
    """A parameter that lists names, as OpenAPI describes it."""
    schema = {"type": "array", "items": {"type": "string"}, "maxItems": MOST_NAMES}
    return {
        "name": name,
        "in": "query",
        "required": False,
        "style": "form",
        "explode": False,
        "description": told,
        "schema": schema,
    }


FIELDS = _listing("fields", "Show these fields alone, separated by commas; a full stop leads into an object.")


def shaping_parameters(registry: Registry, operation: Operation) -> list[dict[str, Any]]:
    """`expand` and `fields` in OpenAPI, where an operation offers them."""
    expansions = Expansions(registry, operation)
    if not expansions.offered:
        return []
    fields = {"$ref": "#/components/parameters/Fields"}
    names = expansions.names()
    told = f"Show these relations too, separated by commas: {', '.join(names)}."
    return [_listing("expand", told), fields] if names else [fields]

"""Forms: what was typed, and where it leads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, ValidationError

from septet.core.errors import Invalid
from septet.core.message import Reply, Request

S = TypeVar("S", bound=Struct)

AUTHORIZE = "/oauth2/authorize"
_PLACE = re.compile(r"at `\$\.(\w+)")
_OWN_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*\Z", re.ASCII)
_LONGEST_PATH = 8000


def read_form(form: Mapping[str, str], of: type[S], *fields: str) -> S:
    """The fields as `of` has them; an empty one is none. Raises Invalid, naming the first fault's field."""
    try:
        return msgspec.convert({name: form[name] for name in fields if form.get(name)}, of, strict=False)
    except ValidationError as error:
        place = _PLACE.search(str(error))
        name = place[1] if place else next((name for name in fields if not form.get(name)), fields[0])
        raise Invalid("This is missing, or cannot be right.", pointer=f"/{name}") from None


def read_json(text: str) -> dict[str, Any]:
    """What a script filled in. Raises Invalid."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise Invalid("The browser did not answer for the passkey.") from None


def own_path(wanted: str | None) -> str:
    """Where to go on: a path of this server, whatever was asked for. So no link to us leads to a stranger's page."""
    fits = wanted is not None and len(wanted) <= _LONGEST_PATH and _OWN_PATH.match(wanted)
    return wanted if fits and wanted else "/"


def see_other(to: str) -> Reply:
    """Go on by GET, so that a reload sends no form twice. `to` is in ASCII."""
    return Reply(303, headers=[(b"location", to.encode("ascii"))])


def own_address(request: Request) -> str:
    """Path and query of a request, as they were sent."""
    query = b"?" + request.query if request.query else b""
    return (request.path + query).decode("latin-1")

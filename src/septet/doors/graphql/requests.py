"""What is asked: one GraphQL request or a batch of them, from a body or from an address."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from septet.core.errors import Malformed
from septet.doors.faults import DEEPEST, fault_of, is_deeper, may_be_deep

_MOST_PARAMETERS = 10


class GraphQLRequest(Struct, rename="camel"):
    """One request. What `extensions` says is for others than us."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(GraphQLRequest).decode


def read_body(body: bytes) -> GraphQLRequest | list[GraphQLRequest]:
    """Raises Malformed for what is no request, or is nested too deep."""
    try:
        if body[:1] == b"{" and not may_be_deep(body):
            return _decode(body)
        raw = msgspec.json.decode(body)
        if is_deeper(raw):
            raise Malformed(f"The body is nested more than {DEEPEST} deep.")
        if isinstance(raw, list):
            return msgspec.convert(raw, list[GraphQLRequest])
        return msgspec.convert(raw, GraphQLRequest)
    except RecursionError:
        raise Malformed("The body is nested too deep.") from None
    except UnicodeDecodeError:
        raise Malformed("The body is not UTF-8.") from None
    except msgspec.ValidationError as error:
        raise _malformed(error) from None
    except msgspec.DecodeError as error:
        raise Malformed(f"The body is not JSON: {error}.") from None


def read_query(query: bytes) -> GraphQLRequest:
    """`?query=…&variables=…&operationName=…`, the variables as JSON. Raises Malformed."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except ValueError:
        raise Malformed("The query of the address cannot be read.") from None
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Malformed(f"{name[:64]} is given more than once.")
        found[name] = value
    for name in ("variables", "extensions"):
        if found.get(name):
            found[name] = _json(found[name], name)
        else:
            found.pop(name, None)
    if not found.get("operationName"):
        found.pop("operationName", None)
    try:
        return msgspec.convert(found, GraphQLRequest)
    except msgspec.ValidationError as error:
        raise _malformed(error) from None


def _json(text: str, name: str) -> Any:
    try:
        raw = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise Malformed(f"{name} is not JSON.") from None
    if is_deeper(raw):
        raise Malformed(f"{name} is nested more than {DEEPEST} deep.")
    return raw


def _malformed(error: msgspec.ValidationError) -> Malformed:
    fault = fault_of(error)
    return Malformed(f"This is no GraphQL request: {fault.detail}", faults=[fault])

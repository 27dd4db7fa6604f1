"""What an MCP request says in its headers, and whether its body says the same.

Since 2026-07-28 headers repeat parts of the body, so that whoever routes by them need not read it. A request whose
headers and body differ is refused: otherwise what was let through by the one would be done by the other.
"""

from __future__ import annotations

import base64
import binascii
import re

from msgspec import UNSET, Struct

from septet.core.http_problems import NotAcceptable, UnsupportedMediaType
from septet.core.message import JSON, Request
from septet.doors.mcp_messages import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    MODERN,
    UNSUPPORTED_VERSION,
    VERSIONS,
    WITH_BATCHES,
    CallParams,
    Params,
    ReadParams,
    RpcError,
)

_ENCODED = re.compile(rb"=\?base64\?(.*)\?=\Z")
_SHOWN = 64  # characters of what a caller sent that are shown to them again
_ROUTING = (b"mcp-protocol-version", b"mcp-method", b"mcp-name")
_USUAL_ACCEPT = b"application/json, text/event-stream"
_MODERN = MODERN.encode()


class Wire(Struct):
    """The headers that matter. `repeated` names one that came twice, of which two readers might see another."""

    version: str | None
    modern: bool
    unknown: bool
    method: bytes | None
    name: bytes | None
    repeated: str | None

    @property
    def assumed(self) -> str:
        return WITH_BATCHES if self.version is None else self.version

    def unsupported(self) -> RpcError:
        told = {"supported": VERSIONS, "requested": (self.version or "")[:_SHOWN]}
        return RpcError(UNSUPPORTED_VERSION, "Unsupported protocol version", told)


def read_wire(request: Request) -> Wire:
    """Raises UnsupportedMediaType or NotAcceptable."""
    given = dict(request.headers)
    accept = given.get(b"accept")
    repeated = None
    if len(given) < len(request.headers):
        names = [name for name, _ in request.headers]
        repeated = next((name.decode() for name in _ROUTING if names.count(name) > 1), None)
        accept = b", ".join(value for name, value in request.headers if name == b"accept") if accept else accept
    if request.content_type != JSON:
        _check_media_type(request.content_type or b"")
    if accept not in (None, _USUAL_ACCEPT) and not _accepts_json(accept.lower()):
        raise NotAcceptable("What is answered here is application/json.")
    method, name = given.get(b"mcp-method"), given.get(b"mcp-name")
    version = given.get(b"mcp-protocol-version")
    if version == _MODERN:
        return Wire(MODERN, True, False, method, name, repeated)
    said = version.strip().decode("latin-1") if version is not None else None
    return Wire(said, said == MODERN, said is not None and said not in VERSIONS, method, name, repeated)


def check_envelope(wire: Wire, method: str, params: Params) -> None:
    """Raises RpcError where a request's body says other things than its headers, or too little."""
    meta = params.meta
    if wire.modern and (meta.protocol_version is UNSET or meta.client_capabilities is UNSET):
        keys = "io.modelcontextprotocol/protocolVersion and io.modelcontextprotocol/clientCapabilities"
        raise RpcError(INVALID_PARAMS, f"params._meta holds {keys}.")
    if wire.repeated is not None:
        raise RpcError(HEADER_MISMATCH, f"The header {wire.repeated} is given more than once.")
    if meta.protocol_version is not UNSET and meta.protocol_version != wire.version:
        raise RpcError(HEADER_MISMATCH, "MCP-Protocol-Version is not the version that params._meta names.")
    if not wire.modern:
        return
    if wire.method != method.encode():
        raise RpcError(HEADER_MISMATCH, "Mcp-Method is not the method of the body.")
    named = params.name if isinstance(params, CallParams) else params.uri if isinstance(params, ReadParams) else None
    if named is not None and wire.name != named.encode() and _unwrapped(wire.name) != named:
        raise RpcError(HEADER_MISMATCH, "Mcp-Name is not the name of the body.")


def _unwrapped(value: bytes | None) -> str | None:
    """The text of a header that is wrapped as `=?base64?…?=`; None for one that is not, or is broken."""
    encoded = _ENCODED.match(value) if value is not None else None
    if encoded is None:
        return None
    try:
        return base64.b64decode(encoded[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _check_media_type(given: bytes) -> None:
    kind, _, parameters = given.lower().partition(b";")
    if kind.strip() != JSON:
        raise UnsupportedMediaType("Send application/json.")
    if b"charset" in parameters and b"utf-8" not in parameters and b"utf8" not in parameters:
        raise UnsupportedMediaType("Send JSON in UTF-8.")


def _accepts_json(accept: bytes) -> bool:
    kinds = {part.partition(b";")[0].strip() for part in accept.split(b",")}
    return not kinds.isdisjoint({JSON, b"application/*", b"*/*"})

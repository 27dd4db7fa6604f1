"""The messages of the Model Context Protocol as Structs: JSON-RPC 2.0, and what MCP says in its fields.

Revision 2026-07-28 has no handshake: each request tells its version, in a header and in `params._meta`. The earlier
ones begin with `initialize`. Both are answered here, request by request, without anything kept in between.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from septet import __version__
from septet.core.types import LARGEST_INT

MODERN: Final = "2026-07-28"
HANDSHAKE: Final = ("2025-11-25", "2025-06-18", "2025-03-26")  # the newest first
VERSIONS: Final = (MODERN, *HANDSHAKE)
WITH_BATCHES: Final = "2025-03-26"  # the one revision that has batches; also what is assumed where none is named

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
NO_RESOURCE: Final = -32002  # up to 2025-11-25; INVALID_PARAMS since
HEADER_MISMATCH: Final = -32020
UNSUPPORTED_VERSION: Final = -32022
_ALWAYS_400 = frozenset({PARSE_ERROR, INVALID_REQUEST, HEADER_MISMATCH, UNSUPPORTED_VERSION})

Id = Annotated[int, Meta(ge=-LARGEST_INT, le=LARGEST_INT)] | str

encode = msgspec.json.Encoder().encode


class RpcError(Exception):
    """A message that cannot be answered with a result."""

    def __init__(self, code: int, message: str, data: Any = UNSET) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def status(self, *, modern: bool) -> int:
        """The HTTP status that goes with it. Before 2026-07-28 a request that was understood is answered with 200."""
        if self.code == METHOD_NOT_FOUND and modern:
            return 404
        return 400 if modern or self.code in _ALWAYS_400 else 200


class Message(Struct):
    """A request if it has an id, a notification if not; a response, which nobody asked for, if it has no method."""

    jsonrpc: Literal["2.0"]
    id: Id | UnsetType = UNSET
    method: str | UnsetType = UNSET
    params: Raw = Raw(b"{}")
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET

    @property
    def is_response(self) -> bool:
        return self.method is UNSET and (self.result is not UNSET or self.error is not UNSET)


class _Identified(Struct):
    id: Id | None = None


class RequestMeta(Struct):
    """What is read of `params._meta`."""

    protocol_version: str | UnsetType = field(default=UNSET, name="io.modelcontextprotocol/protocolVersion")
    client_capabilities: dict[str, Any] | UnsetType = field(
        default=UNSET, name="io.modelcontextprotocol/clientCapabilities"
    )
    idempotency_key: str | None = field(default=None, name="septet/idempotency-key")


class Params(Struct, kw_only=True):
    """What every request may carry."""

    meta: RequestMeta = field(default_factory=RequestMeta, name="_meta")


class InitializeParams(Params, rename="camel"):
    protocol_version: str
    capabilities: dict[str, Any]
    client_info: dict[str, Any]


class ListParams(Params):
    cursor: str | None = None


class CallParams(Params):
    name: str
    arguments: dict[str, Any] | None = None


class ReadParams(Params):
    uri: str


class ErrorObject(Struct):
    code: int
    message: str
    data: Any = UNSET


class ErrorResponse(Struct):
    id: Id | None
    error: ErrorObject
    jsonrpc: str = "2.0"


class Response(Struct):
    id: Id
    result: Any
    jsonrpc: str = "2.0"


class Implementation(Struct):
    """Who answers."""

    name: str = "septet"
    title: str = "Septet"
    version: str = __version__


class ResultMeta(Struct, omit_defaults=True):
    """`_meta` of a result: who answers, and what REST says in headers."""

    server_info: Implementation | None = field(default=None, name="io.modelcontextprotocol/serverInfo")
    limits: list[LimitStanding] | None = field(default=None, name="septet/limits")
    retry_after: int | None = field(default=None, name="septet/retry-after")
    etag: str | None = field(default=None, name="septet/etag")
    replayed: bool = field(default=False, name="septet/replayed")


class LimitStanding(Struct):
    """One limit: `quota` calls in `window` seconds; `remaining` are left now, all again in `reset` seconds."""

    name: str
    quota: int
    window: int
    remaining: int
    reset: int


class Result(Struct, omit_defaults=True, rename="camel", kw_only=True):
    """What every result may say: since 2026-07-28 its type, and for how long whom it may be kept for."""

    result_type: str | None = None
    ttl_ms: int | None = None
    cache_scope: str | None = None
    meta: ResultMeta | None = field(default=None, name="_meta")


class Text(Struct):
    text: str
    type: str = "text"


class CallResult(Result):
    content: list[Text]
    structured_content: Raw | UnsetType = UNSET
    is_error: bool = False


def read_message(raw: bytes | Raw) -> Message:
    """Raises RpcError for what is no JSON-RPC message."""
    try:
        try:
            return _decode_message(raw)
        except msgspec.ValidationError as error:
            msgspec.json.decode(raw)  # what is wrong may be followed by what is not even JSON
            raise RpcError(INVALID_REQUEST, f"This is no JSON-RPC message: {_told(error)}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _not_json(error) from None
    except RecursionError:
        raise RpcError(INVALID_REQUEST, "This is nested too deep.") from None


def read_batch(raw: bytes) -> list[Raw]:
    """The messages of a batch, none of them looked at yet. Raises RpcError."""
    try:
        return _decode_batch(raw)
    except RecursionError:
        raise RpcError(INVALID_REQUEST, "This is nested too deep.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _not_json(error) from None


def id_of(raw: bytes | Raw) -> Id | None:
    """The id of a message that is otherwise wrong, where one can be read."""
    try:
        return _decode_id(raw).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def read_params(decoder: msgspec.json.Decoder[Any], raw: Raw) -> Any:
    """Raises RpcError for what is not as the method wants it."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise RpcError(INVALID_PARAMS, f"Wrong params: {_told(error)}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _not_json(error) from None


def _not_json(error: Exception) -> RpcError:
    return RpcError(PARSE_ERROR, f"This is not JSON in UTF-8: {_told(error)}.")


def _told(error: Exception) -> str:
    return str(error).replace("`", "")


_decode_message = msgspec.json.Decoder(Message).decode
_decode_batch = msgspec.json.Decoder(list[Raw]).decode
_decode_id = msgspec.json.Decoder(_Identified).decode

"""Every setting of the floor, and how all settings are read: default, then `septet.toml`, then the environment.

`SEPTET_DATA_DIR=/var/lib/septet`, or in the file `data_dir = "/var/lib/septet"`. A system's own settings carry
its name: `SEPTET_IDENTITY_EMAIL_VERIFICATION`, or `email_verification` in the file's table `[identity]`.
A list is separated by commas in the environment. This module imports nothing of Septet, so all may import it.
"""

from __future__ import annotations

import sys
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import NODEFAULT, Meta, Struct

S = TypeVar("S", bound=Struct)
FILE_NAME = "septet.toml"
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - addresses to listen on that nobody can go to
_SWITCH = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}


class LogFormat(StrEnum):
    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The floor's settings; each system's are beside it, on its card."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8000
    workers: Annotated[int, Meta(ge=1, le=256, description="Processes that answer requests.")] = 1
    data_dir: Annotated[Path, Meta(description="Folder of all that is kept on this machine.")] = Path("data")
    database_url: Annotated[
        str, Meta(description="sqlite:///path or postgresql://…; empty means septet.db in the data folder.")
    ] = ""
    database_pool: Annotated[int, Meta(ge=1, le=1000, description="PostgreSQL connections a process.")] = 10
    database_timeout: Annotated[float, Meta(gt=0, le=3600, description="Seconds that one statement may take.")] = 30.0
    database_prepared: Annotated[
        bool, Meta(description="Keep prepared statements; off behind PgBouncer in transaction mode.")
    ] = True
    postgresql_programs: Annotated[
        str, Meta(description="Folder of pg_dump, pg_restore and psql, for backups; empty means those on PATH.")
    ] = ""
    valkey_url: Annotated[
        str,
        Meta(description="Valkey or Redis, for processes to share cache and limits: redis://host:6379/0, rediss://…"),
    ] = ""
    cache_bytes: Annotated[
        int, Meta(ge=0, description="Bytes that each process may cache if there is no Valkey; 0 turns all caches off.")
    ] = 33_554_432
    systems: Annotated[tuple[str, ...], Meta(description="Systems to run; empty means all that are installed.")] = ()
    limits: Annotated[
        bool, Meta(description="Rate limits, shared by all processes; off only for benchmarks and tests.")
    ] = True
    limit_default: Annotated[int, Meta(ge=1, description="Calls a minute that one caller may make in all.")] = 1200
    keys: Annotated[
        str,
        Meta(description="Secret keys, id:base64 each, newest first; empty means the file keys in the data folder."),
    ] = ""
    public_url: Annotated[
        str, Meta(description="Address that people reach this server by; empty means host and port.")
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...], Meta(description="Addresses or networks whose X-Forwarded-* headers are believed.")
    ] = ()
    cors_origins: Annotated[tuple[str, ...], Meta(description="Web origins that may call from a browser.")] = ()
    max_body: Annotated[int, Meta(ge=1024, description="Bytes that the body of an operation may have.")] = 1_048_576
    max_headers: Annotated[int, Meta(ge=1024, description="Bytes that a request's headers may have in all.")] = 32_768
    body_timeout: Annotated[float, Meta(gt=0, description="Seconds that a client may take to send a body.")] = 30.0
    drain_timeout: Annotated[float, Meta(ge=0, description="Seconds that running requests get when stopping.")] = 20.0
    mail_url: Annotated[
        str, Meta(description="smtp://user:password@host:587, or smtps://…; empty keeps mail in a local mailbox.")
    ] = ""
    mail_from: Annotated[str, Meta(description="Sender of mail.")] = "Septet <septet@localhost>"
    log_format: Annotated[LogFormat, Meta(description="Lines for people or JSON; auto: JSON unless on a terminal.")] = (
        LogFormat.AUTO
    )
    log_requests: Annotated[bool, Meta(description="Log every request; off logs failures and slow ones only.")] = False
    log_slow: Annotated[float, Meta(gt=0, description="Seconds after which a call or a task is logged as slow.")] = 1.0
    otlp_endpoint: Annotated[
        str, Meta(description="http(s)://collector:4318 to send traces and metrics to, over OTLP; empty sends none.")
    ] = ""
    otlp_headers: Annotated[
        tuple[str, ...], Meta(description="Headers for the collector, as name=value; kept as a secret.")
    ] = ()
    otlp_interval: Annotated[float, Meta(ge=1, le=3600, description="Seconds between metrics sent over OTLP.")] = 60.0
    trace_sample: Annotated[
        float,
        Meta(ge=0, le=1, description="Share of calls and tasks whose trace is sent; failed and slow ones all are."),
    ] = 0.05
    records: Annotated[
        int, Meta(ge=0, le=10_000_000, description="Records of calls and tasks that are kept here; 0 keeps none.")
    ] = 10_000
    task_runners: Annotated[
        int, Meta(ge=0, le=1000, description="Tasks that one process runs at once; 0 runs none.")
    ] = 16
    task_poll: Annotated[
        float, Meta(gt=0, le=60, description="Seconds between looks for tasks of other processes.")
    ] = 0.5
    graphql_batch: Annotated[
        int, Meta(ge=0, le=100, description="GraphQL requests that one HTTP request may hold; 0 or 1: no batches.")
    ] = 10
    graphql_tokens: Annotated[
        int,
        Meta(
            ge=10, le=100_000, description="Words and signs that GraphQL documents may have, those of a batch together."
        ),
    ] = 2000
    graphql_depth: Annotated[
        int, Meta(ge=1, le=100, description="Levels of fields that a GraphQL document may have.")
    ] = 12
    graphql_roots: Annotated[
        int, Meta(ge=1, le=1000, description="Operations that GraphQL documents may call, those of a batch together.")
    ] = 20
    graphql_cost: Annotated[
        int, Meta(ge=1, description="Values that GraphQL documents may ask for at most, those of a batch together.")
    ] = 50_000
    graphql_introspection: Annotated[
        bool, Meta(description="Tell GraphQL's schema to whoever asks; off also hides it from messages.")
    ] = True
    idempotency_hours: Annotated[int, Meta(ge=1, le=720, description="Hours that a reply is kept for a retry.")] = 24

    def __post_init__(self) -> None:
        if self.database_url and not self.database_url.startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise ValueError("SEPTET_DATABASE_URL: use sqlite:///path/to/file, or postgresql://…")
        if self.valkey_url and not self.valkey_url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("SEPTET_VALKEY_URL: use redis://host:6379/0, rediss://… or unix:///path")
        if self.otlp_endpoint and not self.otlp_endpoint.startswith(("http://", "https://")):
            raise ValueError("SEPTET_OTLP_ENDPOINT: use http://host:4318, or https://…")
        if any("=" not in header for header in self.otlp_headers):
            raise ValueError("SEPTET_OTLP_HEADERS: use name=value,name=value")

    @property
    def base_url(self) -> str:
        """Where people reach this server, without a slash at its end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = "localhost" if self.host in _EVERYWHERE else f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def database_kind(self) -> str:
        return "postgresql" if self.database_url.startswith(("postgresql://", "postgres://")) else "sqlite"

    @property
    def for_people(self) -> bool:
        """Whether someone reads what we say as we say it, rather than a program."""
        return self.log_format is LogFormat.TEXT or (self.log_format is LogFormat.AUTO and sys.stderr.isatty())


class WrongSettingError(ValueError):
    """A setting cannot be used; the message names it and says why."""


class Found(Struct, frozen=True):
    """One setting as it came out: `source` is `default`, the file's path or `environment`."""

    variable: str
    doc: str
    default: Any
    value: Any
    source: str


def load(kind: type[S], environment: Mapping[str, str], file: Mapping[str, Any], *, prefix: str = "") -> S:
    """The settings of `kind`. Raises WrongSettingError for the first that cannot be used."""
    values: dict[str, Any] = {}
    table = file.get(prefix, {}) if prefix else file
    for field in msgspec.structs.fields(kind):
        variable = variable_of(field.name, prefix)
        if variable in environment:
            values[field.name] = _convert(variable, _from_text(environment[variable], field.type), field.type)
        elif field.name in table:
            values[field.name] = _convert(f"{field.name} in {FILE_NAME}", table[field.name], field.type)
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise WrongSettingError(str(error)) from error


def describe(
    settings: Struct, environment: Mapping[str, str], file: Mapping[str, Any], *, prefix: str = ""
) -> Iterator[Found]:
    """Each setting with its doc, default, value and source, for `septet settings`."""
    table = file.get(prefix, {}) if prefix else file
    for field in msgspec.structs.fields(type(settings)):
        variable = variable_of(field.name, prefix)
        source = "environment" if variable in environment else FILE_NAME if field.name in table else "default"
        default = None if field.default is NODEFAULT else field.default
        yield Found(variable, _doc_of(field.type), default, getattr(settings, field.name), source)


def read_file(path: Path) -> dict[str, Any]:
    """The settings file, empty if there is none. Raises WrongSettingError if it is not TOML."""
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WrongSettingError(f"{path}: {error}") from error


def refuse_unknown(kinds: Mapping[str, type[Struct]], environment: Mapping[str, str], file: Mapping[str, Any]) -> None:
    """Raise WrongSettingError for a `SEPTET_…` variable or a key of the file that no setting has: likely a typing slip.

    `kinds` are the Structs by prefix, the floor's under "".
    """
    variables = {variable_of(f.name, prefix) for prefix, kind in kinds.items() for f in msgspec.structs.fields(kind)}
    variables |= {"SEPTET_CONFIG"}
    for name in environment:
        if name.startswith("SEPTET_") and name not in variables:
            raise WrongSettingError(f"{name}: there is no such setting")
    for key, value in file.items():
        if key in kinds and isinstance(value, dict):
            known = {field.name for field in msgspec.structs.fields(kinds[key])}
            unknown = sorted(value.keys() - known)
        else:
            unknown = [] if key in {field.name for field in msgspec.structs.fields(kinds[""])} else [key]
        if unknown:
            raise WrongSettingError(f"{unknown[0]} in {FILE_NAME}: there is no such setting")


def variable_of(name: str, prefix: str = "") -> str:
    return "_".join(part for part in ("SEPTET", prefix.upper(), name.upper()) if part)


def _doc_of(kind: Any) -> str:
    return next((m.description for m in getattr(kind, "__metadata__", ()) if m.description), "")


def _bare(kind: Any) -> Any:
    return kind.__origin__ if hasattr(kind, "__metadata__") else kind


def _from_text(text: str, kind: Any) -> Any:
    bare = _bare(kind)
    origin = typing.get_origin(bare)
    if origin in (tuple, list):
        return [item.strip() for item in text.split(",") if item.strip()]
    if origin in (typing.Union, types.UnionType) and text == "":
        return None
    if bare is bool:
        return _SWITCH.get(text.strip().lower(), text)
    return text.strip()


def _convert(name: str, value: Any, kind: Any) -> Any:
    if _bare(kind) is Path:
        return Path(str(value))
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise WrongSettingError(f"{name}: {str(error).replace('`', '')}") from error

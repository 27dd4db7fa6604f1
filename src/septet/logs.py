"""Logs: lines for people on a terminal, JSON for programs; those of the libraries we stand on come out the same way.

    log = structlog.get_logger()
    log.info("migrated", system="identity", revision="0002")

An event is a short constant text, and what varies is in the keywords. Secrets are never logged; should one be
handed over by mistake, its keyword gives it away and its value is blotted out.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import Processor, WrappedLogger

from septet.core.telemetry import add_trace_id
from septet.core.terminal import on_one_line, printable

REDACTED = "[redacted]"
_SECRET = re.compile(
    r"(^|[_-])(passwords?|passwd|tokens?|secrets?|authorization|cookies?|credentials?)($|[_-])|^code$", re.I
)


class Line:
    """Writes one line to standard error. A log that cannot be written must not fail the work that it tells of."""

    def __init__(self, *names: str) -> None:
        """Names are what `get_logger` was called with; the events tell enough by themselves."""

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = msg


def set_up_logs(*, for_people: bool) -> None:
    """Send every log of this process through one chain. Call once, before anything is logged."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        add_trace_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if for_people else "iso", utc=not for_people),
        redact,
    ]
    ending = _ending(for_people)
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=Line,
        cache_logger_on_first_use=True,
    )
    handler = _ToLine()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _name_the_logger],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [*(other for other in root.handlers if not isinstance(other, _ToLine)), handler]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)


def redact(logger: WrappedLogger, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blot out every value whose name says that it is a secret, at any depth of mappings."""
    for name, value in event.items():
        if _SECRET.search(name):
            event[name] = REDACTED
        elif isinstance(value, Mapping):
            event[name] = redact(logger, method, {str(key): inner for key, inner in value.items()})
    return event


class _ToLine(logging.Handler):
    """The standard library's records, on the same lines as ours."""

    def emit(self, record: logging.LogRecord) -> None:
        Line().msg(self.format(record))


def _ending(for_people: bool) -> list[Processor]:
    """The last of the chain: an event becomes a line. Tracebacks are plain, for rich ones show variables."""
    if for_people:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_traceback)
        return [harmless, renderer]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_json)]


def harmless(logger: WrappedLogger, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Texts as a terminal may be shown them: strangers write some of them, and it would obey what is in those."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = on_one_line(value)
    return event


def _traceback(file: TextIO, exc_info: Any) -> None:
    """Plain, for what an exception says may be a stranger's words too."""
    plain = io.StringIO()
    structlog.dev.plain_traceback(plain, exc_info)
    file.write(printable(plain.getvalue()))


def _json(event: Mapping[str, Any], **_: Any) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()


def _name_the_logger(logger: WrappedLogger, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["logger"] = event["_record"].name
    return event

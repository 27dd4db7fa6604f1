"""Traces and metrics over OTLP/HTTP, by OpenTelemetry's own exporters, in threads of their own.

A collector that is slow or away holds up nothing: what does not fit the queue is dropped, and stopping waits for it
no longer than `_PATIENCE`. The threads are daemons, so that one which still waits does not keep the process.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Final

import structlog
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.util.types import AnyValue

from septet import __version__
from septet.core.measures import Measures
from septet.core.trail import Trail
from septet.engines.telemetry.points import Points
from septet.engines.telemetry.spans import Spans
from septet.settings import Settings

log = structlog.get_logger()

_TIMEOUT: Final = 5.0  # seconds for one export, with its tries
_PATIENCE: Final = 2.0  # seconds that stopping waits for what is still to be sent


class Otlp:
    """Sends this process's traces as they come, and its metrics every `otlp_interval` seconds."""

    def __init__(self, settings: Settings, measures: Measures, database: str) -> None:
        endpoint = settings.otlp_endpoint.rstrip("/")
        headers = dict(_split(header) for header in settings.otlp_headers)
        ours: dict[str, AnyValue] = {
            "service.name": "septet",
            "service.version": __version__,
            "process.pid": os.getpid(),
        }
        resource = Resource.create(ours).merge(OTELResourceDetector().detect())  # OTEL_SERVICE_NAME goes before ours
        self._measures = measures
        self._interval = settings.otlp_interval
        self._spans = Spans(resource, database)
        self._points = Points(resource)
        # An empty mapping would make the exporter look for headers in the environment: that is meant.
        spans = OTLPSpanExporter(f"{endpoint}/v1/traces", headers=headers or None, timeout=_TIMEOUT)
        self._metric_exporter = OTLPMetricExporter(f"{endpoint}/v1/metrics", headers=headers or None, timeout=_TIMEOUT)
        self._batches = BatchSpanProcessor(spans)
        self._sent = asyncio.Event()  # the last metrics, or there were none
        self._sent.set()
        self._repeating: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send metrics."""
        self._repeating = asyncio.create_task(self._keep_sending())

    def export(self, trail: Trail) -> None:
        for span in self._spans.of(trail):
            self._batches.on_end(span)

    async def close(self) -> None:
        """Send what there still is, as far as the collector takes it at once."""
        if self._repeating is not None:
            self._repeating.cancel()
            with suppress(asyncio.CancelledError):
                await self._repeating
        traces = _in_thread(self._end_traces)
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._sent.wait()
                await self._send_metrics()
                await self._sent.wait()
                await traces.wait()
        except TimeoutError:
            log.warning("the last traces and metrics were not sent: the collector does not answer")
        self._metric_exporter.shutdown()  # what still waits between its tries gives up

    def _end_traces(self) -> None:
        self._batches.shutdown()  # type: ignore[no-untyped-call]

    async def _keep_sending(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            await self._send_metrics()

    async def _send_metrics(self) -> None:
        """In a thread; not at all while the last are still on their way."""
        if not self._sent.is_set():
            return
        try:
            metrics = self._points.of(await self._measures.read())
            self._sent = _in_thread(lambda: self._metric_exporter.export(metrics))
        except Exception:
            log.exception("metrics could not be read")


def _in_thread(work: Callable[[], object]) -> asyncio.Event:
    """Begin `work` in a thread that nothing waits for; what is given is set once it has ended."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()

    def run() -> None:
        try:
            work()
        finally:
            with suppress(RuntimeError):  # the event loop has ended before
                loop.call_soon_threadsafe(ended.set)

    Thread(target=run, name="septet-otlp", daemon=True).start()
    return ended


def _split(header: str) -> tuple[str, str]:
    name, _, value = header.partition("=")
    return name.strip(), value.strip()

"""The exporter by itself: what it sends of measures, whom it says to be, and what of the environment it heeds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from septet.core.measures import Counter, Gauge, Histogram, Measure, Measures, Spread
from septet.core.trail import Trail
from septet.engines.telemetry.otlp import Otlp
from septet.settings import Settings, WrongSettingError, load
from support.app import running_septet
from support.collector import Collector, collecting


async def send(collector: Collector, *measures: Measure, trails: Sequence[Trail] = ()) -> None:
    """All that a process sends before it ends."""

    async def counted() -> Sequence[Measure]:
        return measures

    gathered = Measures()
    gathered.add(counted)
    otlp = Otlp(Settings(otlp_endpoint=f"{collector.url}/"), gathered, "sqlite")
    otlp.start()
    for trail in trails:
        otlp.export(trail)
    await otlp.close()


def ended_trail() -> Trail:
    trail = Trail("test", "1" * 32, "x")
    trail.mark("bind")
    trail.ended = trail.began + 5_000_000
    return trail


async def test_each_kind_of_measure_is_sent_as_it_is() -> None:
    with collecting() as collector:
        await send(
            collector,
            Gauge("septet.gauge", "What is.", [({"what": "this"}, 3)]),
            Counter("septet.counter", "What was.", [({}, 5)]),
            Histogram("septet.histogram", "How long.", (0.1, 1.0), [({}, Spread((1, 2, 4), 9.5))], unit="s"),
            Gauge("septet.empty", "Nothing yet.", []),
        )
    assert collector.metrics.keys() == {"septet.gauge", "septet.counter", "septet.histogram"}
    (gauge,) = collector.metrics["septet.gauge"].gauge.data_points
    assert (gauge.as_int, gauge.attributes[0].key, gauge.attributes[0].value.string_value) == (3, "what", "this")
    counter = collector.metrics["septet.counter"].sum
    assert (counter.data_points[0].as_int, counter.is_monotonic) == (5, True)
    assert counter.data_points[0].start_time_unix_nano <= counter.data_points[0].time_unix_nano
    (point,) = collector.metrics["septet.histogram"].histogram.data_points
    assert (list(point.bucket_counts), list(point.explicit_bounds)) == ([1, 2, 4], [0.1, 1.0])
    assert (point.count, point.sum) == (7, 9.5)


async def test_what_waited_is_sent_when_the_process_ends() -> None:
    with collecting() as collector:
        await send(collector, trails=[ended_trail() for _ in range(20)])
    assert len(collector.roots()) == 20
    assert {span.ended - span.began for span in collector.roots()} == {5_000_000}


@pytest.mark.parametrize("how", ["fails", "hangs"])
async def test_measures_that_cannot_be_read_hold_up_neither_the_end_nor_the_traces(how: str) -> None:
    async def broken() -> Sequence[Measure]:
        if how == "hangs":
            await asyncio.sleep(60)
        raise RuntimeError("nobody counts")

    gathered = Measures()
    gathered.add(broken)
    with collecting() as collector:
        otlp = Otlp(Settings(otlp_endpoint=collector.url), gathered, "sqlite")
        otlp.export(ended_trail())
        async with asyncio.timeout(10):
            await otlp.close()
    assert len(collector.roots()) == 1


async def test_who_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        await send(collector, trails=[ended_trail()])
        assert collector.resource["service.name"] == "septet"
        monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
        await send(collector, trails=[ended_trail()])
    assert (collector.resource["service.name"], collector.resource["deployment.environment"]) == ("shop", "test")


async def test_nothing_is_sent_unless_our_own_setting_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        async with running_septet(f"sqlite:///{tmp_path / 'a.db'}", tmp_path, doors=False) as septet:
            assert septet.runtime.telemetry.exporter is None
    assert collector.headers == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SEPTET_OTLP_ENDPOINT", "collector:4318"),
        ("SEPTET_OTLP_HEADERS", "no-value"),
        ("SEPTET_TRACE_SAMPLE", "1.5"),
        ("SEPTET_RECORDS", "-1"),
        ("SEPTET_OTLP_INTERVAL", "0"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(name: str, value: str) -> None:
    with pytest.raises(WrongSettingError, match=name):
        load(Settings, {name: value}, {})

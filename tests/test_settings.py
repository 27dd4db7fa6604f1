"""Settings: default, then the file, then the environment; and a wrong one names itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct

from septet.settings import (
    LogFormat,
    Settings,
    WrongSettingError,
    describe,
    load,
    read_file,
    refuse_unknown,
)


class Shop(Struct, frozen=True, kw_only=True):
    """A system's settings."""

    most: Annotated[int, Meta(ge=1, le=9, description="How many at most.")] = 5
    greeting: str | None = "hello"


KINDS: dict[str, type[Struct]] = {"": Settings, "shop": Shop}


def test_the_environment_goes_before_the_file_and_that_before_the_default() -> None:
    settings = load(Settings, {"SEPTET_PORT": "9000"}, {"port": 8500, "host": "::1"})
    assert (settings.port, settings.host, settings.workers) == (9000, "::1", 1)


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("SEPTET_LIMITS", "off", "limits", False),
        ("SEPTET_LIMITS", "TRUE", "limits", True),
        ("SEPTET_SYSTEMS", "identity, social,", "systems", ("identity", "social")),
        ("SEPTET_SYSTEMS", "", "systems", ()),
        ("SEPTET_DATA_DIR", "/var/lib/septet", "data_dir", Path("/var/lib/septet")),
        ("SEPTET_LOG_FORMAT", "json", "log_format", LogFormat.JSON),
        ("SEPTET_DRAIN_TIMEOUT", "0.5", "drain_timeout", 0.5),
        ("SEPTET_PORT", " 80 ", "port", 80),
    ],
)
def test_text_becomes_what_the_setting_is(variable: str, text: str, name: str, value: Any) -> None:
    assert getattr(load(Settings, {variable: text}, {}), name) == value


def test_a_system_has_its_own_under_its_name() -> None:
    assert load(Shop, {"SEPTET_SHOP_MOST": "7"}, {"shop": {"most": 3}}, prefix="shop").most == 7
    assert load(Shop, {}, {"shop": {"most": 3}}, prefix="shop").most == 3
    assert load(Shop, {"SEPTET_SHOP_GREETING": ""}, {}, prefix="shop").greeting is None


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("SEPTET_PORT", "eighty"),
        ("SEPTET_PORT", "65536"),
        ("SEPTET_WORKERS", "0"),
        ("SEPTET_LIMITS", "perhaps"),
        ("SEPTET_LOG_FORMAT", "xml"),
        ("SEPTET_DRAIN_TIMEOUT", "-1"),
        ("SEPTET_DATABASE_URL", "mysql://localhost/x"),
        ("SEPTET_DATABASE_URL", "septet.db"),
    ],
)
def test_a_wrong_one_names_itself(variable: str, text: str) -> None:
    with pytest.raises(WrongSettingError, match=rf"^{variable}: "):
        load(Settings, {variable: text}, {})


def test_a_wrong_one_in_the_file_names_itself_and_the_file() -> None:
    with pytest.raises(WrongSettingError, match=r"^port in septet\.toml: "):
        load(Settings, {}, {"port": "eighty"})


@pytest.mark.parametrize(
    ("environment", "file", "named"),
    [
        ({"SEPTET_PROT": "1"}, {}, "SEPTET_PROT"),
        ({"SEPTET_SHOP_LEAST": "1"}, {}, "SEPTET_SHOP_LEAST"),
        ({}, {"prot": 1}, "prot in septet.toml"),
        ({}, {"shop": {"least": 1}}, "least in septet.toml"),
        ({}, {"shops": {"most": 1}}, "shops in septet.toml"),
    ],
)
def test_one_that_there_is_not_is_refused(environment: dict[str, str], file: dict[str, Any], named: str) -> None:
    with pytest.raises(WrongSettingError, match=f"^{named}: there is no such setting$"):
        refuse_unknown(KINDS, environment, file)


def test_what_is_not_ours_is_left_alone() -> None:
    refuse_unknown(KINDS, {"PATH": "/bin", "SEPTET_CONFIG": "x.toml", "SEPTET_SHOP_MOST": "2"}, {"shop": {"most": 1}})


def test_each_tells_where_it_came_from() -> None:
    environment, file = {"SEPTET_PORT": "9000"}, {"host": "::1"}
    found = {one.variable: one for one in describe(load(Settings, environment, file), environment, file)}
    assert (found["SEPTET_PORT"].value, found["SEPTET_PORT"].source) == (9000, "environment")
    assert (found["SEPTET_HOST"].value, found["SEPTET_HOST"].source) == ("::1", "septet.toml")
    assert (found["SEPTET_WORKERS"].value, found["SEPTET_WORKERS"].source) == (1, "default")
    assert all(one.doc for one in found.values())


def test_a_file_is_read_as_toml(tmp_path: Path) -> None:
    path = tmp_path / "septet.toml"
    assert read_file(path) == {}
    path.write_text("port = 9000\n[shop]\nmost = 2\n")
    assert read_file(path) == {"port": 9000, "shop": {"most": 2}}
    path.write_text("port = \n")
    with pytest.raises(WrongSettingError, match=r"septet\.toml"):
        read_file(path)


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (Settings(), "http://127.0.0.1:8000"),
        (Settings(host="0.0.0.0", port=80), "http://localhost:80"),
        (Settings(host="::1"), "http://[::1]:8000"),
        (Settings(public_url="https://api.example.org/"), "https://api.example.org"),
    ],
)
def test_where_people_reach_it(settings: Settings, address: str) -> None:
    assert settings.base_url == address

"""How the arguments of an operation are typed: as texts, files, input, switches, lists and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from septet.cli.call import read_arguments
from septet.cli.callers import options_of_who
from septet.core.floor import FLOOR
from septet.core.registry import Registry
from septet.identity.system import IDENTITY
from support.calling import Typed, typed


@pytest.fixture
def septet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    return typed(f"sqlite:///{tmp_path}/septet.db", tmp_path, monkeypatch)


def echoed(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_each_kind_of_value(septet: Typed) -> None:
    words = "--label a --number 1 --number 2 --loud --ratio 0.5 --since 2026-01-31T12:00:00+01:00 --color red"
    assert echoed(septet("call", "echo", *words.split())) == {
        "label": "a",
        "numbers": [1, 2],
        "loud": True,
        "ratio": 0.5,
        "since": "2026-01-31T12:00:00+01:00",
        "color": "red",
    }
    assert echoed(septet("call", "echo", "--label", "a", "--no-loud"))["loud"] is False
    assert echoed(septet("call", "echo", "--label", "--loud"))["label"] == "--loud"


def test_values_from_files_and_from_the_input(septet: Typed, tmp_path: Path) -> None:
    (tmp_path / "label.txt").write_text("from a file\n")
    assert echoed(septet("call", "echo", "--label", "@label.txt"))["label"] == "from a file"
    assert echoed(septet("call", "echo", "--label", "-", input="typed\nin lines\n"))["label"] == "typed\nin lines"
    assert echoed(septet("call", "echo", "--label", "@@ada"))["label"] == "@ada"
    (tmp_path / "all.json").write_text('{"label": "x", "number": []}')
    assert echoed(septet("call", "echo", "--json", "@all.json", "--number", "7"))["numbers"] == [7]


def test_what_has_parts_is_json_and_absent_is_not_null(septet: Typed) -> None:
    place = ("--place", '{"city": "Graz", "country": "AT"}')
    assert septet("call", "create_note", "--title", "In Graz", *place, "--as", "ada").exit_code == 0
    wrong = septet("call", "create_note", "--title", "x", "--place", '{"city": "Graz"}', "--as", "ada")
    assert json.loads(wrong.stderr)["errors"] == [{"pointer": "/place/country", "detail": "This is required."}]
    null = septet("call", "create_note", "--json", '{"title": null, "place": null}', "--as", "ada")
    assert [fault["pointer"] for fault in json.loads(null.stderr)["errors"]] == ["/title"]


def test_what_is_no_text_is_refused(septet: Typed, tmp_path: Path) -> None:
    nul = septet("call", "echo", "--json", '{"label": "a\\u0000b"}')
    assert (nul.exit_code, json.loads(nul.stderr)["errors"][0]["pointer"]) == (7, "/label")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for value in ("half \udc80", "@binary"):
        result = septet("call", "echo", "--label", value)
        assert (result.exit_code, "--label: this is not UTF-8" in result.stderr) == (2, True), result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ecco", "--label", "a"), "did you mean echo?"),
        (("echo", "--lable", "a"), "--label"),
        (("echo", "--label", "@missing.txt"), "missing.txt cannot be read"),
        (("echo", "--label", "-", "--ratio", "-"), "standard input was read already"),
        (("echo", "--json", "[1]"), "no JSON object"),
        (("echo", "--json", "{"), "no JSON"),
        (("create_note", "--place", "Graz"), "--place: this is no JSON"),
        (("echo", "--label", "a", "--anonymous", "--as", "ada"), "exclude one another"),
        (("echo", "--label", "a", "--as", "zoe"), "There is no account zoe."),
        (("echo", "--label", "a", "stray"), "stray"),
    ],
)
def test_wrong_use_is_told_and_exits_with_2(septet: Typed, words: tuple[str, ...], said: str) -> None:
    result = septet("call", *words)
    assert (result.exit_code, said in result.stderr, "Traceback" in result.output) == (2, True, False), result.output


def test_a_json_bomb_is_refused_in_a_line(septet: Typed) -> None:
    result = septet("call", "create_note", "--place", "[" * 100_000)
    assert (result.exit_code, "no JSON" in result.stderr) == (2, True)


def test_the_help_of_an_operation_shows_its_arguments(septet: Typed) -> None:
    shown = septet("call", "create_note", "--help").stdout
    assert shown.startswith("Usage: septet call create_note [OPTIONS]\n\n  Write a note.\n\n  Scope: notes:write.\n")
    arguments, _, options = shown.partition("\nOptions:\n")
    flat = " ".join(arguments.split())
    assert "--title TEXT (1 to 200 characters) [required]" in flat
    assert "--color red|blue" in flat
    assert "--labels TEXT (1 to 40 characters, at most 3 items)" in flat
    assert "--place JSON With city, country." in flat
    assert "--as EMAIL" in options


def test_without_a_name_all_are_listed_by_system(septet: Typed) -> None:
    lines = septet("call").stdout.splitlines()
    assert "notes: Notes, each with its owner." in lines
    assert "  create_note    notes:write  Write a note." in lines
    assert any(line.split()[:2] == ["echo", "anybody"] for line in lines)


def test_an_argument_that_bears_the_name_of_an_option_is_the_argument() -> None:
    verify = Registry([FLOOR, IDENTITY]).operations["verify_registration"]
    values, how = read_arguments(verify, ["--token", "of-the-link"], {"token": "mine"}, "x", options_of_who(), "all")
    assert (values, how["token"]) == ({"token": "of-the-link"}, "mine")

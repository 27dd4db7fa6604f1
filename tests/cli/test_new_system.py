"""`septet new-system` lays out a system that keeps every rule of the house, or says why not and leaves nothing."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from septet.cli.main import cli
from septet.scaffold import names
from septet.scaffold.layout import lay_out
from septet.scaffold.words import plural, words_for
from support.doors import named
from support.laid_out import installed_system, run_python, run_septet


def new_system(*words: object) -> Result:
    return CliRunner().invoke(cli, ["new-system", *map(str, words)])


def test_it_lays_out_a_package(tmp_path: Path) -> None:
    result = new_system("clinic", "--noun", "visit", "--folder", tmp_path / "clinic")
    assert result.exit_code == 0, result.output
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {line for line in result.output.splitlines() if line.startswith(str(tmp_path))} == {
        str(tmp_path / path) for path in made
    }
    source = "clinic/src/clinic"
    assert {"clinic/pyproject.toml", "clinic/.gitignore", "clinic/tests/test_visits.py"} <= made
    assert {f"{source}/visits.py", f"{source}/migrations/0001_visits_and_their_history.py"} <= made
    unfilled = [path for path in made if re.search("[«»]|NOUN|SYSTEM", (tmp_path / path).read_text())]
    assert unfilled == []


def test_what_is_laid_out_keeps_the_rules_whatever_it_is_about(tmp_path: Path) -> None:
    """The guide's test runs the tests of one; this has another article, another plural, and longer names."""
    place = installed_system(tmp_path, "observatory0123456789", "anniversary")
    checked = run_septet(place, "check", "observatory0123456789")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "FAIL" not in checked.stdout
    for command in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy", "--strict", "src", "tests"]):
        done = run_python(place, "-m", *command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert "An anniversary that is not shared" in (place / "src/observatory0123456789/README.md").read_text()
    listed = run_septet(place, "settings")
    assert "SEPTET_OBSERVATORY0123456789_ANNIVERSARIES_MOST" in listed.stdout, listed.stderr


@pytest.mark.parametrize(
    ("name", "why"),
    named(
        ("a capital", "Clinic", "no name for a system"),
        ("a dash", "my-clinic", "no name for a system"),
        ("an underscore, which tells tables apart", "my_clinic", "no name for a system"),
        ("a path", "../clinic", "no name for a system"),
        ("a digit first", "1clinic", "no name for a system"),
        ("too long", "c" * 31, "no name for a system"),
        ("a keyword", "yield", "a word of Python"),
        ("a soft keyword", "match", "a word of Python"),
        ("a module of Python", "calendar", "a module of Python"),
        ("an installed package", "click", "a package called click is installed"),
        ("built in", "identity", "a name of Septet's own"),
        ("to be built in", "commerce", "a name of Septet's own"),
        ("the floor", "core", "a name of Septet's own"),
        ("a path of the server", "graphql", "a name of Septet's own"),
        ("a setting's first word", "database", "SEPTET_DATABASE_"),
    ),
)
def test_a_name_that_would_get_in_the_way(tmp_path: Path, name: str, why: str) -> None:
    result = new_system(name, "--folder", tmp_path / "new")
    assert (result.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert why in result.output


def test_the_name_of_an_installed_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "available", lambda: {"clinic": "clinic.system:CLINIC"})
    result = new_system("clinic", "--folder", tmp_path / "new")
    assert "a system called clinic is installed already" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("noun", "why"),
    named(
        ("two words", "home visit", "no noun"),
        ("a capital", "Visit", "no noun"),
        ("a keyword", "class", "has a meaning"),
        ("a file of the system", "event", "has a meaning"),
        ("a field of it", "title", "has a meaning"),
        ("the system itself", "clinic", "has a meaning"),
        ("an operation of another system", "session", "the system identity has an operation list_sessions"),
        ("a type of another system", "export", "a type on the wire is called Export"),
    ),
)
def test_a_noun_that_would_get_in_the_way(tmp_path: Path, noun: str, why: str) -> None:
    result = new_system("clinic", "--noun", noun, "--folder", tmp_path / "new")
    assert (result.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert why in result.output


def test_a_folder_in_use_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "clinic").mkdir()
    (tmp_path / "clinic" / "precious").write_text("mine")
    assert "not empty" in new_system("clinic", "--folder", tmp_path / "clinic").output
    assert "not empty" in new_system("clinic", "--folder", tmp_path / "clinic" / "precious").output
    assert [path.name for path in tmp_path.rglob("*")] == ["clinic", "precious"]
    assert (tmp_path / "clinic" / "precious").read_text() == "mine"


def test_an_empty_folder_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert new_system("clinic", "--folder", ".").exit_code == 0
    assert (tmp_path / "pyproject.toml").exists()
    assert not [path for path in tmp_path.parent.iterdir() if path.name.startswith(f".{tmp_path.name}")]


@pytest.mark.parametrize("there", [True, False], ids=["the folder is there", "it is not"])
def test_a_disk_that_fills_up_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    place = tmp_path / "clinic"
    if there:
        place.mkdir()
    write, written = Path.write_text, []

    def fill_up(path: Path, text: str, encoding: str | None = None) -> int:
        written.append(path)
        if len(written) == 7:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, text, encoding)

    monkeypatch.setattr(Path, "write_text", fill_up)
    result = new_system("clinic", "--folder", place)
    assert (result.exit_code, "No space left on device" in result.output) == (1, True)
    assert [path.name for path in tmp_path.rglob("*")] == (["clinic"] if there else [])


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = new_system("clinic", "--folder", tmp_path / "file" / "clinic")
    assert (result.exit_code, "cannot be written" in result.output) == (1, True)


def test_words() -> None:
    assert [plural(noun) for noun in ("book", "story", "day", "box", "watch", "class")] == [
        "books",
        "stories",
        "days",
        "boxes",
        "watches",
        "classes",
    ]
    words = words_for("clinic", "order")
    assert (words["a_noun"], words["A_noun"]) == ("an order", "An order")
    assert (words["Nouns"], words["SYSTEM"]) == ("Orders", "CLINIC")


def test_others_on_this_machine_may_read_it_as_any_new_folder(tmp_path: Path) -> None:
    """A server that runs as a user of its own must be able to."""
    (tmp_path / "usual").mkdir()
    lay_out("clinic", "visit", tmp_path / "clinic")
    assert (tmp_path / "clinic").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clinic", "usual"]


def test_its_files_are_told_in_order(tmp_path: Path) -> None:
    files = lay_out("clinic", "visit", tmp_path / "clinic")
    assert files == sorted(files)
    assert all((tmp_path / "clinic" / file).is_file() for file in files)

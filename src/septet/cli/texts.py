"""Where a value on the command line comes from: the command line itself, a file, standard input, or the keyboard.

TEXT     the value      @FILE   what the file holds     -   standard input     @@TEXT   a value that begins with @

What is secret belongs on no command line, which other users of the machine and the shell's history can see.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click


class Texts:
    """Reads the values of one call. With `secret`, `-` is typed without being shown, or is a line of the input."""

    def __init__(self, *, secret: bool) -> None:
        self._secret = secret
        self._read_all = False

    def read(self, option: str, text: str) -> str:
        """The value that `text` stands for. Raises click.UsageError if it cannot be read."""
        if text == "-":
            return self._from_input(option)
        if text.startswith("@") and not text.startswith("@@"):
            return _from_file(option, text[1:])
        _refuse_broken(option, text)
        return text[1:] if text.startswith("@@") else text

    def _from_input(self, option: str) -> str:
        if self._secret and sys.stdin.isatty():
            typed: str = click.prompt(
                option.removeprefix("--").replace("-", " ").capitalize(), hide_input=True, err=True
            )
            return typed
        if self._secret:
            return line_of_input(option)
        if self._read_all:
            raise click.UsageError(f"{option}: standard input was read already")
        self._read_all = True
        return _without_line_end(_decoded(option, sys.stdin.buffer.read()))


def line_of_input(option: str) -> str:
    """The next line of standard input. Raises click.UsageError if it is not UTF-8."""
    return _without_line_end(_decoded(option, sys.stdin.buffer.readline()))


def url_of(option: str, text: str) -> str:
    """The address that is the value of `option`: with a password in it, it is better read from standard input, by -."""
    return line_of_input(option).strip() if text == "-" else text


def _refuse_broken(option: str, text: str) -> None:
    """Bytes of the command line that are not UTF-8 come as halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise click.UsageError(f"{option}: this is not UTF-8") from error


def _from_file(option: str, name: str) -> str:
    try:
        return _without_line_end(_decoded(option, Path(name).read_bytes()))
    except OSError as error:
        raise click.UsageError(f"{option}: {name} cannot be read: {error.strerror or error}") from error


def _decoded(option: str, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{option}: this is not UTF-8") from error


def _without_line_end(text: str) -> str:
    """Editors and `echo` end a file with a line end, which nobody means to send."""
    return text.removesuffix("\n").removesuffix("\r")

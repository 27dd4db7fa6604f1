"""Standard input, output and error of this process: all three open, and what becomes of one that fails."""

from __future__ import annotations

import os
import sys

_LAST = 2  # the descriptor of standard error


def open_closed_streams() -> None:
    """Open those that are closed on nothing: else the next file has their number, and what is printed goes into it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST:  # it takes the lowest that is free
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - for as long as we run
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - for as long as we run
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115 - for as long as we run


def give_up_output() -> None:
    """Print into nothing from now on: what could not be written would be tried again when the process ends."""
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - the interpreter closes it when it ends

"""The process that `septet dev` starts anew after each change: it answers on the socket that it is handed.

python -m septet.cli.dev_server LISTENER LIFELINE first|again
"""

from __future__ import annotations

import asyncio
import socket
import sys

import uvloop

from septet.app import Septet
from septet.cli.answering import Plan, answer
from septet.cli.common import load_settings, plain_errors
from septet.cli.greeting import greet
from septet.cli.serve import plan_for


async def _answer(plan: Plan, listener: socket.socket, lifeline: int, *, again: bool) -> None:
    asked = asyncio.Event()
    asyncio.get_running_loop().add_reader(lifeline, asked.set)  # `septet dev` is gone: nobody would end us
    await answer(plan, listener, answering=_say_so if again else greet, asked_to_end=asked)


async def _say_so(septet: Septet) -> None:
    print(f"septet dev: answers again at {septet.runtime.floor.base_url}", file=sys.stderr, flush=True)


def main(listener_descriptor: int, lifeline: int, *, again: bool) -> None:
    with plain_errors():
        settings, of_systems = load_settings()
        listener = socket.socket(fileno=listener_descriptor)
        plan = plan_for(settings, of_systems, listener)
        uvloop.run(_answer(plan, listener, lifeline, again=again))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), again=sys.argv[3] == "again")

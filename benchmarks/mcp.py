"""What does a call through MCP cost beside the same call over REST, and beside the official SDK's server?

All read one note by its key, from SQLite, on one core. Septet's two doors are those of one running server, which
verifies the token, asks for the scope and binds the arguments strictly; the SDK's server authenticates nobody.
Both speak the newest revision of the protocol, whose every request stands by itself.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.common import take_load_core, write_results
from benchmarks.compare import compare, figures_table, ratios_table
from benchmarks.contestants import TEXT, Contestant, Septet
from benchmarks.load import CONNECTIONS, Requests

REVISION = "2026-07-28"
AIMS = {("call", "Septet over REST"): 0.67}
NOTES = (
    "“Septet” is its MCP door. The aim beside REST says that a call through MCP costs at most 1.5 times one over REST.",
)


def run(*, quick: bool = False) -> None:
    """Measure and write the results."""
    take_load_core()
    rounds, seconds = (2, 2) if quick else (5, 4)
    with tempfile.TemporaryDirectory(prefix="septet-bench-") as folder, ExitStack() as running:
        septet, sdk = OverMcp(Path(folder) / "septet"), Sdk(Path(folder) / "sdk")
        for contestant in (septet, sdk):
            contestant.start()
            running.callback(contestant.stop)
            contestant.fill(1)
        figures = compare([septet, OverRest(septet), sdk], ("call",), rounds=rounds, seconds=seconds)
    about = f"{CONNECTIONS} connections, {rounds} rounds of {seconds} s a point, medians."
    tables = [figures_table("Reading one note", figures, NOTES), ratios_table("Septet over the others", figures, AIMS)]
    write_results("mcp", tables, about=f"{(__doc__ or '').strip()}\n\n{about}")


def tool_call(id: str, headers: dict[str, str]) -> Requests:
    """A call of the tool `read_note`, as clients of the newest revision send it."""
    meta: dict[str, Any] = {
        "io.modelcontextprotocol/protocolVersion": REVISION,
        "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": "read_note", "arguments": {"id": id}, "_meta": meta}
    sent = {
        **headers,
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": REVISION,
        "Mcp-Method": "tools/call",
        "Mcp-Name": "read_note",
    }
    return Requests(
        ["/mcp"], "POST", sent, json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    )


class OverMcp(Septet):
    """The MCP door of a Septet."""

    def questions(self) -> dict[str, Requests]:
        self.sign_in()
        return {"call": checked(self, tool_call(self.ids[0], self.headers))}


class OverRest(Septet):
    """The REST door of that same Septet."""

    name = "Septet over REST"

    def __init__(self, other: OverMcp) -> None:
        self.server = other.server
        self._other = other

    def questions(self) -> dict[str, Requests]:
        return {"call": Requests([f"{self.create_path}/{self._other.ids[0]}"], headers=self._other.headers)}


class Sdk(Contestant):
    """The official SDK's server, on uvicorn with uvloop and httptools."""

    name = "official SDK"
    ready_path = create_path = list_path = "/notes"

    def command(self, port: int) -> list[str]:
        return [sys.executable, "-m", "benchmarks.rivals.mcp_sdk", str(port), str(self.folder / "notes.db")]

    def sign_in(self) -> None:
        """Nobody is asked who they are."""

    def questions(self) -> dict[str, Requests]:
        return {"call": checked(self, tool_call(self.ids[0], {}))}


def checked(contestant: Contestant, sent: Requests) -> Requests:
    """`sent`, once it was answered with the note. Raises RuntimeError if it is not."""
    reply = contestant.server.call(sent.method, sent.paths[0], json.loads(sent.body), sent.headers)
    result = reply.json().get("result", {})
    if reply.status != 200 or result.get("structuredContent", {}).get("text") != TEXT:
        raise RuntimeError(f"{contestant.name} does not answer as it should: {reply.status} {reply.body[:500]!r}")
    return sent


if __name__ == "__main__":
    run(quick="--quick" in sys.argv[1:])

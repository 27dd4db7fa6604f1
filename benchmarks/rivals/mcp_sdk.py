"""Reading a note as the official SDK's documentation teaches it: a function with a decorator, stateless, JSON replies.

`python -m benchmarks.rivals.mcp_sdk PORT FILE`. It authenticates nobody, and reads a row of SQLite by its key with the
standard library's driver, so what is measured is the protocol. A POST to /notes fills it.
"""

from __future__ import annotations

import sqlite3
import sys
import uuid
from datetime import datetime, timezone

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

server = MCPServer("notes", log_level="ERROR")
rows: sqlite3.Connection


class Note(BaseModel):
    id: str
    owner_id: str
    title: str
    text: str
    created_at: datetime
    updated_at: datetime
    likes: int
    pinned: bool


@server.tool()
async def read_note(id: str) -> Note:
    """A note by its id, whoever wrote it."""
    row = rows.execute("SELECT * FROM notes WHERE id = ?", (id,)).fetchone()
    if row is None:
        raise ToolError("There is no such note.")
    return Note(**dict(row))


@server.custom_route("/notes", methods=["GET", "POST"])
async def fill(request: Request) -> Response:
    """Write one note; or say that all is ready."""
    if request.method == "GET":
        return JSONResponse({})
    given = await request.json()
    now = datetime.now(timezone.utc).isoformat()
    row = (str(uuid.uuid4()), str(uuid.uuid4()), given["title"], given["text"], now, now, 0, False)
    rows.execute("INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    return JSONResponse({"id": row[0]})


def main(port: int, file: str) -> None:
    global rows
    rows = sqlite3.connect(file, isolation_level=None)
    rows.row_factory = sqlite3.Row
    rows.execute("PRAGMA journal_mode=WAL")
    rows.execute(
        "CREATE TABLE notes (id TEXT PRIMARY KEY, owner_id TEXT, title TEXT, text TEXT, created_at TEXT, "
        "updated_at TEXT, likes INTEGER, pinned INTEGER)"
    )
    app = server.streamable_http_app(stateless_http=True, json_response=True)
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

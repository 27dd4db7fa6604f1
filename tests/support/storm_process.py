"""A process that writes for as long as it may, and says of each row that it is stored, once it is.

    python storm_process.py URL SECONDS

Prints a line for each thing that was created, together with its part, in a transaction that was acknowledged.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from functools import partial
from pathlib import Path
from uuid import UUID

import uvloop

sys.path.insert(0, str(Path(__file__).parent.parent))

from septet.core.database import Database, Transaction
from septet.core.ids import new_id
from support import things
from support.databases import opened

CLIENTS = 32


async def create(tx: Transaction) -> UUID:
    values = things.thing(str(new_id()))
    await tx.run(things.add_thing, **values)
    await tx.run(things.add_part, id=new_id(), thing_id=values["id"])
    return values["id"]


async def read(tx: Transaction, id: UUID) -> things.Thing:
    return await tx.one(things.read_thing, id=id)


async def client(database: Database, until: float) -> None:
    while time.monotonic() < until:
        created = await database.write(create)
        os.write(1, f"{created}\n".encode())
        await database.read(partial(read, id=created))


async def main(url: str, seconds: float) -> None:
    async with opened(url, database_pool=8) as database:
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(client(database, until))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], float(sys.argv[2])))

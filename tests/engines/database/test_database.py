from __future__ import annotations
from uuid import UUID
import pytest
from msgspec import Struct
from sqlalchemy import *
from sqlalchemy.dialects.postgresql import insert
from septet.core.columns import Id, Instant, Json, Text
from septet.core.database import *
from septet.core.ids import new_id
m=MetaData()
t=Table("thing",m,Column("id",Id,primary_key=True),Column("name",Text,nullable=False))
class Thing(Struct):
    id: UUID
    name: str
ins=one(insert(t).values(id=bindparam("id"),name=bindparam("name")).returning(*t.c),into=Thing)
get=maybe(select(*t.c).where(t.c.id==bindparam("id")),into=Thing)
async def test_it(database):
    async def create(tx):
        await tx.run(run(text("create table thing (id %s primary key, name text not null)"%("uuid" if database.dialect=="postgresql" else "blob"))))
    await database.write(create)
    i=new_id()
    async def w(tx): return await tx.one(ins,id=i,name="x")
    assert await database.write(w)==Thing(i,"x")
    async def r(tx): return await tx.maybe(get,id=i)
    assert await database.read(r)==Thing(i,"x")
    assert await database.read(r,snapshot=True)==Thing(i,"x")
    assert await database.ready()

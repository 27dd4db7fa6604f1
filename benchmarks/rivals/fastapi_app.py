"""The notes as FastAPI's and SQLAlchemy's documentation teach them: async ORM, pydantic, a bearer JWT each call.

The database is `DATABASE_URL`: `sqlite+aiosqlite:///…` or `postgresql+asyncpg://…`. The tutorial's
`get_current_user` also loads the user from the database; this one trusts the verified token, which is quicker.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

import jwt
from fastapi import Depends, FastAPI, HTTPException, status
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import DateTime, Index, event, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SECRET_KEY = "a benchmark's key, which guards nothing and nobody"
ALGORITHM = "HS256"

engine = create_async_engine(os.environ["DATABASE_URL"])
make_session = async_sessionmaker(engine, expire_on_commit=False)
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token")

if engine.dialect.name == "sqlite":

    @event.listens_for(engine.sync_engine, "connect")
    def set_pragmas(connection: Any, _: object) -> None:
        """As durable as the others: a commit is on disk before it is answered."""
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA busy_timeout=30000")
        cursor.close()


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    owner_id: Mapped[uuid.UUID]
    title: Mapped[str]
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    likes: Mapped[int] = mapped_column(default=0)
    pinned: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (Index("notes_newest", "owner_id", "created_at", "id"),)


class NewNote(BaseModel):
    title: str = Field(min_length=1, max_length=200)
    text: str = Field(max_length=5000)


class NoteOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    owner_id: uuid.UUID
    title: str
    text: str
    created_at: datetime
    updated_at: datetime
    likes: int
    pinned: bool


class NotePage(BaseModel):
    items: list[NoteOut]
    next: uuid.UUID | None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def get_session() -> AsyncIterator[AsyncSession]:
    async with make_session() as session:
        yield session


async def get_current_user(token: Annotated[str, Depends(oauth2_scheme)]) -> uuid.UUID:
    try:
        payload = jwt.decode(token, SECRET_KEY, algorithms=[ALGORITHM])
        return uuid.UUID(payload["sub"])
    except (jwt.InvalidTokenError, KeyError, ValueError) as error:
        raise HTTPException(
            status.HTTP_401_UNAUTHORIZED, "Could not validate credentials", {"WWW-Authenticate": "Bearer"}
        ) from error


SessionDep = Annotated[AsyncSession, Depends(get_session)]
UserDep = Annotated[uuid.UUID, Depends(get_current_user)]


@app.get("/ready")
async def ready() -> bool:
    return True


@app.post("/token")
async def token() -> dict[str, str]:
    """Sign a new user in, without asking who it is."""
    expire = datetime.now(timezone.utc) + timedelta(hours=1)
    access_token = jwt.encode({"sub": str(uuid.uuid4()), "exp": expire}, SECRET_KEY, algorithm=ALGORITHM)
    return {"access_token": access_token, "token_type": "bearer"}


@app.post("/notes", response_model=NoteOut, status_code=status.HTTP_201_CREATED)
async def create_note(body: NewNote, session: SessionDep, user: UserDep) -> Note:
    now = datetime.now(timezone.utc)
    note = Note(owner_id=user, title=body.title, text=body.text, created_at=now, updated_at=now)
    session.add(note)
    await session.commit()
    return note


@app.get("/notes/{id}", response_model=NoteOut)
async def read_note(id: uuid.UUID, session: SessionDep, user: UserDep) -> Note:
    note = await session.get(Note, id)
    if note is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "Note not found")
    return note


@app.get("/notes", response_model=NotePage)
async def list_notes(session: SessionDep, user: UserDep, limit: int = 20) -> dict[str, object]:
    newest = select(Note).where(Note.owner_id == user).order_by(Note.created_at.desc(), Note.id.desc())
    found = (await session.scalars(newest.limit(limit + 1))).all()
    items = found[:limit]
    return {"items": items, "next": items[-1].id if len(found) > limit else None}

"""Moving from encode/databases, and living beside SQLAlchemy's ORM."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import String, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import NullPool

import asyncdb
from asyncdb.contrib.sqlalchemy import Core

SERVICE = """
import databases
import sqlalchemy

metadata = sqlalchemy.MetaData()
notes = sqlalchemy.Table(
    "moved_notes",
    metadata,
    sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
    sqlalchemy.Column("text", sqlalchemy.String(100), unique=True),
    sqlalchemy.Column("done", sqlalchemy.Boolean),
)


class Notes:
    def __init__(self, db: databases.core.Connection) -> None:
        self.db = db

    async def add(self, text):
        await self.db.execute(notes.insert().values(text=text, done=False))

    async def add_all(self, texts):
        rows = [{"text": text, "done": False} for text in texts]
        await self.db.execute_many(notes.insert(), rows)

    async def finish(self, *texts):
        async with self.db.transaction():
            for text in texts:
                query = notes.update().where(notes.c.text == text).values(done=True)
                await self.db.execute(query)
                if text == "bad":
                    raise ValueError(text)

    async def open(self):
        query = notes.select().where(notes.c.done.is_(False)).order_by(notes.c.id)
        return [row["text"] for row in await self.db.fetch_all(query)]

    async def get(self, text):
        query = sqlalchemy.select(notes).where(notes.c.text == text)
        row = await self.db.fetch_one(query=query)
        return row and (row.text, row.done)

    async def count(self, prefix):
        query = "SELECT count(*) FROM moved_notes WHERE text LIKE :prefix"
        return await self.db.fetch_val(query=query, values={"prefix": prefix + "%"})
"""
# The page's table: imports and names, nothing else.
NAMES = [
    ("import databases", "from asyncdb.contrib.sqlalchemy import Core"),
    ("databases.core.Connection", "Core"),
    ("execute_many", "executemany"),
    ("fetch_all", "fetchall"),
    ("fetch_one", "fetchone"),
    ("fetch_val", "fetchval"),
    ("query=", "sql="),
    (", values=", ", params="),
]
EXPECTED = [["a", "b", "c"], ["b", "c"], ("a", True), None, 1, ["b", "c"]]


async def use(service: Any) -> list[Any]:
    """What a small program sees of the service."""
    await service.add("a")
    await service.add_all(["b", "c"])
    seen = [await service.open()]
    await service.finish("a")
    seen += [await service.open(), await service.get("a"), await service.get("x")]
    seen += [await service.count("b")]
    with pytest.raises(ValueError, match="bad"):
        await service.finish("b", "c", "bad")
    return [*seen, await service.open()]


def load(source: str) -> dict[str, Any]:
    """The names that a source defines."""
    names: dict[str, Any] = {"__name__": "service"}
    exec(source, names)
    return names


@pytest_asyncio.fixture
async def moved(db: asyncdb.Connection) -> AsyncIterator[tuple[Any, Core]]:
    """The service after the names were changed, with its table, on each engine."""
    source = SERVICE
    for old, new in NAMES:
        assert old in source
        source = source.replace(old, new)
    names = load(source)
    core = Core(db)
    await core.create_all(names["metadata"])
    yield names["Notes"](core), core
    await core.drop_all(names["metadata"])


async def test_a_service_moves_by_its_names(moved: tuple[Any, Core]) -> None:
    """A service written for databases does the same with imports and names changed."""
    service, _ = moved

    assert EXPECTED == await use(service)


async def test_the_service_is_one_of_databases(sqlite_url: str) -> None:
    """The service before the move is a real one: databases itself runs it."""
    databases = pytest.importorskip("databases", reason="databases is not installed")
    names = load(SERVICE)
    async with asyncdb.connect(sqlite_url) as made:
        await Core(made).create_all(names["metadata"])
    async with (
        databases.Database(sqlite_url) as database,
        database.connection() as connection,
    ):
        assert EXPECTED == await use(names["Notes"](connection))


class Base(DeclarativeBase):
    """The ORM's classes."""


class User(Base):
    """A user of the ORM."""

    __tablename__ = "orm_users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    active: Mapped[bool]


async def test_an_orm_and_asyncdb_share_a_database(db: asyncdb.Connection) -> None:
    """Each reads what the other wrote, on every engine."""
    core = Core(db)
    await core.create_all(Base.metadata)
    engine = create_async_engine(db.url.sqlalchemy, poolclass=NullPool)
    try:
        async with AsyncSession(engine) as session:
            session.add(User(name="Ann", active=True))
            await session.commit()

        row = await core.fetchone(select(User.id, User.name, User.active))
        cur = await core.execute(select(User).with_only_columns(User.name))
        added = User.__table__.insert()  # type: ignore[attr-defined]
        await core.execute(added, {"name": "Bob", "active": False})
        async with AsyncSession(engine) as session:
            found = await session.scalars(select(User).order_by(User.id))
            users = [(user.id, user.name, user.active) for user in found]

        assert (1, "Ann", True) == row
        assert [("Ann",)] == await cur.fetchall()
        assert [(1, "Ann", True), (2, "Bob", False)] == users
    finally:
        await engine.dispose()
        await core.drop_all(Base.metadata)

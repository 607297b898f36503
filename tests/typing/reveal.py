"""What type checkers make of the public API: checked by mypy and pyright, never run."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar
from uuid import UUID

import attrs
import msgspec
import pydantic
from typing_extensions import assert_type  # noqa: UP035  # for 3.10 checkers

import asyncdb

T = TypeVar("T")


@dataclass
class User:
    """A dataclass."""

    id: int


@dataclass
class Box(Generic[T]):
    """A generic one."""

    item: T


class Pair(NamedTuple):
    """A named tuple."""

    id: int


class Loose(TypedDict):
    """A typed dict."""

    id: int


@attrs.define
class Attrs:
    """A class of attrs."""

    id: int


class Model(pydantic.BaseModel):
    """A model of pydantic."""

    id: int


class Struct(msgspec.Struct):
    """A struct of msgspec."""

    id: int


async def connections(db: asyncdb.Connection) -> None:
    """The verbs of a connection."""
    assert_type(await db.fetchone("x"), asyncdb.Row | None)
    assert_type(await db.fetchone("x", [1], into=User), User | None)
    assert_type(await db.fetchall("x", {"a": 1}), list[asyncdb.Row])
    assert_type(await db.fetchall("x", into=User), list[User])
    assert_type(await db.fetchmany("x", size=3), list[asyncdb.Row])
    assert_type(await db.fetchmany("x", into=User, size=3), list[User])
    assert_type(await db.fetchval("x"), Any)
    assert_type(await db.fetchval("x", into=UUID), UUID | None)


async def targets(db: asyncdb.Executor) -> None:
    """All that `into` takes, on what a repository asks for."""
    assert_type(await db.fetchall("x", into=Box[int]), list[Box[int]])
    assert_type(await db.fetchall("x", into=Pair), list[Pair])
    assert_type(await db.fetchall("x", into=Loose), list[Loose])
    assert_type(await db.fetchall("x", into=Attrs), list[Attrs])
    assert_type(await db.fetchall("x", into=Model), list[Model])
    assert_type(await db.fetchall("x", into=Struct), list[Struct])
    assert_type(await db.fetchall("x", into=dict[str, int]), list[dict[str, int]])
    assert_type(await db.fetchall("x", into=tuple[int, str]), list[tuple[int, str]])
    assert_type(await db.fetchall("x", into=int | None), list[int | None])
    assert_type(await db.fetchall("x", into=list[int]), list[list[int]])
    assert_type(await db.fetchall("x", into=Literal["a", "b"]), list[Literal["a", "b"]])
    assert_type(await db.fetchall("x", into=Annotated[int, "of years"]), list[int])


async def cursors(db: asyncdb.Connection) -> None:
    """The verbs of a cursor."""
    cur = await db.execute("x")
    assert_type(cur, asyncdb.Cursor)
    assert_type(await cur.fetchone(), asyncdb.Row | None)
    assert_type(await cur.fetchone(into=User), User | None)
    assert_type(await cur.fetchmany(2), list[asyncdb.Row])
    assert_type(await cur.fetchmany(2, into=User), list[User])
    assert_type(await cur.fetchall(into=int | None), list[int | None])
    assert_type(await cur.fetchval(into=bool), bool | None)


async def streams(db: asyncdb.Executor) -> None:
    """A stream knows what it gives."""
    async with db.stream("x") as rows:
        assert_type(rows, asyncdb.Stream[asyncdb.Row])
        async for row in rows:
            assert_type(row, asyncdb.Row)
    async with db.stream("x", into=User, batch=10) as users:
        assert_type(await users.fetchmany(), list[User])
        assert_type(users.batches(), AsyncIterator[list[User]])
        async for user in users:
            assert_type(user, User)

"""The one row type."""

from __future__ import annotations

import pickle

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter


class Rows(Chapter):
    """A row is the same thing on every engine."""

    async def test_access(self, db: asyncdb.Connection, people: str) -> None:
        """By index, slice, name and attribute; it unpacks and iterates over values."""
        row = await db.fetchone(f"SELECT id, name, n FROM {people} WHERE id = 1")
        assert row is not None

        assert isinstance(row, asyncdb.Row)
        assert (1, "Ann", 10) == (row[0], row["name"], row.n)
        assert ((1, "Ann"), 10) == (row[:2], row[-1])
        id_, name, n = row
        assert (1, "Ann", 10) == (id_, name, n)
        assert 3 == len(row)
        assert [1, "Ann", 10] == list(row)

    async def test_mapping_side(self, db: asyncdb.Connection, people: str) -> None:
        """`keys values items get asdict`, and `in` looks at values."""
        row = await db.fetchone(f"SELECT id, name, n FROM {people} WHERE id = 1")
        assert row is not None

        assert ("id", "name", "n") == row.keys()
        assert (1, "Ann", 10) == row.values()
        assert (("id", 1), ("name", "Ann"), ("n", 10)) == row.items()
        assert {"id": 1, "name": "Ann", "n": 10} == row.asdict()
        assert ("Ann", None, 7) == (row.get("name"), row.get("x"), row.get("x", 7))
        assert "Ann" in row
        assert "name" not in row

    async def test_no_such_column(self, db: asyncdb.Connection, people: str) -> None:
        """A name that no column has is refused, with those that there are."""
        row = await db.fetchone(f"SELECT id, name FROM {people} WHERE id = 1")
        assert row is not None
        message = "the row has no column 'nope'; it has id, name"

        with pytest.raises(KeyError, match=message):
            row["nope"]
        with pytest.raises(AttributeError, match=message):
            row.nope  # noqa: B018  # it raises
        with pytest.raises(IndexError):
            row[2]

    async def test_equality(self, db: asyncdb.Connection, people: str) -> None:
        """Equal to, and hashed like, the tuple of its values; unequal to others."""
        one, same, other = [
            await db.fetchone(f"SELECT id, name FROM {people} WHERE id = ?", [i])
            for i in (1, 1, 2)
        ]

        assert one == (1, "Ann")
        assert (1, "Ann") == one
        assert one == same
        assert one != other
        assert hash((1, "Ann")) == hash(one)
        assert 2 == len({one, same, other})

    async def test_pickle(self, db: asyncdb.Connection, people: str) -> None:
        """It pickles, and comes back equal, with names."""
        row = await db.fetchone(f"SELECT id, name FROM {people} WHERE id = 1")
        back = pickle.loads(pickle.dumps(row))  # noqa: S301  # our own bytes

        assert row == back
        assert "Ann" == back.name

    async def test_repr(self, db: asyncdb.Connection, people: str) -> None:
        """The repr shows names and values."""
        row = await db.fetchone(f"SELECT id, name FROM {people} WHERE id = 1")

        assert "Row(id=1, name='Ann')" == repr(row)

    async def test_immutable(self, db: asyncdb.Connection, people: str) -> None:
        """It cannot be changed."""
        row = await db.fetchone(f"SELECT id FROM {people} WHERE id = 1")

        with pytest.raises(TypeError):
            row[0] = 2  # type: ignore[index]
        with pytest.raises(AttributeError):
            row.other = 2  # type: ignore[union-attr]

    async def test_missing_names(self, db: asyncdb.Connection, people: str) -> None:
        """A name that is not there raises KeyError, IndexError or AttributeError."""
        row = await db.fetchone(f"SELECT id FROM {people} WHERE id = 1")
        assert row is not None

        with pytest.raises(KeyError):
            row["nope"]
        with pytest.raises(AttributeError, match="nope"):
            row.nope  # noqa: B018
        with pytest.raises(IndexError):
            row[5]

    async def test_duplicate_names(self, db: asyncdb.Connection, people: str) -> None:
        """Names that stand twice are reachable by index, and raise by name."""
        row = await db.fetchone(f"SELECT id AS a, n AS a, name FROM {people}")
        assert row is not None

        assert (1, 10) == (row[0], row[1])
        assert "Ann" == row["name"]
        with pytest.raises(KeyError):
            row["a"]
        with pytest.raises(AttributeError):
            row.a  # noqa: B018
        with pytest.raises(KeyError):
            row.asdict()
        assert ("a", "a", "name") == row.keys()

    async def test_column_called_like_a_method(
        self, db: asyncdb.Connection, people: str
    ) -> None:
        """A column called `keys` is reachable by name and leaves the method alone."""
        row = await db.fetchone(f'SELECT id AS "keys" FROM {people} WHERE id = 1')
        assert row is not None

        assert 1 == row["keys"]
        assert ("keys",) == row.keys()

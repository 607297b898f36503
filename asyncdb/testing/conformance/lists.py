"""Lists for IN, templates, quoted names and patterns."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter, ids


@dataclass
class Hole:
    """What an interpolation is, on Pythons that have no templates."""

    value: Any
    format_spec: str = ""
    conversion: str | None = None


class Template:
    """A stand-in for `string.templatelib.Template`: texts and holes in turn."""

    def __init__(self, *parts: str | Hole) -> None:
        self.interpolations = tuple(part for part in parts if isinstance(part, Hole))
        strings = [""]
        for part in parts:
            if isinstance(part, Hole):
                strings.append("")
            else:
                strings[-1] += part
        self.strings = tuple(strings)


class Lists(Chapter):
    """A list is one parameter; a template binds its values."""

    @pytest.mark.parametrize(
        ("wanted", "inside", "outside"),
        [
            ([], [], [1, 2, 3]),
            ([2], [2], [1, 3]),
            ([1, 3, 9], [1, 3], [2]),
            (range(1, 6), [1, 2, 3], []),
            ({3}, [3], [1, 2]),
        ],
    )
    async def test_lists(
        self,
        db: asyncdb.Connection,
        people: str,
        wanted: Any,
        inside: list[int],
        outside: list[int],
    ) -> None:
        """`IN (?)` and `NOT IN (:x)` take lists of any length, the empty one too."""
        values = asyncdb.expand(wanted)
        found = await db.fetchall(
            f"SELECT id FROM {people} WHERE id IN (?) ORDER BY id", [values]
        )
        rest = await db.fetchall(
            f"SELECT id FROM {people} WHERE n = :n OR (id NOT IN ( :x )) ORDER BY id",
            {"x": values, "n": -1},
        )

        assert inside == [row.id for row in found]
        assert outside == [row.id for row in rest]

    async def test_empty_list_and_null(
        self, db: asyncdb.Connection, people: str
    ) -> None:
        """For a NULL on the left the empty list is false and true as for any other."""
        empty = asyncdb.expand(list[int]())
        sql = f"SELECT id FROM {people} WHERE n {{}} (?) ORDER BY id"

        assert [] == await db.fetchall(sql.format("IN"), [empty])
        rows = await db.fetchall(sql.format("not in"), [empty])
        assert [1, 2, 3] == [row.id for row in rows]

    async def test_lists_of_text(self, db: asyncdb.Connection, people: str) -> None:
        """Texts in a list stay values."""
        names = asyncdb.expand(["Ann", "'); DROP TABLE x; --", "Cid"])
        sql = f"SELECT id FROM {people} WHERE name IN (?) AND id < ? ORDER BY id"

        assert [(1,)] == await db.fetchall(sql, [names, 3])

    async def test_list_in_the_wrong_place(
        self, db: asyncdb.Connection, people: str
    ) -> None:
        """A list anywhere but in the parentheses of an IN is refused."""
        one = asyncdb.expand([1])
        for sql in (
            f"SELECT id FROM {people} WHERE id = ?",
            f"SELECT id FROM {people} WHERE id IN (0, ?)",
            f"SELECT id FROM {people} WHERE id IN (? + 1)",
            f"SELECT id FROM {people} WHERE -- IN (\n ?)",
        ):
            with pytest.raises(asyncdb.ParameterError, match="IN"):
                await db.execute(sql, [one])
        with pytest.raises(asyncdb.ParameterError):
            asyncdb.expand("abc")

    @pytest.mark.parametrize("kind", [list, tuple, set, frozenset, iter, deque, dict])
    async def test_list_without_expand(
        self, db: asyncdb.Connection, people: str, kind: Any
    ) -> None:
        """A list for the marker of an IN is refused, and the word for it is told."""
        select = f"SELECT id FROM {people} WHERE id"

        def some() -> Any:
            return {1: 0, 2: 0}.keys() if kind is dict else kind([1, 2])

        async with db.transaction():
            for sql, params in (
                (f"{select} IN (?)", [some()]),
                (f"{select} = ? or n NOT in ( /* ? */ ? )", [1, some()]),
                (f"{select} IN (:ids) AND n = :n", {"n": 1, "ids": some()}),
                (f"{select} NOT IN -- (\n (:ids\n)", {"ids": some()}),
                (f"{select} IN ((?))", [some()]),
                (Template(f"{select} IN (", Hole(some()), ")"), None),
            ):
                with pytest.raises(
                    asyncdb.ParameterError, match=r"asyncdb\.expand\(\[\.\.\.\]\)"
                ):
                    await db.fetchall(sql, params)
            with pytest.raises(asyncdb.ParameterError, match="expand"):
                async with db.stream(f"{select} IN (?)", [some()]):
                    pass
            with pytest.raises(asyncdb.ParameterError, match=r"row 2.*expand"):
                sql = f"DELETE FROM {people} WHERE id IN (?)"
                await db.executemany(sql, [(1,), (some(),)])

            # Nothing was sent: the block is as good as before, and nothing deleted.
            assert [1, 2, 3] == await ids(db, people)

    async def test_one_value_in_a_list(
        self, db: asyncdb.Connection, people: str
    ) -> None:
        """One value, and lists elsewhere, are what they were."""
        sql = f"SELECT id FROM {people} WHERE id IN (?) OR name IN ('IN (', ?) OR n = ?"

        assert [(1,), (2,)] == await db.fetchall(f"{sql} ORDER BY id", [1, "Bob", 7])

    async def test_template(self, db: asyncdb.Connection, people: str) -> None:
        """A template binds its values and quotes its names."""
        table, hostile = Hole(people, "i"), Hole("' OR 1=1 --")
        query = Template("SELECT id, ", hostile, " AS x FROM ", table, " WHERE id = ")
        two = Template(*_flat(query), Hole(2))

        assert [(2, "' OR 1=1 --")] == await db.fetchall(two)
        assert "Bob" == await db.fetchval(
            Template("SELECT name FROM ", table, " WHERE id = ", Hole(2))
        )

    async def test_nested_template(self, db: asyncdb.Connection, people: str) -> None:
        """A template inside a template is a part of its text; lists compose."""
        where = Template(
            "id IN (", Hole(asyncdb.expand([1, 2])), ") AND n = ", Hole(10)
        )
        query = Template(f"SELECT id FROM {people} WHERE ", Hole(where), " OR id = ")

        rows = await db.fetchall(Template(*_flat(query), Hole(3), " ORDER BY id"))
        assert [1, 3] == [row.id for row in rows]

    @pytest.mark.parametrize(
        "parts",
        [
            ("SELECT ", Hole(1, "", "r")),
            ("SELECT ", Hole(1, ">10")),
            ("SELECT ", Hole(1, "i")),
            ("SELECT '", Hole("x"), "'"),
            ("SELECT 1 -- ", Hole("x")),
            ("SELECT '", Hole("x' OR '1'='1", "i"), "'"),
            ("SELECT 1 /* ", Hole("x */ , 2 /*", "i"), " */"),
            ("SELECT 1 AS a", Hole("x", "i")),
            ("SELECT 1 AS ", Hole("", "i")),
            ("SELECT :asyncdb_value_0, ", Hole(1)),
            ("SELECT a", Hole(1)),
        ],
    )
    async def test_refused_templates(
        self, db: asyncdb.Connection, parts: tuple[Any, ...]
    ) -> None:
        """Whatever could make text of a value is refused before anything is sent."""
        with pytest.raises(asyncdb.ParameterError):
            await db.fetchall(Template(*parts))

        assert 1 == await db.fetchval("SELECT 1")

    async def test_template_with_parameters(self, db: asyncdb.Connection) -> None:
        """A template takes no parameters beside its own values."""
        with pytest.raises(asyncdb.ParameterError):
            await db.fetchall(Template("SELECT ", Hole(1)), [1])

    @pytest.mark.parametrize("name", ["a b", 'a"b', "a`b", "SELECT", "a;--", "ü", "%s"])
    async def test_quote_identifier(self, db: asyncdb.Connection, name: str) -> None:
        """A quoted identifier is one name, whatever is in it."""
        quoted = asyncdb.quote_identifier(name, db.dialect)
        row = await db.fetchone(f"SELECT 1 AS {quoted}")

        assert row is not None
        assert (name,) == row.keys()

    async def test_longest_identifier(self, db: asyncdb.Connection, table: str) -> None:
        """A name that the engine keeps is kept, a longer one refused, never cut."""
        most = db.dialect.max_identifier_length
        in_bytes = db.dialect.max_identifier_unit == "bytes"
        wide = "ü" * (most // 2) + "x" * (most % 2) if in_bytes else "ü" * most
        for name in ("x" * (most or 500), wide or "ü" * 500):
            quoted = asyncdb.quote_identifier((name, name), db.dialect)
            assert 2 == quoted.count(name)
            row = await db.fetchone(Template("SELECT 1 AS ", Hole(name, "i")))
            assert row is not None
            assert (name,) == row.keys()
            if not most:
                continue
            long = f"{name}y"
            with pytest.raises(asyncdb.ParameterError, match=f"{most} at most"):
                asyncdb.quote_identifier(("a", long), db.dialect)
            with pytest.raises(asyncdb.ParameterError, match="shorten"):
                await db.fetchall(Template("SELECT 1 AS ", Hole(long, "i")))
            with pytest.raises(asyncdb.ParameterError, match="shorten"):
                await db.load_rows(long, ["id"], [(1,)])
            with pytest.raises(asyncdb.ParameterError, match="shorten"):
                await db.load_rows(table, ["id", long], [(1, 2)])

    async def test_escape_like(self, db: asyncdb.Connection, table: str) -> None:
        """An escaped text is looked for as it is."""
        names = ["100%", "100x", "a_b", "axb", "a!b", "a\\b"]
        await db.executemany(
            f"INSERT INTO {table} VALUES (?, ?, 0)", list(enumerate(names))
        )
        sql = f"SELECT name FROM {table} WHERE name LIKE ? ESCAPE '!'"
        for name in names:
            rows = await db.fetchall(sql, [asyncdb.escape_like(name)])

            assert [(name,)] == rows
        assert len(names) == len(await ids(db, table))


def _flat(template: Template) -> list[str | Hole]:
    parts: list[str | Hole] = []
    for number, string in enumerate(template.strings):
        parts.append(string)
        parts += template.interpolations[number : number + 1]
    return parts

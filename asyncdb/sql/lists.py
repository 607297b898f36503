"""Lists for `IN (...)`: one marker that stands for many values.

Rules: the marker stands alone between the parentheses of an IN. The number of
placeholders is rounded up to a power of two, the last value being repeated, so that
statement caches stay small. The empty list gets a text of the dialect's own, which is
false for IN and true for NOT IN, also where the left side is NULL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Generic, TypeVar

from asyncdb.dialect import Dialect
from asyncdb.errors import ParameterError
from asyncdb.sql.parameters import join
from asyncdb.sql.statement import Statement

T = TypeVar("T")

# The end of the text before a marker that stands in an IN. A `--` or `#` on that line
# could make a comment of it: then it is not taken for an IN.
_IN = re.compile(r"(?P<op>\b(?P<no>NOT\s+)?IN\s*\(\s*)\Z", re.IGNORECASE)
_END = re.compile(r"\s*\)")


class Expand(Generic[T]):
    """A list in the place of one parameter; `expand()` makes it."""

    __slots__ = ("values",)

    def __init__(self, values: Iterable[T]) -> None:
        self.values = tuple(values)

    def __repr__(self) -> str:
        """Show how many values, and none of them."""
        return f"<asyncdb.expand of {len(self.values)}>"


def expand(values: Iterable[T]) -> Expand[T]:
    """Let one marker stand for a list: `WHERE id IN (?)`.

    Args:
        values: the values. None of them leaves `IN (?)` false and `NOT IN (?)` true.

    Returns:
        An object to give as that marker's parameter.

    Raises:
        ParameterError: the values are a text, or cannot be iterated over.

    Example:
        >>> import asyncio, asyncdb
        >>> async def main():
        ...     async with asyncdb.connect("sqlite://") as db:
        ...         sql = "SELECT 2 IN (?), 2 NOT IN (?)"
        ...         return await db.fetchone(sql, [expand([1, 2, 3]), expand([])])
        >>> tuple(asyncio.run(main()))
        (1, 1)
    """
    if isinstance(values, str | bytes | bytearray | Mapping) or not isinstance(
        values, Iterable
    ):
        message = f"expand() takes a list of values, not a {type(values).__name__}"
        raise ParameterError(message)
    return Expand(values)


def spread(
    statement: Statement, values: Sequence[Any], dialect: Dialect
) -> tuple[Statement, list[Any]]:
    """Make room in a statement for the lists among its values.

    Args:
        statement: as `prepare()` gave it.
        values: as `arguments()` gave them, some of them `Expand`.
        dialect: of the connection.

    Returns:
        A statement with a placeholder for each value, and all values in order.

    Raises:
        ParameterError: a list's marker is not alone in the parentheses of an IN.
    """
    by_key = dict(zip(statement.order, values, strict=True))
    each = [by_key[key] for key in statement.keys]
    sizes = tuple(len(v.values) if isinstance(v, Expand) else -1 for v in each)
    rounded = tuple(_room(size) for size in sizes)
    flat: list[Any] = []
    for value, room in zip(each, rounded, strict=True):
        if isinstance(value, Expand):
            flat += value.values
            flat += value.values[-1:] * (room - len(value.values))
        else:
            flat.append(value)
    return _spread(statement, rounded, dialect), flat


def _room(size: int) -> int:
    """The number of placeholders for a list; -1 for what is none."""
    return size if size < 1 else 1 << (size - 1).bit_length()


@lru_cache(maxsize=512)
def _spread(
    statement: Statement, sizes: tuple[int, ...], dialect: Dialect
) -> Statement:
    pieces = [statement.pieces[0]]
    for size, after in zip(sizes, statement.pieces[1:], strict=True):
        if size < 0:
            pieces.append(after)
            continue
        before, operator, negated = _inside_in(pieces[-1], after)
        if size == 0:
            empty = dialect.empty_not_in if negated else dialect.empty_in
            pieces[-1] = before + empty + after[_after(after) :]
        else:
            pieces[-1] = before + operator
            pieces += [", "] * (size - 1)
            pieces.append(after)
    keys = tuple(range(len(pieces) - 1))
    return replace(
        statement,
        pieces=tuple(pieces),
        keys=keys,
        order=keys,
        text=join(tuple(pieces), keys, dialect.placeholder),
        memberships=frozenset(),
    )


def _inside_in(before: str, after: str) -> tuple[str, str, bool]:
    match = _IN.search(before)
    line = before[: match.start()].rpartition("\n")[2] if match else ""
    if match is None or not _END.match(after) or "--" in line or "#" in line:
        message = "expand() belongs alone into the parentheses of an IN: `IN (?)`"
        raise ParameterError(message)
    return before[: match.start()], match["op"], match["no"] is not None


def _after(text: str) -> int:
    match = _END.match(text)
    return match.end() if match else 0

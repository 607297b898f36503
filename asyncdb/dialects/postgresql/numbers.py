"""Fractions where the server takes whole numbers: one that is whole goes as such."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any

from asyncdb.errors import DataError

# pg_type.oid
_INTEGERS = frozenset([20, 21, 23])
_LONGEST = 2**63
FRACTIONS = (float, Decimal)


def whole(value: Any) -> int | None:
    """Return the whole number of up to 64 bits that a number is, `None` if it is none.

    Example:
        >>> whole(7.0), whole(Decimal("7.5")), whole(1e300), whole("7")
        (7, None, None, None)
    """
    if not isinstance(value, FRACTIONS) or not -_LONGEST <= value < _LONGEST:
        return None
    numerator, denominator = value.as_integer_ratio()
    return int(numerator) if denominator == 1 else None


def integers(oids: Sequence[int]) -> list[int]:
    """Return the indexes of the parameters that are whole numbers."""
    return [index for index, oid in enumerate(oids) if oid in _INTEGERS]


def types_at(rows: Sequence[Sequence[Any]], index: int) -> set[type]:
    """Return the types of the values that rows have at an index."""
    return set(map(type, map(itemgetter(index), rows)))


def has_fractions(types: Iterable[type]) -> bool:
    """Tell whether some of these types are of numbers that need not be whole."""
    return any(issubclass(kind, FRACTIONS) for kind in types)


def with_whole(
    rows: Sequence[Sequence[Any]], indexes: Iterable[int], before: int = 0
) -> Sequence[Sequence[Any]]:
    """Return rows with whole numbers for fractions that are, at some indexes.

    Args:
        rows: the rows.
        indexes: where the server takes whole numbers alone.
        before: how many rows there were before these, to number one in an error.

    Raises:
        DataError: one is none.
    """
    found = [index for index in indexes if has_fractions(types_at(rows, index))]
    if not found:
        return rows
    made = [list(row) for row in rows]
    for number, row in enumerate(made, before + 1):
        for index in found:
            if isinstance(row[index], FRACTIONS):
                row[index] = whole(row[index])
                if row[index] is None:
                    message = (
                        f"row {number}, parameter {index + 1}: a fraction where the "
                        "server expects a whole number"
                    )
                    raise DataError(message)
    return made

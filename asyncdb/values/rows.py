"""One row type over the drivers' own rows, at no cost.

`Row` has no storage: a driver mixes it with the C type its library makes
(`asyncpg.Record`), so that no row is copied to become ours, or takes `tuple_row()`.
The mixin stands first among the bases, because C rows disagree in small ways (whether
`in` looks at keys or values, what a duplicate name gives) which it evens out.
"""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

T = TypeVar("T")
RowT = TypeVar("RowT", bound="PositionedRow")


class Row:
    """A row of a result: by index, slice, name and attribute.

    It iterates over its values and unpacks; `in` looks at values; it is equal to, and
    hashed like, the tuple of its values; it pickles and cannot be changed. A name that
    stands twice in a result is reachable by index, and raises by name. Columns
    called like a method (`keys`, `values`, `items`, `get`, `asdict`) are reachable as
    `row["keys"]`. Not promised: `isinstance(row, tuple)`, ordering.

    Example:
        >>> row = tuple_row(("id", "name"))((1, "Ann"))
        >>> row[1], row["name"], row.name, row[:1], list(row)
        ('Ann', 'Ann', 'Ann', (1,), [1, 'Ann'])
        >>> row
        Row(id=1, name='Ann')
        >>> row == (1, "Ann"), "Ann" in row, row.asdict()
        (True, True, {'id': 1, 'name': 'Ann'})
    """

    __slots__ = ()

    if TYPE_CHECKING:
        # Not at run time: there the C row's own are found, at C's speed.
        @overload
        def __getitem__(self, key: int | str) -> Any: ...
        @overload
        def __getitem__(self, key: slice) -> tuple[Any, ...]: ...
        def __getitem__(self, key: Any) -> Any: ...
        def __eq__(self, other: object) -> bool: ...
        def __hash__(self) -> int: ...
        def __iter__(self) -> Iterator[Any]: ...
        def __len__(self) -> int: ...

    def __getattr__(self, name: str) -> Any:
        """Return the value under a name."""
        try:
            return self[name]
        except (KeyError, IndexError):
            raise AttributeError(no_column(name, self.keys())) from None

    def __contains__(self, value: object) -> bool:
        """Tell whether one of the values is, or equals, `value`."""
        return any(value is x or value == x for x in self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as names and values: the other side may lack the driver."""
        return _rebuild, (tuple(self.keys()), tuple(self))

    def __repr__(self) -> str:
        """Show names and values."""
        pairs = (f"{k}={v!r}" for k, v in zip(self.keys(), self, strict=True))
        return f"Row({', '.join(pairs)})"

    def keys(self) -> tuple[str, ...]:
        """Return the column names, in order, duplicates included."""
        return tuple(super().keys())  # type: ignore[misc]  # the C row's

    def values(self) -> tuple[Any, ...]:
        """Return the values, in order."""
        return tuple(self)

    def items(self) -> tuple[tuple[str, Any], ...]:
        """Return pairs of name and value, in order."""
        return tuple(zip(self.keys(), self, strict=True))

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value under `name`, or `default` where there is no such column."""
        try:
            return self[name]
        except (KeyError, IndexError):
            if name in self.keys():
                raise
            return default

    def asdict(self) -> dict[str, Any]:
        """Return a new dict of names and values.

        Raises:
            KeyError: a name stands twice: a dict would lose a value in silence.
        """
        found = dict(zip(self.keys(), self, strict=True))
        if len(found) != len(self):
            raise KeyError(_twice(_duplicates(self.keys())))
        return found


class PositionedRow(Row):
    """A row whose class knows where each name stands: one class for each result shape.

    Subclasses take it as their first base and a C sequence as the second, and set
    `_get` to that one's own `__getitem__`.
    """

    __slots__ = ()
    _names: ClassVar[tuple[str, ...]] = ()
    _positions: ClassVar[dict[str, int]] = {}
    _get: ClassVar[Callable[[Any, Any], Any]]

    def __getitem__(self, key: Any) -> Any:
        """Return the value at an index or under a name, or a tuple for a slice."""
        if type(key) is str:
            position = self._positions.get(key)
            if position is None:
                twice = key in self._names
                raise KeyError(_twice((key,)) if twice else no_column(key, self._names))
            return type(self)._get(self, position)
        return type(self)._get(self, key)

    def keys(self) -> tuple[str, ...]:
        """Return the column names, in order, duplicates included."""
        return self._names


class TupleRow(PositionedRow, tuple[Any, ...]):
    """A row that is a tuple: for drivers whose library has no row type of its own."""

    __slots__ = ()
    _get = tuple.__getitem__


def row_class(base: type[RowT], names: tuple[str, ...]) -> type[RowT]:
    """Make the class for results with these column names, cached by `tuple_row` & Co.

    Args:
        base: the class to specialise.
        names: the column names in order.

    Returns:
        A subclass of `base` that finds each name that stands once, also as attribute.
    """
    twice = _duplicates(names)
    positions = {name: i for i, name in enumerate(names) if name not in twice}
    space: dict[str, Any] = {
        name: property(_getter(base._get, i))
        for name, i in positions.items()
        if not hasattr(Row, name) and name.isidentifier()
    }
    space |= {"__slots__": (), "_names": names, "_positions": positions}
    space["__module__"], space["__qualname__"] = "asyncdb", "Row"
    made: Any = type("Row", (base,), space)
    return made  # type: ignore[no-any-return]  # a subclass of base


@lru_cache(maxsize=1024)
def tuple_row(names: tuple[str, ...]) -> type[TupleRow]:
    """Return the row class for these column names; call it with the values.

    Args:
        names: the column names in order; duplicates are allowed.

    Returns:
        A class whose instances are made from an iterable of values.

    Example:
        >>> tuple_row(("a", "a"))([1, 2])[1]
        2
    """
    return row_class(TupleRow, names)


def make_rows(make: Callable[[Any], Row], values: Iterable[Any]) -> list[Row]:
    """Make many rows at once.

    Args:
        make: the rows' class.
        values: those of each row.

    Returns:
        The rows.
    """
    return uncollected(list, map(make, values))


def uncollected(call: Callable[..., T], *args: Any) -> T:
    """Call what makes many rows in one call of C, and return them.

    On Python 3.11 the garbage collector waits meanwhile, as it does in a call of C by
    itself from 3.12 on (decision 42).
    """
    if sys.version_info >= (3, 12) or not gc.isenabled():
        return call(*args)
    gc.disable()
    try:
        return call(*args)
    finally:
        gc.enable()


def no_column(name: object, names: Sequence[str]) -> str:
    """Say that a row has no such column, and which it has."""
    return f"the row has no column {name!r}; it has {', '.join(names)}"


def _getter(get: Callable[[Any, Any], Any], position: int) -> Callable[[Any], Any]:
    return lambda row: get(row, position)


def _duplicates(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name, count in Counter(names).items() if count > 1)


def _twice(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names))
    return f"column {shown} stands more than once in the result; use its index"


def _rebuild(names: tuple[str, ...], values: tuple[Any, ...]) -> TupleRow:
    return tuple_row(names)(values)

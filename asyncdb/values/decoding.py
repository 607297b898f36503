"""What a connection keeps to read typed: tables, and a function for each shape seen."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncdb.dialect import Dialect
    from asyncdb.options import Converters
    from asyncdb.values.conversions import Convert
    from asyncdb.values.shapes import Shapes
    from asyncdb.values.shaping import Columns, Shaper

# Shapes kept: a program has few, unless it writes SQL or makes classes all the time.
_MOST = 512
_MOST_SHARED = 64


class Decoding:
    """Typed reading for one engine and one set of converters.

    Args:
        dialect: the engine; its `decoders` and `type_codes` are read.
        converters: how values of the user's own types are made.
    """

    __slots__ = ("_converters", "_facts", "_kept", "_shapes")

    def __init__(self, dialect: Dialect, converters: Mapping[type, Convert]) -> None:
        self._facts = (dialect.decoders, dialect.type_codes)
        self._converters = converters
        self._shapes: Shapes | None = None
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    @classmethod
    def of(cls, dialect: Dialect, converters: Converters) -> Decoding:
        """Return the decoding for a connection; those made alike share theirs."""
        # Mappings have no hash; those of the entries live, so their ids stay theirs.
        sources = (dialect.decoders, dialect.type_codes, converters or None)
        key = tuple(map(id, sources))
        found = _shared.get(key)
        if found is None:
            own = {kind: decode for kind, (_, decode) in converters.items()}
            found = _shared[key] = (cls(dialect, own), sources)
            if len(_shared) > _MOST_SHARED:
                _shared.popitem(last=False)
        return found[0]

    def rows(self, into: Any, columns: Columns, rows: Sequence[Any]) -> list[Any]:
        """Make rows into what `into` names.

        Args:
            into: a class with fields, `dict`, `tuple`, or a type for one column.
            columns: name and type code of each column.
            rows: rows of the driver.

        Raises:
            InterfaceError: the columns do not fit `into`.
            DataError: a value does not.
        """
        return self._keep(
            (into, columns), lambda: self._making().shaper(into, columns)
        )(rows)

    def value(self, into: Any, columns: Columns, row: Any) -> Any:
        """Make the first value of a row into what `into` names."""
        first = columns[:1]
        shaper = self._keep(
            ("value", into, first), lambda: self._making().single(into, first)
        )
        return shaper([(row[0],)])[0]

    def _keep(self, key: Hashable, make: Callable[[], Shaper]) -> Shaper:
        kept = self._kept
        try:
            shaper: Shaper | None = kept.get(key)
        except TypeError:  # an annotation with a list in it, say
            return make()
        if shaper is None:
            shaper = kept[key] = make()
            if len(kept) > _MOST:
                kept.popitem(last=False)
        else:
            with suppress(KeyError):  # a loop in another thread has just dropped it
                kept.move_to_end(key)
        return shaper

    def _making(self) -> Shapes:
        """Return what makes shapes; a program that reads untyped never imports it."""
        if self._shapes is None:
            from asyncdb.values.shapes import Shapes  # noqa: PLC0415  # see above

            self._shapes = Shapes(*self._facts, self._converters, self._keep)
        return self._shapes


_shared: OrderedDict[tuple[int, ...], tuple[Decoding, Any]] = OrderedDict()

"""What a connection keeps to read typed: tables, and a function for each shape seen."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any, get_args, get_origin

from asyncdb.dialect import Dialect
from asyncdb.errors import InterfaceError
from asyncdb.options import Converters
from asyncdb.values import shaping
from asyncdb.values.conversions import Convert, MisfitError, table_of
from asyncdb.values.decoders import Decoder, Decoders, opened
from asyncdb.values.shaping import Column, Columns, Shaper
from asyncdb.values.targets import Field, Target, find_target

# Shapes kept: a program has few, unless it writes SQL or makes classes all the time.
_MOST = 512
_MOST_SHARED = 64


class Decoding:
    """Typed reading for one engine and one set of converters.

    Args:
        dialect: the engine; its `decoders` and `type_codes` are read.
        converters: how values of the user's own types are made.
    """

    __slots__ = ("_codes", "_decoders", "_kept")

    def __init__(self, dialect: Dialect, converters: Mapping[type, Convert]) -> None:
        self._codes = dialect.type_codes
        table = table_of(dialect.decoders)
        self._decoders = Decoders(table, converters, self._nested)
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
        return self._keep((into, columns), lambda: self._shaper(into, columns))(rows)

    def value(self, into: Any, columns: Columns, row: Any) -> Any:
        """Make the first value of a row into what `into` names."""
        first = columns[:1]
        shaper = self._keep(
            ("value", into, first), lambda: self._single(into, first, "")
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

    # -- shapes ----------------------------------------------------------------------

    def _shaper(self, into: Any, columns: Columns) -> Shaper:
        hint = opened(into)
        if self._decoders.is_own(hint):
            return self._single(into, columns, "")
        target = find_target(hint)
        if target is not None:
            return self._objects(target, columns)
        origin = get_origin(hint) or hint
        args = get_args(hint)
        if origin is dict:
            value = args[1] if args else Any
            shaping.distinct("a dict", columns)
            if args and opened(args[0]) not in (str, Any):
                message = f"the keys of a row's dict are str, not {args[0]!r}"
                raise InterfaceError(message)
            return shaping.dicts(
                self._columns("a dict", columns, [value] * len(columns))
            )
        if origin is tuple:
            hints = _of_tuple(args, len(columns))
            return shaping.tuples(self._columns("a tuple", columns, hints))
        return self._single(into, columns, "; a row of several is read into a class")

    def _objects(self, target: Target, columns: Columns) -> Shaper:
        fields = shaping.matched(target, columns)
        found = []
        for i, field in fields.items():
            column = columns[i]
            if field is None:
                found.append(Column(column[0], Decoder("", None), ""))
                continue
            where = f"{target.shown}, field {field.name!r} (column {column[0]!r})"
            found.append(self._column(self._field(field), column, where))
        return shaping.objects(target, fields, found)

    def _field(self, field: Field) -> Decoder:
        if not field.checked:
            return self._decoders.of(field.annotation)
        # The class checks by itself: help where we know the engine's forms.
        try:
            decoder = self._decoders.of(field.annotation)
        except InterfaceError:
            return Decoder("", None)

        def helped(value: Any) -> Any:
            try:
                return decoder(value)
            except Exception:  # noqa: BLE001  # then it is for the class to say
                return value

        return Decoder("", helped, exact=decoder.exact, null=True)

    def _columns(self, shown: str, columns: Columns, hints: list[Any]) -> list[Column]:
        return [
            self._column(
                self._decoders.of(hint), column, f"{shown}, column {column[0]!r}"
            )
            for column, hint in zip(columns, hints, strict=True)
        ]

    def _column(self, decoder: Decoder, column: tuple[str, Any], where: str) -> Column:
        name, code = column
        kind = self._codes.get(code)
        sure = kind is not None and kind is decoder.exact
        return Column(name, decoder, where, sure)

    def _single(self, into: Any, columns: Columns, hint: str) -> Shaper:
        decoder = self._decoders.of(into)
        if len(columns) != 1:
            message = f"{decoder.shown} takes one column, not {len(columns)}{hint}"
            raise InterfaceError(message)
        where = f"column {columns[0][0]!r}"
        return shaping.scalars(self._column(decoder, columns[0], where))

    # -- classes inside JSON ---------------------------------------------------------

    def _nested(self, annotation: Any) -> Convert | None:
        """Make the decoder for a class with fields, from a JSON object."""
        target = find_target(annotation)
        if target is None:
            return None
        unpack = self._decoders.of(dict)
        kind = get_origin(annotation) or annotation

        def nested(value: Any) -> Any:
            try:
                found = unpack(value)
            except MisfitError:
                if kind in type(value).__mro__:  # isinstance() refuses a TypedDict
                    return value  # a type of SQLAlchemy's, say, has made it already
                raise
            names = tuple((str(key), None) for key in found)
            try:
                shaper = self._keep(
                    ("nested", annotation, names), lambda: self._objects(target, names)
                )
            except InterfaceError:
                raise MisfitError from None  # the value's names, not the statement's
            return shaper([tuple(found.values())])[0]

        return nested


_shared: OrderedDict[tuple[int, ...], tuple[Decoding, Any]] = OrderedDict()


def _of_tuple(args: tuple[Any, ...], width: int) -> list[Any]:
    if not args:
        return [Any] * width
    if args[-1:] == (...,):
        return [args[0]] * width
    if len(args) != width:
        message = f"a tuple of {len(args)} takes {len(args)} columns, not {width}"
        raise InterfaceError(message)
    return list(args)

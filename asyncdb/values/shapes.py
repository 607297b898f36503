"""Functions for rows of one shape: of what `into=` names and the columns that came."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, get_args, get_origin

from asyncdb.errors import InterfaceError
from asyncdb.values import shaping
from asyncdb.values.conversions import Convert, MisfitError, Sources, table_of
from asyncdb.values.decoders import Decoder, Decoders, opened
from asyncdb.values.shaping import Column, Columns, Shaper
from asyncdb.values.targets import Field, Target, find_target

# Gives what is kept under a key, or makes it.
Keep = Callable[[Hashable, Callable[[], Shaper]], Shaper]


class Shapes:
    """Makes the functions for one engine and one set of converters.

    Args:
        decoders: the engine's own, over those that hold everywhere.
        codes: a result column's type code -> the type that its values certainly have.
        converters: how values of the user's own types are made.
        keep: for the shapes of objects inside JSON, which each value shows anew.
    """

    __slots__ = ("_codes", "_decoders", "_keep")

    def __init__(
        self,
        decoders: Mapping[type, Sources],
        codes: Mapping[Any, type],
        converters: Mapping[type, Convert],
        keep: Keep,
    ) -> None:
        self._codes = codes
        self._decoders = Decoders(table_of(decoders), converters, self._nested)
        self._keep = keep

    def shaper(self, into: Any, columns: Columns) -> Shaper:
        """Make the function for whole rows.

        Raises:
            InterfaceError: the columns do not fit `into`.
        """
        hint = opened(into)
        if self._decoders.is_own(hint):
            return self.single(into, columns)
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
        return self.single(into, columns, "; a row of several is read into a class")

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

    def single(self, into: Any, columns: Columns, hint: str = "") -> Shaper:
        """Make the function for rows of one column.

        Raises:
            InterfaceError: there is another number of them, which `hint` explains.
        """
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


def _of_tuple(args: tuple[Any, ...], width: int) -> list[Any]:
    if not args:
        return [Any] * width
    if args[-1:] == (...,):
        return [args[0]] * width
    if len(args) != width:
        message = f"a tuple of {len(args)} takes {len(args)} columns, not {width}"
        raise InterfaceError(message)
    return list(args)

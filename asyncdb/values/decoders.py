"""From an annotation to the decoder of one value."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Literal,
    NewType,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import typing_extensions

from asyncdb.errors import DataError, InterfaceError
from asyncdb.values.conversions import Convert, Found, MisfitError, same
from asyncdb.values.encoding import type_name

_WRAPPERS = (
    ClassVar,
    Final,
    typing_extensions.Required,
    typing_extensions.NotRequired,
    typing_extensions.ReadOnly,
)
# Python's own from 3.12 on, and what stands in for it.
_ALIASES: Any = (
    typing_extensions.TypeAliasType,
    getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType),
)
_ABSTRACT: dict[Any, type] = {Mapping: dict, Sequence: list}


# A value does not fit.
FAILURES = (MisfitError, ValueError, ArithmeticError, TypeError, LookupError, DataError)


class Decoder:
    """How a value becomes what an annotation asks for.

    Args:
        shown: the annotation, for messages.
        exact: values of exactly this type pass as they are; `None` for none.
        null: `None` passes too.
        convert: from any other value; it raises when the value does not fit. `None`
            lets every value pass as it is.
        sources: the same by the value's exact type, where `convert` does only that:
            saves a call for each value.
    """

    __slots__ = ("convert", "exact", "null", "shown", "sources")

    def __init__(
        self,
        shown: str,
        convert: Convert | None,
        *,
        exact: type | None = None,
        null: bool = False,
        sources: Mapping[type, Convert] | None = None,
    ) -> None:
        self.shown = shown
        self.convert = convert
        self.exact = exact
        self.null = null
        self.sources = sources

    def __call__(self, value: Any) -> Any:
        """Decode one value.

        Raises:
            Exception: whatever the conversion raises; the value does not fit.
        """
        if (
            self.convert is None
            or type(value) is self.exact
            or (value is None and self.null)
        ):
            return value
        if value is None:
            raise MisfitError
        return self.convert(value)

    def each(self, values: list[Any]) -> list[Any]:
        """Decode the elements of a list; the list itself where nothing is to do."""
        kinds = set(map(type, values))
        if self.convert is None or kinds <= {self.exact}:
            return values
        return [self(value) for value in values]


class Decoders:
    """Makes decoders for one engine and one connection's converters.

    Args:
        table: what each type is made from.
        converters: the functions that make values of the user's own types.
        record: makes the decoder for a class with fields, from a JSON object; gives
            `None` for every other annotation.
    """

    def __init__(
        self,
        table: Mapping[type, Found],
        converters: Mapping[type, Convert],
        record: Callable[[Any], Convert | None],
    ) -> None:
        self._table = table
        self._own = {kind: self._converter(c) for kind, c in converters.items()}
        self._record = record

    def is_own(self, annotation: Any) -> bool:
        """Tell whether the user has given a converter for it."""
        return isinstance(annotation, type) and annotation in self._own

    def knows(self, annotation: Any) -> bool:
        """Tell whether it is one of the portable types, or a converter's."""
        found = opened(annotation)
        return self.is_own(found) or found in self._table or _is_enum(found)

    def of(self, annotation: Any) -> Decoder:
        """Make the decoder for an annotation.

        Raises:
            InterfaceError: values cannot be made for it.
        """
        hint = opened(annotation)
        shown = _shown(annotation)
        if hint is Any or hint is object:
            return Decoder(shown, None)
        if hint is None or hint is NoneType:
            return Decoder(shown, _never, null=True)
        origin = get_origin(hint)
        if origin in (Union, UnionType):
            return self._union(shown, get_args(hint))
        if origin is Literal:
            return self._literal(shown, get_args(hint))
        if isinstance(hint, type) and origin is None:
            return self._class(shown, hint)
        record = self._record(hint)
        if record is not None:
            return Decoder(shown, record)
        origin = _ABSTRACT.get(origin, origin)
        if isinstance(origin, type):
            return self._container(shown, origin, get_args(hint))
        message = f"no value of a column can be read as {shown}"
        raise InterfaceError(f"{message}; give a class, or a converter for one")

    def _class(self, shown: str, kind: type) -> Decoder:
        own = self._own.get(kind)
        if own is not None:
            return Decoder(shown, own)
        kind = _ABSTRACT.get(kind, kind)
        sources = self._table.get(kind)
        if sources is not None:
            return Decoder(shown, _from(sources), exact=kind, sources=sources)
        if issubclass(kind, Enum):
            members = _Members(kind, self._member(kind))
            return Decoder(shown, _from(members), sources=members)
        record = self._record(kind)
        if record is not None:
            return Decoder(shown, record)

        def own_kind(value: Any) -> Any:
            if isinstance(value, kind):  # a type of the driver's own
                return value
            raise MisfitError

        return Decoder(shown, own_kind, exact=kind)

    def _member(self, kind: type[Enum]) -> Convert:
        readers = [self.of(t) for t in {type(member.value) for member in kind}]

        def member(value: Any) -> Any:
            for reader in readers:
                try:
                    return kind(reader(value))
                except FAILURES:
                    continue
            raise MisfitError

        return member

    def _literal(self, shown: str, choices: tuple[Any, ...]) -> Decoder:
        readers = [(self.of(type(choice)), choice) for choice in choices]

        def choose(value: Any) -> Any:
            for reader, choice in readers:
                try:
                    found = reader(value)
                except FAILURES:
                    continue
                if type(found) is type(choice) and found == choice:
                    return choice
            raise MisfitError

        return Decoder(shown, choose, null=None in choices)

    def _union(self, shown: str, members: tuple[Any, ...]) -> Decoder:
        null = any(opened(m) in (None, NoneType) for m in members)
        readers = [self.of(m) for m in members if opened(m) not in (None, NoneType)]
        if len(readers) == 1:
            only = readers[0]
            null = null or only.null
            return Decoder(
                shown, only.convert, exact=only.exact, null=null, sources=only.sources
            )

        def choose(value: Any) -> Any:
            # As it is where that fits, else as the only member that takes it.
            found = []
            for reader in readers:
                if type(value) is reader.exact:
                    return value
                try:
                    found.append(reader(value))
                except FAILURES:
                    continue
            if len(found) == 1:
                return found[0]
            raise MisfitError

        free = any(reader.convert is None for reader in readers)
        return Decoder(shown, None if free else choose, null=null)

    def _container(self, shown: str, origin: type, args: tuple[Any, ...]) -> Decoder:
        sources = self._table.get(origin)
        if sources is None:
            return self._class(shown, origin)
        read = _from(sources)
        if origin is dict:
            keys, values = (self.of(arg) for arg in args)

            def mapping(value: Any) -> Any:
                found = value if type(value) is dict else read(value)
                return dict(
                    zip(
                        keys.each([*found]), values.each([*found.values()]), strict=True
                    )
                )

            return Decoder(shown, mapping)
        if origin is tuple and args[-1:] != (...,):
            items = [self.of(arg) for arg in args]

            def fixed(value: Any) -> Any:
                return tuple(
                    [item(v) for item, v in zip(items, read(value), strict=True)]
                )

            return Decoder(shown, fixed)
        element = self.of(args[0])

        def several(value: Any) -> Any:
            found: Any = value if type(value) is origin else read(value)
            return origin(element.each(list(found)))

        return Decoder(shown, several)

    def _converter(self, decode: Convert) -> Convert:
        """Give a decode function the type that its parameter is annotated with."""
        try:
            hints = get_type_hints(decode)
        except Exception:  # noqa: BLE001  # a builtin, a partial, an unknown name
            return decode
        hints.pop("return", None)
        hint = next(iter(hints.values()), Any)
        if opened(hint) in (Any, object):
            return decode
        reader: Decoder | None = None

        def through(value: Any) -> Any:
            nonlocal reader
            reader = reader or self.of(hint)
            return decode(reader(value))

        return through


def opened(annotation: Any) -> Any:
    """Return what an annotation says under Annotated, NewType, aliases and the like."""
    while True:
        origin = get_origin(annotation)
        if isinstance(annotation, _ALIASES):  # type X = ...
            annotation = annotation.__value__
        elif isinstance(origin, _ALIASES):
            annotation = origin.__value__[get_args(annotation)]
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif isinstance(annotation, TypeVar):
            annotation = annotation.__bound__ or Any
        elif origin is Annotated or origin in _WRAPPERS:
            annotation = get_args(annotation)[0]
        else:
            return annotation


def _from(sources: Mapping[type, Convert]) -> Convert:
    return lambda value: sources[type(value)](value)


class _Members(dict[type, Convert]):
    """How the members of an Enum are found: by C where nothing speaks against it."""

    def __init__(self, kind: type[Enum], slow: Convert) -> None:
        super().__init__()
        self._slow = slow
        self[kind] = same  # a type of SQLAlchemy's, say, has made it one already
        types = {type(member.value) for member in kind}
        own = kind._missing_.__func__ is not Enum._missing_.__func__  # type: ignore[attr-defined]
        if types in ({str}, {int}) and not own:
            self[types.pop()] = {member.value: member for member in kind}.__getitem__

    def __missing__(self, kind: type) -> Convert:
        return self._slow


def _is_enum(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Enum)


def _never(_value: Any) -> Any:
    raise MisfitError


def _shown(annotation: Any) -> str:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return type_name(annotation)
    return repr(annotation).replace("typing.", "")

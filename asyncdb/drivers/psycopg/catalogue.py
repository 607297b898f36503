"""The types that a database has besides PostgreSQL's own: how they go in and come out.

Those of PostgreSQL itself are known (`encoding`, psycopg's registry). Of any other, an
enumeration or a domain, a row, an extension's type, the server is asked once in a
connection, when a statement with it is prepared. A type that nobody here knows the
binary form of goes as its text, both ways.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from psycopg import postgres
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.types.multirange import MultirangeInfo
from psycopg.types.range import RangeInfo

from asyncdb.drivers.psycopg import decoding
from asyncdb.drivers.psycopg.containers import (
    array,
    array_text,
    multirange_of,
    range_of,
    row_of,
)
from asyncdb.drivers.psycopg.encoding import BINARY, Encode, text

TEXT_FORM, BINARY_FORM = 0, 1
# How a value is written, and in which of the two forms.
Encoder = tuple[Encode, int]

_LOOK = """\
SELECT t.oid::int8, t.typtype::text, t.typbasetype::int8,
CASE WHEN t.typcategory = 'A' AND t.typlen = -1 THEN t.typelem ELSE 0 END::int8,
coalesce((SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE {subtype}), 0)::int8,
{multirange}::int8,
ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attnum > 0
AND a.attrelid = t.typrelid AND NOT a.attisdropped ORDER BY a.attnum),
ARRAY(SELECT a.atttypid::int8 FROM pg_catalog.pg_attribute a WHERE a.attnum > 0
AND a.attrelid = t.typrelid AND NOT a.attisdropped ORDER BY a.attnum)
FROM pg_catalog.pg_type t WHERE t.oid = ANY ($1::int8[]::oid[])"""
_MULTIRANGE = (
    "coalesce((SELECT r.rngtypid FROM pg_catalog.pg_range r"
    " WHERE r.rngmultitypid = t.oid), 0)"
)
_RANGE = "r.rngtypid = t.oid"
_INT8_ARRAY = 1016
_list_of_oids = array(20, BINARY[20])


def _own_encoders() -> dict[int, Encoder]:
    """Return how values of PostgreSQL's own types go in, by psycopg's registry."""
    found: dict[int, Encoder] = {oid: (how, BINARY_FORM) for oid, how in BINARY.items()}
    for info in postgres.types:
        if isinstance(info, RangeInfo):
            subtype = BINARY[info.subtype_oid]
            found[info.oid] = range_of(subtype), BINARY_FORM
    for info in postgres.types:
        if isinstance(info, MultirangeInfo):
            found[info.oid] = multirange_of(found[info.range_oid][0]), BINARY_FORM
    for info in postgres.types:
        if info.array_oid and info.oid in found:
            how, _ = found[info.oid]
            found[info.array_oid] = array(info.oid, how), BINARY_FORM
    return found


_OWN = _own_encoders()


class Catalogue:
    """A connection's.

    Args:
        adapters: psycopg's map for it, which learns, too.
        version: of the server, as psycopg tells it.
        ask: sends a statement with parameters, and returns its result.
    """

    def __init__(
        self,
        adapters: AdaptersMap,
        version: int,
        ask: Callable[[bytes, list[bytes], list[int]], Awaitable[Any]],
    ) -> None:
        self._adapters = adapters
        self._ask = ask
        new = version >= 140000  # which has multiranges
        of_it = (
            "t.oid IN (r.rngtypid, r.rngmultitypid)" if new else "r.rngtypid = t.oid"
        )
        look = _LOOK.format(multirange=_MULTIRANGE if new else "0", subtype=of_it)
        self._look = look.encode()
        self._encoders: dict[int, Encoder] = {}
        self._binary: dict[int, bool] = {}

    def unknown(self, parameters: Iterable[int], columns: Iterable[int]) -> set[int]:
        """Return those types of which the server has to be asked."""
        found = {oid for oid in parameters if not self._can_encode(oid)}
        return found | {oid for oid in columns if not self._can_decode(oid)}

    def _can_encode(self, oid: int) -> bool:
        return oid in _OWN or oid in self._encoders

    def _can_decode(self, oid: int) -> bool:
        return oid in self._binary or decoding.has_binary(self._adapters, oid)

    def encoder(self, oid: int) -> Encoder:
        """Return how a value of a type is written."""
        return _OWN.get(oid) or self._encoders.get(oid) or (text, TEXT_FORM)

    def is_binary(self, oid: int) -> bool:
        """Tell whether a type can be read in binary."""
        known = self._binary.get(oid)
        return decoding.has_binary(self._adapters, oid) if known is None else known

    async def learn(self, oids: set[int]) -> None:
        """Ask the server for types, and for those that they are made of."""
        rows: dict[int, tuple[Any, ...]] = {}
        while oids:
            result = await self._ask(
                self._look, [_list_of_oids(sorted(oids))], [_INT8_ARRAY]
            )
            reader = Transformer()
            reader.set_pgresult(result)
            new = {row[0]: row for row in reader.load_rows(0, result.ntuples, tuple)}
            rows |= new
            parts = {part for row in new.values() for part in _parts(row)}
            unknown = self.unknown(parts, parts)
            for oid in oids - new.keys():  # dropped meanwhile
                self._forget(oid)
            oids = unknown - rows.keys()
        while rows:  # first those whose parts are known
            ready = [r for r in rows.values() if rows.keys().isdisjoint(_parts(r))]
            for row in ready or list(rows.values()):
                self._add(row)
                del rows[row[0]]

    def _forget(self, oid: int) -> None:
        self._encoders[oid] = text, TEXT_FORM
        self._binary[oid] = False

    def _add(self, row: tuple[Any, ...]) -> None:
        oid = row[0]
        self._encoders[oid] = self._encoder_of(row)
        # What somebody has registered with psycopg stays.
        known = decoding.has_binary(self._adapters, oid)
        self._binary[oid] = known or self._add_loader(row)

    def _encoder_of(self, row: tuple[Any, ...]) -> Encoder:
        """Return how a value of a type is written."""
        _, kind, _, element, _, _, _, fields = row
        parts = [self.encoder(part) for part in _parts(row)]
        if kind == "e":
            return text, BINARY_FORM  # its binary form is its text
        if kind == "d":
            return parts[0]
        in_binary = bool(parts) and all(form == BINARY_FORM for _, form in parts)
        how = [encode for encode, _ in parts]
        if in_binary and element:
            return array(element, how[0]), BINARY_FORM
        if in_binary and kind == "r":
            return range_of(how[0]), BINARY_FORM
        if in_binary and kind == "m":
            return multirange_of(how[0]), BINARY_FORM
        if in_binary and kind == "c":
            return row_of(list(zip(fields, how, strict=True))), BINARY_FORM
        return (array_text(how[0]) if element else text), TEXT_FORM

    def _add_loader(self, row: tuple[Any, ...]) -> bool:
        """Have psycopg read a type; return whether it does so in binary."""
        oid, kind, base, element, subtype, _, names, _ = row
        add = self._adapters
        read = all(self.is_binary(part) for part in _parts(row))
        if kind == "e":
            decoding.add_text(add, oid)
            return True
        if kind == "d":
            decoding.add_domain(add, oid, base)
        elif element:
            decoding.add_array(add, oid, element)
        elif kind == "r":
            decoding.add_range(add, oid, subtype)
        elif kind == "m":
            decoding.add_multirange(add, oid, subtype)
        elif kind == "c":
            decoding.add_row(add, oid, tuple(names))
        else:
            return False
        return read


def _parts(row: tuple[Any, ...]) -> list[int]:
    """Return the types that a type is made of."""
    _, kind, base, element, subtype, ranges, _, fields = row
    if kind == "c":
        return list(fields)
    return [part for part in (base, element, ranges or subtype) if part]

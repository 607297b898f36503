"""What the values of a result become: psycopg's loaders, and what asyncpg gives.

psycopg reads most as asyncpg does, in C. What is different is loaded by classes of
ours, registered for each connection alone: moments in UTC whatever the session's zone
is, and the ends of time, which psycopg refuses. The C loaders are tried first.
"""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

import psycopg
from psycopg import postgres, pq
from psycopg.adapt import AdaptersMap, Loader, RecursiveLoader
from psycopg.types.array import ArrayBinaryLoader, ArrayLoader
from psycopg.types.datetime import TimestamptzLoader
from psycopg.types.multirange import MultirangeBinaryLoader
from psycopg.types.range import RangeBinaryLoader
from psycopg.types.string import ByteaBinaryLoader, TextBinaryLoader

from asyncdb.values.rows import tuple_row

Buffer: TypeAlias = "bytes | bytearray | memoryview"

BINARY = pq.Format.BINARY
_DATE, _TIMESTAMP, _TIMESTAMPTZ = 1082, 1114, 1184
# Types of pg_type.oid that hold no instant, and no value that has one in it.
NO_INSTANTS = frozenset(
    (
        *(16, 17, 18, 19, 20, 21, 23, 25, 26, 114, 600, 650, 700, 701, 869, 1042),
        *(1043, 1082, 1083, 1114, 1186, 1266, 1700, 2278, 2950, 3802),
        *(1000, 1001, 1005, 1007, 1009, 1015, 1016, 1021, 1022, 1231, 2951, 3807),
    )
)
_EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001  # PostgreSQL's, naive
_EPOCH_DAY = _EPOCH.toordinal()
_FIRST_LAST = datetime.min, datetime.max  # noqa: DTZ901  # naive
_INFINITY, _INFINITE_DAY = 2**63 - 1, 2**31 - 1
_int = struct.Struct("!i").unpack_from
_long = struct.Struct("!q").unpack_from
_head = struct.Struct("!Ii").unpack_from


def _moment(data: Buffer) -> tuple[datetime, bool]:
    """Return a moment, and whether it is one, and not an end of time."""
    (microseconds,) = _long(data)
    if microseconds == _INFINITY:
        return _FIRST_LAST[1], False
    if microseconds == -_INFINITY - 1:
        return _FIRST_LAST[0], False
    return _EPOCH + timedelta(microseconds=microseconds), True


class _Date(Loader):
    format = BINARY

    def load(self, data: Buffer) -> date:
        (days,) = _int(data)
        if days == _INFINITE_DAY:
            return date.max
        if days == -_INFINITE_DAY - 1:
            return date.min
        return date.fromordinal(days + _EPOCH_DAY)


class _Timestamp(Loader):
    format = BINARY

    def load(self, data: Buffer) -> datetime:
        return _moment(data)[0]


class _Timestamptz(Loader):
    format = BINARY

    def load(self, data: Buffer) -> datetime:
        moment, is_one = _moment(data)
        return moment.replace(tzinfo=UTC) if is_one else moment


class _TimestamptzText(TimestamptzLoader):
    def load(self, data: Buffer) -> datetime:
        return super().load(data).astimezone(UTC)


def _loader(form: str, make: Any = None) -> Any:
    """Return a loader that unpacks numbers, and makes something of more than one."""
    unpack = struct.Struct(form).unpack

    def load(_: Loader, data: Buffer) -> Any:
        found = unpack(data)
        return make(found) if make else found[0]

    return type("_Unpacked", (Loader,), {"format": BINARY, "load": load})


class _Nothing(Loader):
    format = BINARY

    def load(self, data: Buffer) -> None:  # noqa: ARG002  # it is empty
        return None


# pg_type.oid -> what reads it as asyncpg does, where psycopg has a text.
_AS_ASYNCPG = {
    18: ByteaBinaryLoader,  # "char"
    27: _loader("!IH", tuple),  # tid
    28: _loader("!I"),  # xid
    29: _loader("!I"),  # cid
    705: TextBinaryLoader,  # unknown, as in ROW('a')
    2278: _Nothing,  # void
    3220: _loader("!Q"),  # pg_lsn
    5069: _loader("!Q"),  # xid8
}


def usual() -> AdaptersMap:
    """Return the map that a connection begins with."""
    found = AdaptersMap(psycopg.adapters)
    for oid, loader in _AS_ASYNCPG.items():
        found.register_loader(oid, loader)
    return found


def exact(adapters: AdaptersMap) -> AdaptersMap:
    """Return a map whose moments are asyncpg's, slower."""
    found = AdaptersMap(adapters)
    for oid, loader in (
        (_DATE, _Date),
        (_TIMESTAMP, _Timestamp),
        (_TIMESTAMPTZ, _Timestamptz),
        (_TIMESTAMPTZ, _TimestamptzText),
    ):
        found.register_loader(oid, loader)
    return found


# -- types that this database has ------------------------------------------------------


def add_text(adapters: AdaptersMap, oid: int) -> None:
    """Read a type as text: an enumeration, whose binary form is its text."""
    adapters.register_loader(oid, TextBinaryLoader)


def add_domain(adapters: AdaptersMap, oid: int, base: int) -> None:
    """Read a type as the one that it restricts."""
    for form in (pq.Format.TEXT, BINARY):
        loader = adapters.get_loader(base, form)
        if loader is not None:
            adapters.register_loader(oid, loader)


def add_array(adapters: AdaptersMap, oid: int, element: int) -> None:
    """Read a type as lists."""
    loader: Any = type("_Array", (ArrayLoader,), {"base_oid": element})
    adapters.register_loader(oid, loader)
    adapters.register_loader(oid, ArrayBinaryLoader)


def add_range(adapters: AdaptersMap, oid: int, subtype: int) -> None:
    """Read a type as psycopg's ranges."""
    loader: Any = type("_Range", (RangeBinaryLoader,), {"subtype_oid": subtype})
    adapters.register_loader(oid, loader)


def add_multirange(adapters: AdaptersMap, oid: int, subtype: int) -> None:
    """Read a type as psycopg's multiranges."""
    space = {"subtype_oid": subtype}
    loader: Any = type("_Multirange", (MultirangeBinaryLoader,), space)
    adapters.register_loader(oid, loader)


class _Composite(RecursiveLoader):
    """A row in a row."""

    format = BINARY
    names: tuple[str, ...] = ()

    def load(self, data: Buffer) -> Any:
        (count,), at = _int(data), 4
        values: list[Any] = []
        for _ in range(count):
            oid, length = _head(data, at)
            at += 8
            if length < 0:
                values.append(None)
                continue
            load = self._tx.get_loader(oid, BINARY).load
            values.append(load(bytes(data[at : at + length])))
            at += length
        return tuple_row(self.names)(values) if self.names else tuple(values)


def add_row(adapters: AdaptersMap, oid: int, names: tuple[str, ...]) -> None:
    """Read a composite type as a `Row`."""
    loader: Any = type("_Row", (_Composite,), {"names": names})
    adapters.register_loader(oid, loader)


def has_binary(adapters: AdaptersMap, oid: int) -> bool:
    """Tell whether there is a loader for a type's binary form."""
    info = postgres.types.get(oid)
    if info is not None and info.array_oid == oid:
        oid = info.oid
    return adapters.get_loader(oid, BINARY) is not None

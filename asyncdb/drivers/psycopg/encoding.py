"""Values as PostgreSQL reads them in binary, by the type that the server expects.

psycopg's own dumpers go by the type of the value: 7.5 would be rounded for a column of
whole numbers, and a text be taken for whatever its place is. Here the server has told
what it expects (`statements`), and what does not fit is refused before it is sent, as
asyncpg does it. Errors name types, never values.

A function raises one of `MISFITS`; `Misfit` where there is more to say than "it does
not fit".
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any, TypeAlias
from uuid import UUID

from psycopg.types.numeric import DecimalBinaryDumper

from asyncdb.values.rendering import json_text

Encode: TypeAlias = Callable[[Any], bytes]

MISFITS = (TypeError, ValueError, ArithmeticError, AttributeError, struct.error)

_EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001  # PostgreSQL's, naive
_EPOCH_UTC = _EPOCH.replace(tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_MICROSECOND = timedelta(microseconds=1)
# As asyncpg has it, which reads and writes the ends of time so.
_LAST_DAY, _LAST_MOMENT = date.max, datetime.max  # noqa: DTZ901  # naive
_INFINITY, _INFINITE_DAY = 2**63 - 1, 2**31 - 1

_int2, _int4, _int8 = (struct.Struct(f"!{size}").pack for size in "hiq")
_uint4, _uint8 = (struct.Struct(f"!{size}").pack for size in "IQ")
_float4, _float8 = (struct.Struct(f"!{size}").pack for size in "fd")
_interval = struct.Struct("!qii").pack
_time_with_zone = struct.Struct("!qi").pack


class Misfit(TypeError):
    """A value that does not fit, with what to say of it: no values."""


def _whole(pack: Callable[[Any], bytes], name: str) -> Encode:
    def encode(value: Any) -> bytes:
        try:
            return pack(value)
        except struct.error as error:
            if isinstance(value, int):
                raise Misfit(f"value out of {name} range") from error
            raise

    return encode


def _single(value: Any) -> bytes:
    try:
        return _float4(value)
    except OverflowError as error:
        raise Misfit("value out of float32 range") from error


def boolean(value: Any) -> bytes:
    """Encode a bool, and nothing else."""
    if type(value) is not bool:
        raise Misfit(f"got type '{type(value).__name__}'")
    return b"\x01" if value else b"\0"


def text(value: Any) -> bytes:
    """Encode a str, and nothing else."""
    if not isinstance(value, str):
        raise Misfit(f"expected str, got {type(value).__name__}")
    return value.encode()


def _binary(value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise TypeError
    return bytes(value)


_numeric_of = DecimalBinaryDumper(Decimal).dump


def _numeric(value: Any) -> bytes:
    found = _numeric_of(value if isinstance(value, Decimal) else Decimal(value))
    return bytes(found or b"")


def _date(value: Any) -> bytes:
    if value == _LAST_DAY:
        return _int4(_INFINITE_DAY)
    return _int4(value.toordinal() - _EPOCH_DAY)


def _microseconds(value: Any) -> int:
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return int(seconds * 1_000_000 + value.microsecond)


def _time(value: time) -> bytes:
    return _int8(_microseconds(value))


def _timetz(value: time) -> bytes:
    east = value.utcoffset() or timedelta(0)
    return _time_with_zone(_microseconds(value), -east // timedelta(seconds=1))


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001
    raise TypeError


def _timestamp(value: Any) -> bytes:
    moment = _moment(value)
    if moment == _LAST_MOMENT:
        return _int8(_INFINITY)
    return _int8((moment - _EPOCH) // _MICROSECOND)  # an aware one raises


def _timestamptz(value: Any) -> bytes:
    moment = _moment(value)
    if moment.tzinfo is None:  # of UTC, as on every engine
        moment = moment.replace(tzinfo=UTC)
    return _int8((moment - _EPOCH_UTC) // _MICROSECOND)


def _timedelta(value: timedelta) -> bytes:
    return _interval(value.seconds * 1_000_000 + value.microseconds, value.days, 0)


def _uuid(value: Any) -> bytes:
    if isinstance(value, str):
        value = UUID(value)
    if not isinstance(value, UUID):
        raise TypeError
    return value.bytes


def json(value: Any) -> bytes:
    """Encode JSON: a str is its text on every engine, anything else becomes it."""
    return (value if isinstance(value, str) else json_text(value)).encode()


def _jsonb(value: Any) -> bytes:
    return b"\x01" + json(value)


def _inet(value: Any) -> bytes:
    """Encode an address, or an address in its network."""
    if isinstance(value, str):
        value = ip_interface(value) if "/" in value else ip_address(value)
    address = getattr(value, "ip", value)
    network = getattr(value, "network", None)
    length = address.max_prefixlen if network is None else network.prefixlen
    return _network_bytes(address, length, is_cidr=0)


def _cidr(value: Any) -> bytes:
    network = ip_network(value)
    return _network_bytes(network.network_address, network.prefixlen, is_cidr=1)


def _network_bytes(address: Any, length: int, *, is_cidr: int) -> bytes:
    family = 2 if address.version == 4 else 3
    packed: bytes = address.packed
    return bytes([family, length, is_cidr, len(packed)]) + packed


# pg_type.oid -> how a value of the type is written in binary.
BINARY: Mapping[int, Encode] = {
    16: boolean,
    17: _binary,
    18: _binary,  # "char"
    20: _whole(_int8, "int64"),
    21: _whole(_int2, "int16"),
    23: _whole(_int4, "int32"),
    26: _whole(_uint4, "uint32"),
    28: _whole(_uint4, "uint32"),  # xid
    29: _whole(_uint4, "uint32"),  # cid
    5069: _whole(_uint8, "uint64"),  # xid8
    **dict.fromkeys([19, 25, 705, 1042, 1043], text),
    114: json,
    3802: _jsonb,
    650: _cidr,
    869: _inet,
    700: _single,
    701: _float8,
    1082: _date,
    1083: _time,
    1114: _timestamp,
    1184: _timestamptz,
    1186: _timedelta,
    1266: _timetz,
    1700: _numeric,
    2950: _uuid,
}

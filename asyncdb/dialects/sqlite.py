"""SQLite: its facts and its values."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from sys import float_info
from typing import Any, ClassVar, Literal
from uuid import UUID

from asyncdb import errors
from asyncdb.dialect import STANDARD_VERBS, STANDARD_WORDS, Dialect, Lexis
from asyncdb.options import ConnectOptions
from asyncdb.options.foreign import SQLITE, ForeignNames
from asyncdb.options.settings import BY_ITEMS, Settings, check_settings
from asyncdb.values.conversions import (
    JSON_TEXT,
    MisfitError,
    Sources,
    microseconds,
    zero_or_one,
)
from asyncdb.values.encoding import integer, naive_time, not_nan, text
from asyncdb.values.rendering import instant, json_text

# SQLite's variables: ?1 @a $a #a :1, each with any character of a name: a letter, a
# digit, _, $ or not ASCII; written as what is not in it (see `asyncdb.sql.lexer`).
_VARIABLE = r"[^\x00-#%-/:-@\[-\^`{-\x7f]"
LEXIS = Lexis(
    names='"`',
    brackets="name",
    native_markers=rf"\?\d+|[@$#]{_VARIABLE}+|:[0-9$]{_VARIABLE}*",
)


# -- values -------------------------------------------------------------------------
# What SQLite has no type for is stored as text that sorts as its values do, or as an
# integer: see docs/reference/types.md.


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        message = "a Decimal must be finite"
        raise errors.NumericOutOfRange(message)
    if 15 <= value.adjusted() < 19 and value == value.to_integral_value():
        # Of `1.5E+16` or `15000000000000000.0` a DECIMAL column would make a float, and
        # of that an integer with digits that nobody wrote.
        value = value.to_integral_value()
        return f"{value:f}"
    return str(value)


def _datetime(value: datetime) -> str:
    # In UTC, so that equal instants are equal texts and the order of texts is time's.
    return instant(value).isoformat(" ")


def _time(value: time) -> str:
    return naive_time(value).isoformat()


def _timedelta(value: timedelta) -> int:
    found = value // timedelta(microseconds=1)
    if not -(2**63) <= found < 2**63:
        message = "a timedelta beyond 64 bits of microseconds"
        raise errors.InvalidDatetime(message)
    return found


ENCODERS: dict[type, Callable[[Any], Any] | None] = {
    type(None): None,
    bool: int,
    int: integer,
    float: not_nan,
    Decimal: _decimal,
    str: text,
    bytes: None,
    bytearray: bytes,
    memoryview: bytes,
    date: date.isoformat,
    datetime: _datetime,
    time: _time,
    timedelta: _timedelta,
    UUID: str,
    dict: json_text,
    list: json_text,
}
# Significant digits of a decimal that a REAL, which it becomes in a column of NUMERIC
# affinity such as DECIMAL(10, 2), gives back exactly.
_DIGITS = 15


def _decimal_of_real(value: float) -> Decimal:
    found = Decimal(repr(value))
    if (
        not found.is_finite()
        or len(found.normalize().as_tuple().digits) > _DIGITS
        or 0 < abs(value) < float_info.min  # these have fewer digits
    ):
        message = (
            f"it has more than the {_DIGITS} digits that SQLite's REAL holds exactly; "
            "declare the column TEXT, which holds any"
        )
        raise MisfitError(message)
    return found


# Back again, where an annotation asks for it; texts are read on every engine.
DECODERS: dict[type, Sources] = {
    bool: {int: zero_or_one},
    Decimal: {float: _decimal_of_real},
    timedelta: {int: microseconds},
    **JSON_TEXT,
}
# Types that STRICT tables have too.
COLUMN_TYPES = {
    "bool": "INTEGER",
    "int": "INTEGER",
    "float": "REAL",
    "Decimal": "TEXT",
    "str": "TEXT",
    "bytes": "BLOB",
    "date": "TEXT",
    "time": "TEXT",
    "datetime, naive": "TEXT",
    "datetime, aware": "TEXT",
    "timedelta": "INTEGER",
    "UUID": "TEXT",
    "dict, list": "TEXT",
}

DIALECT = Dialect(
    name="sqlite",
    placeholder="qmark",
    lexis=LEXIS,
    encoders=ENCODERS,
    decoders=DECODERS,
    column_types=COLUMN_TYPES,
    text_column="TEXT",
    identity_column="INTEGER PRIMARY KEY AUTOINCREMENT",
    max_parameters=32766,
    supports_lastrowid=True,
    supports_returning=True,
    supports_transactional_ddl=True,
    # Every transaction is serializable, which is what the weaker levels allow too.
    supports_isolation=frozenset(
        ["read uncommitted", "read committed", "repeatable read", "serializable"]
    ),
    # Not PRAGMA, ATTACH, DETACH.
    harmless_verbs=STANDARD_VERBS
    | {"REPLACE", "EXPLAIN", "ANALYZE", "VACUUM", "REINDEX", "END"},
    touching_words=STANDARD_WORDS | {"LOAD_EXTENSION"},
    bends_bad_values=True,
    typed_columns=False,
)


# The name of a PRAGMA, perhaps behind that of an attached database.
_SETTING_NAME = re.compile(r"(?:[A-Za-z_]\w*\.)?[A-Za-z_]\w*", re.ASCII)
_WAITING = "write the option lock_timeout, in seconds"
OWNED_SETTINGS = {
    "foreign_keys": "write the option foreign_keys",
    "journal_mode": "write the option journal_mode",
    "busy_timeout": _WAITING,
    "query_only": 'write the option mode="ro", or transaction(readonly=True)',
}
_IMMUTABLE = (
    "option 'immutable' says that nobody writes to the file: it goes with mode=\"ro\","
    " and without any mode"
)


@dataclass(frozen=True, kw_only=True)
class SQLiteOptions(ConnectOptions):
    """What SQLite's drivers understand.

    Args:
        mode: `"rwc"` reads and writes, and creates the file; `"rw"` takes a file that
            is there; `"ro"` only reads, and writes nothing beside the file either;
            `"memory"` is a database in memory, whatever the path.
        immutable: the file is read as it is, without a lock, because nobody can write
            to it while it is open: on a read-only medium, in a package.
        settings: SQLite's own PRAGMAs for the session, such as
            `{"cache_size": -64_000}`, set before anything else and in their order. In a
            URL: `?setting.cache_size=-64000`.
        foreign_keys: foreign keys hold (SQLite's own default is that they do not).
        journal_mode: of files that may be written to; `"wal"` lets readers read while
            one writes; `None` leaves the file's own.
    """

    foreign: ClassVar[ForeignNames] = SQLITE
    mode: Literal["rwc", "rw", "ro", "memory"] = "rwc"
    immutable: bool = False
    settings: Settings = field(default_factory=dict, repr=False, metadata=BY_ITEMS)
    foreign_keys: bool = True
    journal_mode: (
        Literal["wal", "delete", "truncate", "persist", "memory", "off"] | None
    ) = "wal"

    def __post_init__(self) -> None:
        """Look at the settings before a file is open.

        Raises:
            URLError: a setting cannot be given so, or two options contradict.
        """
        super().__post_init__()
        owned = {f"main.{name}": why for name, why in OWNED_SETTINGS.items()}
        check_settings(self.settings, _SETTING_NAME, OWNED_SETTINGS | owned)
        if self.immutable and self.mode in ("rw", "memory"):
            raise errors.URLError(_IMMUTABLE)

    @property
    def only_reads(self) -> bool:
        """Nothing can be written through the connection."""
        return self.immutable or self.mode == "ro"

"""Writes docs/reference/types.md from the code.

Run it as `python docs/reference/types_page.py` after changing a dialect's tables.
The column types are the dialects' own; what an untyped read gives is held true by a
test that reads each on each engine.
"""

from __future__ import annotations

from pathlib import Path

from asyncdb.dialects import mysql, postgresql, sqlite
from asyncdb.values.conversions import PORTABLE
from asyncdb.values.encoding import type_name

PAGE = Path(__file__).with_name("types.md")
ENGINES = {
    "SQLite": sqlite.DIALECT,
    "PostgreSQL": postgresql.DIALECT,
    "MySQL": mysql.DIALECT,
    "MariaDB": mysql.MARIADB,
}
# What an untyped read gives where it is not the type itself.
UNTYPED: dict[str, dict[str, str]] = {
    "SQLite": {
        "bool": "int",
        "Decimal": "str",
        "date": "str",
        "time": "str",
        "datetime, naive": "str",
        "datetime, aware": "str",
        "timedelta": "int",
        "UUID": "str",
        "dict, list": "str",
    },
    "PostgreSQL": {},
    "MySQL": {"bool": "int", "time": "timedelta", "UUID": "str"},
    "MariaDB": {
        "bool": "int",
        "time": "timedelta",
        "UUID": "str",
        "dict, list": "str",
    },
}
INTRODUCTION = """\
# Types

*This page is written by `docs/reference/types_page.py`; do not edit it.*

The portable set goes in as itself on every engine and comes back, with `into=`, equal
and of the same type (see [Typed rows](../how-to/typed-rows.md)). Declare the columns as
the tables say. An untyped read gives what the engine can tell; with `into=`, the
annotation decides. `None` is NULL, an `Enum` goes by its value.
"""
_STRICT = """\
A value of exactly the type passes as it is. Nothing is bent: `True` is no `int`, an
`int` becomes a `float` only where both are equal.
"""
NOTES = """\
## Notes

- **Naive datetimes are UTC**, the session's zone, on every engine; the zone of your
  machine never matters. An aware one is stored as its instant and comes back in UTC. A
  column for naive ones forgets on MySQL that a value was aware; PostgreSQL refuses it.
- MySQL and MariaDB: `TIMESTAMP` holds 1970 to 2038 (MariaDB from 11.5: 2106), `TIME`
  at most 838:59:59, `DECIMAL` rounds digits beyond its scale without an error: declare
  it as large as you need.
- MariaDB's JSON is text to the client: untyped reads give the `str`.
- SQLite's texts sort and compare as their values do, but Decimals do not (`'9.5'` is
  more than `'10'`): for prices see
  [one SQL](../how-to/portable-sql.md#prices). `CURRENT_TIMESTAMP` is read as
  naive. Statements of `asyncdb.contrib.sqlalchemy` keep moments as SQLAlchemy does, in
  another form: let one of the two write a column.
- SQLite's column types above are those of STRICT tables too: use them, for it stores
  anything in a column of another table. A `DECIMAL(p, s)` or `NUMERIC` column makes a
  float or an integer of a Decimal: `into=Decimal` reads one that is equal to what went
  in, up to 15 significant digits. A float with more (a sum, perhaps) is refused with
  `DataError`, but SQLite may have rounded one to fewer before: declare TEXT, which
  holds any Decimal.
- What a column holds and Python does not (a year before 1 or after 9999, `24:00`,
  MySQL's `0000-00-00`) is `InvalidDatetime` when it is read, and the connection goes
  on. PostgreSQL's infinite dates and timestamps are asyncpg's: `date.max`, `date.min`
  and those of `datetime` stand for them, in both directions.
- PostgreSQL: arrays, ranges, `inet`, composite types, ... go and come as asyncpg has
  them; a `list` is an array or JSON by the column's type. An untyped UUID is of a
  subclass that asyncpg makes. A codec that you set on `db.native` for a built-in type
  of this page is not seen by `into=`.
- JSON: a `dict` or `list` of JSON's own types; keys are `str`, tuples come back as
  lists. A `str` for a JSON column is JSON's text. PostgreSQL's `jsonb` may give an
  `int` for a whole `float` beyond 1e16, MySQL keeps numbers as `double`.

## Refused

`DataError`, before anything is sent:

| Value | Error |
| --- | --- |
| a type that is not of this page, and has no converter | `DataError` |
| `int` beyond signed 64 bits (send a Decimal), in JSON too | `NumericOutOfRange` |
| `str` with NUL or a lone surrogate, in JSON too | `InvalidText` |
| `float` NaN | taken by PostgreSQL; elsewhere `NumericOutOfRange` |
| `float` infinities | taken by PostgreSQL and SQLite; MySQL: `NumericOutOfRange` |
| `Decimal` NaN and infinities | taken by PostgreSQL (14); else `NumericOutOfRange` |
| aware `time` | `InvalidDatetime` |
| aware `datetime` outside the years 1 to 9999 in UTC | `InvalidDatetime` |
| `timedelta` beyond what the engine's column holds | `InvalidDatetime` |
| JSON with NaN, other types, or keys that are no `str` | `DataError` |
"""


def page() -> str:
    """Return the page's text."""
    parts = [INTRODUCTION]
    for engine, dialect in ENGINES.items():
        told = UNTYPED[engine]
        rows = [
            f"| `{name}` | `{declared}` | `{told.get(name, _plain(name))}` |"
            for name, declared in dialect.column_types.items()
        ]
        head = "| Value | Column type | An untyped read gives |\n| --- | --- | --- |"
        parts.append("\n".join([f"## {engine}\n", head, *rows, ""]))
    parts.append(_accepted())
    parts.append(NOTES)
    return "\n".join(parts)


def _plain(name: str) -> str:
    return name.partition(",")[0]


def _accepted() -> str:
    """Say what an annotation takes, from the tables that are used."""
    lines = [
        "## What an annotation takes\n",
        _STRICT,
        "| Annotation | Made from | Also on |",
        "| --- | --- | --- |",
    ]
    for kind, sources in PORTABLE.items():
        own = {
            engine: [t.__name__ for t in dialect.decoders.get(kind, {})]
            for engine, dialect in ENGINES.items()
        }
        also = ", ".join(f"{e}: `{'`, `'.join(t)}`" for e, t in own.items() if t)
        made = ", ".join(f"`{type_name(t).rpartition('.')[2]}`" for t in sources)
        lines.append(f"| `{kind.__name__}` | {made} | {also} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    PAGE.write_text(page())

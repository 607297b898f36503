"""SQLAlchemy's types whose values asyncdb's drivers give or take in another form."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import types
from sqlalchemy.dialects import mysql, sqlite

import asyncdb
from asyncdb.values.encoding import naive_time
from asyncdb.values.rendering import instant

Process = Callable[[Any], Any]
_MYSQL_JSON: Final = 245  # the type code of values that the driver has read already


# -- moments ---------------------------------------------------------------------------


def _reading(aware: bool) -> Process:
    """Read a moment: aware when the column says so, else naive; in UTC."""

    def process(value: Any) -> Any:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if not isinstance(value, datetime) or aware is (value.tzinfo is not None):
            return value
        if aware:
            return value.replace(tzinfo=UTC)
        return value.astimezone(UTC).replace(tzinfo=None)

    return process


class PlainDateTime(types.DateTime):
    """A moment where the driver takes one; naive ones are UTC on every engine."""

    def result_processor(self, dialect: Any, coltype: object) -> Any:  # noqa: ARG002
        """Read what the driver gives."""
        return _reading(self.timezone)


class LiteDateTime(sqlite.DATETIME):
    """A moment on SQLite: SQLAlchemy's text of it, in UTC and without a zone."""

    has_own_form: bool = False
    """The user has chosen another form: `storage_format=`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        above: Any = super()
        above.__init__(*args, **kwargs)
        self.has_own_form = self._storage_format != sqlite.DATETIME._storage_format

    def bind_processor(self, dialect: Any) -> Any:
        """Write the text; refuse what SQLite would keep as it is."""
        theirs: Any = super().bind_processor(dialect)
        write = theirs if self.has_own_form else _moment_text

        def process(value: Any) -> Any:
            if value is None:
                return None
            if isinstance(value, datetime):
                return write(instant(value).replace(tzinfo=None))
            if isinstance(value, date):
                return write(datetime(value.year, value.month, value.day))  # noqa: DTZ001  # naive ones are UTC
            raise _unfit(datetime, value)

        return process

    def result_processor(self, dialect: Any, coltype: object) -> Any:
        """Read every text of a moment, also those of other writers."""
        read = _reading(self.timezone)
        if self._reg is None:
            return read
        theirs: Any = super().result_processor(dialect, coltype)
        return lambda value: read(theirs(value))


def _moment_text(value: datetime) -> str:
    return value.isoformat(" ", "microseconds")


class LiteDate(sqlite.DATE):
    """A date on SQLite: SQLAlchemy's text of it, which is asyncdb's too."""

    has_own_form: bool = False
    """The user has chosen another form: `storage_format=`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        above: Any = super()
        above.__init__(*args, **kwargs)
        self.has_own_form = self._storage_format != sqlite.DATE._storage_format

    def bind_processor(self, dialect: Any) -> Any:
        """Write the text; refuse what SQLite would keep as it is."""
        theirs: Any = super().bind_processor(dialect)

        def process(value: Any) -> Any:
            if value is None or isinstance(value, date):
                return theirs(value)
            raise _unfit(date, value)

        return process


class LiteTime(sqlite.TIME):
    """A time of day on SQLite: SQLAlchemy's text of it."""

    has_own_form: bool = False
    """The user has chosen another form: `storage_format=`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        above: Any = super()
        above.__init__(*args, **kwargs)
        self.has_own_form = self._storage_format != sqlite.TIME._storage_format

    def bind_processor(self, dialect: Any) -> Any:
        """Write the text; refuse what SQLite would keep as it is."""
        above: Any = super()
        write = above.bind_processor(dialect) if self.has_own_form else _time_text

        def process(value: Any) -> Any:
            if value is None:
                return None
            if isinstance(value, time):
                return write(naive_time(value))
            raise _unfit(time, value)

        return process

    def result_processor(self, dialect: Any, coltype: object) -> Any:
        """Read every text of a time, also those of other writers."""
        above: Any = super()
        if self._reg is not None:
            return above.result_processor(dialect, coltype)
        return lambda v: time.fromisoformat(v) if isinstance(v, str) else v


def _time_text(value: time) -> str:
    return value.isoformat("microseconds")


def _unfit(kind: type[Any], value: object) -> asyncdb.InvalidDatetime:
    message = f"a {kind.__name__} is needed, not a {type(value).__name__}"
    return asyncdb.InvalidDatetime(message)


# -- others ----------------------------------------------------------------------------


class LiteNumeric(types.Numeric[Any]):
    """SQLite keeps numbers as floats, of some fifteen digits."""

    def bind_processor(self, dialect: Any) -> Any:  # noqa: ARG002
        """Write a float that is equal; refuse what has none."""

        def process(value: Any) -> Any:
            if isinstance(value, str):
                value = _number(value)
            if not isinstance(value, Decimal):
                return value
            found = float(value)
            if value.is_finite() and Decimal(repr(found)) != value:
                message = "a Decimal of more digits than SQLite's NUMERIC holds"
                raise asyncdb.NumericOutOfRange(message)
            return found

        return process

    def result_processor(self, dialect: Any, coltype: object) -> Any:  # noqa: ARG002
        """Read a float, or a Decimal of the column's scale."""
        if not self.asdecimal:
            return lambda value: None if value is None else float(value)
        digits = self._effective_decimal_return_scale
        return lambda value: None if value is None else Decimal(f"{value:.{digits}f}")


def _number(value: str) -> Decimal:
    try:
        return Decimal(value)
    except ArithmeticError:
        raise asyncdb.InvalidText("a text that is no number") from None


class MySQLJSON(mysql.JSON):
    """JSON that the driver has read already, where the server tells that it is."""

    def result_processor(self, dialect: Any, coltype: object) -> Any:
        """Read a text; let an object pass."""
        if coltype == _MYSQL_JSON:
            return None
        return super().result_processor(dialect, coltype)

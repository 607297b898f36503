"""Values on their way to the driver: one strict encoder, keyed by exact type.

A dialect's `encoders` say for each Python type how its values go to the driver. One
that is not there is looked up once by its bases (an `Enum` by its value) and
remembered; what has no encoder is refused: no `repr` ever becomes a column's value.
An encoder may have a function `all_fit` that tells of many values of its type whether
all may go as they are when they go together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from math import isnan
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from asyncdb.errors import DataError, InvalidDatetime, InvalidText, NumericOutOfRange

if TYPE_CHECKING:
    from datetime import time

# None instead of a function: the value goes as it is.
Encoder = Callable[[Any], Any] | None


class Encoders(dict[type, Encoder]):
    """A dialect's encoders, completed by the subclasses met on the way.

    Args:
        table: exact type -> how its values go to the driver.
        own: exact type -> what makes of its values one that the table takes: a
            connection's converters.

    Example:
        >>> from enum import Enum
        >>> Color = Enum("Color", {"RED": "red"})
        >>> Encoders({str: str.upper}).encode([Color.RED])
        ['RED']
    """

    def __init__(
        self,
        table: Mapping[type, Encoder],
        own: Mapping[type, Callable[[Any], Any]] | None = None,
    ) -> None:
        super().__init__(table)
        if own:
            plain = Encoders(table)
            for kind, convert in own.items():
                self[kind] = _converted(convert, plain)

    def __missing__(self, kind: type) -> Encoder:
        """Find the encoder of a subclass, once."""
        encoder = self._inherited(kind)
        self[kind] = encoder
        return encoder

    def _inherited(self, kind: type) -> Encoder:
        if issubclass(kind, Enum):
            return lambda member: self.encode_one(member.value)
        for base in kind.__mro__[1:-1]:
            if base in self.keys():
                encoder = self[base]
                # Drivers look at exact types too: hand them the plain value.
                plain = _PLAIN.get(base)
                if plain is None:
                    return encoder
                if encoder is None:
                    return plain
                return lambda value: encoder(plain(value))
        raise LookupError(kind)

    def encode_one(self, value: Any) -> Any:
        """Return one value as the driver takes it."""
        try:
            encoder = self[type(value)]
        except LookupError:
            raise refused(value) from None
        return value if encoder is None else encoder(value)

    def encode(
        self, values: Sequence[Any], keys: Sequence[int | str] = ()
    ) -> list[Any]:
        """Return values as the driver takes them.

        Args:
            values: the arguments, in the driver's order.
            keys: the parameter behind each, to name one in an error.

        Raises:
            DataError: a value of a type that is not in the table, or one that the
                engine cannot hold. The message names the parameter and the type.
        """
        out: list[Any] = []
        value: Any = None
        try:
            for value in values:
                encoder = self[type(value)]
                out.append(value if encoder is None else encoder(value))
        except LookupError:
            raise refused(value, _name(keys, len(out))) from None
        except DataError as error:
            where = _name(keys, len(out))
            error.args = (f"{where}: {error.args[0]}" if where else error.args[0],)
            raise
        return out

    def encode_many(
        self, rows: Sequence[Sequence[Any]], keys: Sequence[int | str] = ()
    ) -> Sequence[Sequence[Any]]:
        """Return rows of equal length as the driver takes them.

        A column is looked at as a whole: where all its values go as they are, which
        is the rule, nothing is done for each of them.

        Args:
            rows: the arguments of each row, in the driver's order.
            keys: the parameter behind each, to name one in an error.

        Raises:
            DataError: like `encode`, with the number of the row.
        """
        columns: list[Sequence[Any]] = [
            list(map(itemgetter(index), rows))
            for index in range(len(rows[0]) if rows else 0)
        ]
        changed = False
        for index, column in enumerate(columns):
            try:
                if not self._all_fit(column):
                    columns[index] = [self.encode_one(value) for value in column]
                    changed = True
            except (LookupError, DataError):
                self._blame(rows, keys)
                raise
        return list(zip(*columns, strict=True)) if changed else rows

    def _all_fit(self, column: Sequence[Any]) -> bool:
        """Tell whether all values of a column go as they are."""
        kinds = set(map(type, column))
        for kind in kinds:
            encoder = self[kind]
            if encoder is None:
                continue
            fit = _ALL_FIT.get(encoder) or getattr(encoder, "all_fit", None)
            if fit is None:
                return False
            alone = len(kinds) == 1  # the rule: then nothing is done for each value
            if not fit(column if alone else [v for v in column if type(v) is kind]):
                return False
        return True

    def _blame(self, rows: Sequence[Sequence[Any]], keys: Sequence[int | str]) -> None:
        for number, row in enumerate(rows, 1):
            try:
                self.encode(row, keys)
            except DataError as error:
                error.args = (f"row {number}, {error.args[0]}",)
                raise


def refused(value: Any, where: str = "") -> DataError:
    """Make the error for a value whose type has no encoder."""
    name = type_name(type(value))
    return DataError(
        f"{where or 'a parameter'} is of type {name}, which cannot be sent to this "
        "database; convert it first"
    )


def _name(keys: Sequence[int | str], index: int) -> str:
    if index >= len(keys):
        return ""
    key = keys[index]
    return f"parameter {key + 1}" if isinstance(key, int) else f"parameter :{key}"


def type_name(kind: type) -> str:
    """Return a type's name as a message shows it.

    Example:
        >>> from decimal import Decimal
        >>> type_name(int), type_name(Decimal)
        ('int', 'decimal.Decimal')
    """
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def _converted(convert: Callable[[Any], Any], plain: Encoders) -> Encoder:
    return lambda value: plain.encode_one(convert(value))


# -- refusals that are the same on every engine ----------------------------------------


def integer(value: int) -> int:
    """Return an `int` of at most 64 bits.

    Raises:
        NumericOutOfRange: it is beyond; a `Decimal` is not.
    """
    if -(2**63) <= value < 2**63:
        return value
    message = "an int beyond 64 bits; send a Decimal"
    raise NumericOutOfRange(message)


def text(value: str) -> str:
    """Return a `str` of characters that every engine has.

    Raises:
        InvalidText: it holds a NUL, which PostgreSQL lacks, or half a surrogate pair.
    """
    if "\0" in value:
        message = "a str with a NUL character, which PostgreSQL cannot hold; send bytes"
        raise InvalidText(message)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            message = "a str with half a surrogate pair, which is no character"
            raise InvalidText(message) from None
    return value


def not_nan(value: float) -> float:
    """Return a `float` that is a number, or infinite.

    Raises:
        NumericOutOfRange: it is NaN.
    """
    if isnan(value):
        message = "a float that is not a number"
        raise NumericOutOfRange(message)
    return value


def naive_time(value: time) -> time:
    """Return a `time` that has no zone.

    Raises:
        InvalidDatetime: it has one, and no column type of all engines has.
    """
    if value.tzinfo is not None:
        message = "an aware time; send a naive one, or a datetime"
        raise InvalidDatetime(message)
    return value


# Texts looked at in one piece: few calls, and no copy of a whole column.
_JOINED = 1000


def _are_integers(values: Sequence[int]) -> bool:
    return -(2**63) <= min(values) and max(values) < 2**63


def _are_texts(values: Sequence[str]) -> bool:
    try:
        for start in range(0, len(values), _JOINED):
            joined = "".join(values[start : start + _JOINED])
            if "\0" in joined or not (joined.isascii() or joined.encode()):
                return False
    except UnicodeEncodeError:
        return False
    return True


def _are_naive(values: Sequence[time]) -> bool:
    return all(value.tzinfo is None for value in values)


# For encoders that only refuse: whether they refuse none of some values, quickly.
_ALL_FIT: dict[Encoder, Callable[[Sequence[Any]], bool]] = {
    integer: _are_integers,
    text: _are_texts,
    not_nan: lambda values: not any(map(isnan, values)),
    naive_time: _are_naive,
}

# How a value of a subclass becomes one of the plain type (an overridden __str__ or
# __int__ is not asked).
_PLAIN: dict[type, Callable[[Any], Any]] = {
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
}

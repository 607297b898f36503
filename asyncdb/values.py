"""Values on their way to the driver: one strict encoder, keyed by exact type.

A dialect's `encoders` say for each Python type how its values go to the driver. One
that is not there is looked up once by its bases (an `Enum` by its value) and
remembered; what has no encoder is refused: no `repr` ever becomes a column's value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

from asyncdb.errors import DataError

# None instead of a function: the value goes as it is.
Encoder = Callable[[Any], Any] | None


class Encoders(dict[type, Encoder]):
    """A dialect's encoders, completed by the subclasses met on the way.

    Args:
        table: exact type -> how its values go to the driver.

    Example:
        >>> from enum import Enum
        >>> Color = Enum("Color", {"RED": "red"})
        >>> Encoders({str: str.upper}).encode([Color.RED])
        ['RED']
    """

    def __init__(self, table: Mapping[type, Encoder]) -> None:
        super().__init__(table)

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
        out = []
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
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        changed = False
        for index, column in enumerate(columns):
            try:
                plain = all(self[kind] is None for kind in set(map(type, column)))
                if not plain:
                    columns[index] = [self.encode_one(value) for value in column]
                    changed = True
            except (LookupError, DataError):
                self._blame(rows, keys)
                raise
        return list(zip(*columns, strict=True)) if changed else rows

    def _blame(self, rows: Sequence[Sequence[Any]], keys: Sequence[int | str]) -> None:
        for number, row in enumerate(rows, 1):
            try:
                self.encode(row, keys)
            except DataError as error:
                error.args = (f"row {number}, {error.args[0]}",)
                raise


def refused(value: Any, where: str = "") -> DataError:
    """Make the error for a value whose type has no encoder."""
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    return DataError(
        f"{where or 'a parameter'} is of type {name}, which cannot be sent to this "
        "database; convert it first"
    )


def _name(keys: Sequence[int | str], index: int) -> str:
    if index >= len(keys):
        return ""
    key = keys[index]
    return f"parameter {key + 1}" if isinstance(key, int) else f"parameter :{key}"


# How a value of a subclass becomes one of the plain type (an overridden __str__ or
# __int__ is not asked).
_PLAIN: dict[type, Callable[[Any], Any]] = {
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
}

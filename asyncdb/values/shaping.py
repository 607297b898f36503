"""Rows of one shape, made into what `into=` names: a function written for each shape.

A row's values are unpacked into variables, looked at, and handed on by position: there
is no loop over columns, no dict and no name look-up for each row. In the text that is
compiled stand positions and the names of a class's own fields; names of columns and
values never do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from keyword import iskeyword
from typing import Any, NamedTuple

from asyncdb.errors import DataError, InterfaceError
from asyncdb.values.conversions import MisfitError
from asyncdb.values.decoders import FAILURES, Decoder
from asyncdb.values.encoding import type_name
from asyncdb.values.targets import Field, Target

Columns = tuple[tuple[str, Any], ...]
# Rows in, objects out.
Shaper = Callable[[Sequence[Any]], list[Any]]


class Column(NamedTuple):
    """A column of the result and where its values go.

    Args:
        name: as the result calls it.
        decoder: what its values become.
        where: the target and field, for messages.
        sure: the engine says that its values are of the decoder's `exact` type, or
            NULL.
    """

    name: str
    decoder: Decoder
    where: str
    sure: bool = False


def matched(target: Target, columns: Columns) -> dict[int, Field | None]:
    """Find the field of each column, by its index.

    Raises:
        InterfaceError: a field without a column, a column without a field, or two of a
            name.
    """
    by_name = {name: field for field in target.fields for name in field.columns}
    found = {i: by_name.get(name) for i, (name, _) in enumerate(columns)}
    taken = [field.name for field in found.values() if field is not None]
    missing = [f.name for f in target.fields if f.required and f.name not in taken]
    extra = [columns[i][0] for i, field in found.items() if field is None]
    twice = [name for name, times in Counter(taken).items() if times > 1]
    twice += [
        name for name, times in Counter(extra).items() if times > 1 and target.open
    ]
    faults = []
    if missing:
        faults.append(f"no column for field {_listed(missing)}")
    if extra and not target.open:
        faults.append(f"no field for column {_listed(extra)}")
    if twice:
        faults.append(f"more than one column for field {_listed(twice)}")
    if faults:
        message = f"the result does not fit {target.shown}: {'; '.join(faults)}"
        raise InterfaceError(message)
    return found


def distinct(shown: str, columns: Columns) -> None:
    """Refuse columns that share a name.

    Raises:
        InterfaceError: some do.
    """
    twice = [
        n for n, times in Counter(name for name, _ in columns).items() if times > 1
    ]
    if twice:
        message = f"the result does not fit {shown}: it has more than one column"
        raise InterfaceError(f"{message} {_listed(twice)}")


def objects(
    target: Target, fields: Mapping[int, Field | None], columns: Sequence[Column]
) -> Shaper:
    """Write the function for a class with fields."""
    names: dict[str, Any] = {"make": target.make}
    if target.mapping:
        items = []
        for i, column in enumerate(columns):
            field = fields[i]
            names[f"k{i}"] = (
                column.name if field is None or field.checked else field.name
            )
            items.append(f"k{i}: {_value(i, column, names)}")
        made = f"{{{', '.join(items)}}}"
        return _compiled(
            made if target.make is None else f"make({made})", columns, names
        )
    at = {field.name: i for i, field in fields.items() if field is not None}
    arguments = []
    gap = False
    for field in target.fields:
        if field.name not in at:
            gap = True  # what follows a default must be named
            continue
        i = at[field.name]
        value = _value(i, columns[i], names)
        named = gap or field.keyword
        if named and (not field.name.isidentifier() or iskeyword(field.name)):
            message = f"{target.shown} cannot be called with the name {field.name!r}"
            raise InterfaceError(message)
        arguments.append(f"{field.name}={value}" if named else value)
    return _compiled(f"make({', '.join(arguments)})", columns, names)


def dicts(columns: Sequence[Column]) -> Shaper:
    """Write the function for dicts."""
    names: dict[str, Any] = {f"k{i}": column.name for i, column in enumerate(columns)}
    items = [f"k{i}: {_value(i, column, names)}" for i, column in enumerate(columns)]
    return _compiled(f"{{{', '.join(items)}}}", columns, names)


def tuples(columns: Sequence[Column]) -> Shaper:
    """Write the function for tuples."""
    names: dict[str, Any] = {}
    items = [f"{_value(i, column, names)}, " for i, column in enumerate(columns)]
    return _compiled(f"({''.join(items)})", columns, names)


def scalars(column: Column) -> Shaper:
    """Write the function for the values of a single column."""
    names: dict[str, Any] = {}
    return _compiled(_value(0, column, names), [column], names)


def _value(i: int, column: Column, names: dict[str, Any]) -> str:
    """Write the expression for a column's value; the text that is hot.

    The type is looked at even where it is most likely right: 20 ns for a value against
    an object that holds something else than it says.
    """
    decoder = column.decoder
    if decoder.convert is None:
        return f"v{i}"
    names[f"d{i}"] = _told(column)
    if decoder.exact is None:
        return (
            f"v{i} if v{i} is None else d{i}(v{i})" if decoder.null else f"d{i}(v{i})"
        )
    if column.sure:
        return f"v{i}" if decoder.null else f"d{i}(v{i}) if v{i} is None else v{i}"
    names[f"t{i}"] = decoder.exact
    null = f" or v{i} is None" if decoder.null else ""
    return f"v{i} if type(v{i}) is t{i}{null} else d{i}(v{i})"


def _compiled(
    expression: str, columns: Sequence[Column], names: dict[str, Any]
) -> Shaper:
    values = "".join(f"v{i}, " for i in range(len(columns)))
    names["type"] = type  # found faster there than among the builtins
    text = f"lambda rows: [{expression} for {values} in rows]"
    shaper: Shaper = eval(text, names)  # noqa: S307  # see this module's docstring
    return shaper


def _told(column: Column) -> Callable[[Any], Any]:
    """Wrap a decoder so that its failures say where."""
    decode, name, where = column.decoder, column.name, column.where
    sources = decode.sources

    def quick(value: Any) -> Any:
        try:
            return sources[type(value)](value)  # type: ignore[index]
        except MisfitError as error:
            why = str(error)
        except FAILURES:
            why = ""  # what it says may hold the value
        raise misfit(value, why)

    def told(value: Any) -> Any:
        try:
            return decode(value)
        except DataError:
            raise  # of a class inside
        except MisfitError as error:
            why = str(error)
        except FAILURES:
            why = ""
        raise misfit(value, why)

    def misfit(value: Any, why: str) -> DataError:
        if value is None:
            message = (
                f"{where}: NULL does not fit {decode.shown}; say {decode.shown} | None"
            )
        else:
            kind = type_name(type(value))
            message = f"{where}: a value of type {kind} does not fit {decode.shown}"
            message += f": {why}" if why else ""
        return DataError(message, columns=(name,))

    return told if sources is None else quick


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, dict.fromkeys(names)))

"""Template strings (PEP 750, Python 3.14): `db.fetchall(t"... WHERE id = {id}")`.

A value becomes a parameter, whatever it is. `{name:i}` becomes a quoted identifier, a
nested template a part of the text; nothing else of an interpolation ever becomes text.

Theory of operation: the template is written as a text with named markers and a mapping,
which then goes the way of every other. A marker that would land in a literal or comment
is not found there, so its name is one too many, and refused. An identifier is checked
by the lexer: it must be one whole token where it was put.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from asyncdb.dialect import Dialect, Lexis
from asyncdb.errors import ParameterError
from asyncdb.sql.lexer import scan
from asyncdb.sql.quoting import quote_identifier

_NAME = "asyncdb_value_"


class Interpolation(Protocol):
    """One `{...}`; `string.templatelib.Interpolation`."""

    @property
    def value(self) -> Any:
        """What the expression gave."""
        ...

    @property
    def conversion(self) -> str | None:
        """`r`, `s`, `a` or nothing."""
        ...

    @property
    def format_spec(self) -> str:
        """What stands behind the colon."""
        ...


@runtime_checkable
class Template(Protocol):
    """`string.templatelib.Template`, or what has its shape."""

    @property
    def strings(self) -> tuple[str, ...]:
        """The text around the interpolations."""
        ...

    @property
    def interpolations(self) -> tuple[Interpolation, ...]:
        """The interpolations."""
        ...


def read_template(
    template: Template, dialect: Dialect, lexis: Lexis
) -> tuple[str, dict[str, Any]]:
    """Write a template as a text with named markers and their values.

    Args:
        template: the template.
        dialect: of the connection, for identifiers.
        lexis: how its session divides text.

    Returns:
        The text and the mapping to bind.

    Raises:
        ParameterError: a conversion, an unknown format spec, or an identifier inside a
            literal or comment.
    """
    values: dict[str, Any] = {}
    names: list[tuple[int, int]] = []
    parts: list[str] = []
    length = 0
    for part, is_name in _parts(template, dialect, values):
        if is_name:
            names.append((length, length + len(part)))
        parts.append(part)
        length += len(part)
    text = "".join(parts)
    if names:
        _check_names(text, names, lexis)
    if any(f":{_NAME}" in string for string in _strings(template)):
        message = f"the text of a template may not hold :{_NAME}"
        raise ParameterError(message)
    return text, values


def _parts(
    template: Template, dialect: Dialect, values: dict[str, Any]
) -> Iterator[tuple[str, bool]]:
    """Give the pieces of the text, and whether each is an identifier of ours."""
    for string, hole in zip(template.strings, template.interpolations, strict=False):
        yield string, False
        if hole.conversion is not None:
            message = f"a template for SQL takes no conversion (!{hole.conversion})"
            raise ParameterError(message)
        if hole.format_spec == "i":
            yield from _identifier(hole.value, dialect)
        elif hole.format_spec:
            message = "a template for SQL knows one format spec, :i for an identifier"
            raise ParameterError(message)
        elif isinstance(hole.value, Template):
            yield from _parts(hole.value, dialect, values)
        else:
            name = f"{_NAME}{len(values)}"
            values[name] = hole.value
            yield f":{name}", False
    yield template.strings[-1], False


def _identifier(value: Any, dialect: Dialect) -> Iterator[tuple[str, bool]]:
    parts = [value] if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not parts:
        message = f":i takes a name or a tuple of names, not a {type(value).__name__}"
        raise ParameterError(message)
    for number, part in enumerate(parts):
        if number:
            yield ".", False
        yield quote_identifier(part, dialect), True


def _strings(template: Template) -> Iterator[str]:
    yield from template.strings
    for hole in template.interpolations:
        if isinstance(hole.value, Template):
            yield from _strings(hole.value)


def _check_names(text: str, names: list[tuple[int, int]], lexis: Lexis) -> None:
    tokens = {(start, end) for kind, start, end in scan(text, lexis) if kind == "name"}
    for start, end in names:
        before = text[start - 1 : start]
        if (start, end) not in tokens or before.isidentifier() or before == "&":
            message = "an identifier (:i) inside a literal, a comment or another name"
            raise ParameterError(message)

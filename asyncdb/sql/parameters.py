"""From the user's text and parameters to the driver's.

`prepare()` reads a text once and keeps what it learned; `arguments()` puts the values
of one call in the order that the driver wants. Values never enter the text here, so
that nothing in a value can be taken for a marker.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import Any

from asyncdb.dialect import Lexis, Placeholder
from asyncdb.errors import MultipleStatements, ParameterError
from asyncdb.sql.lexer import scan
from asyncdb.sql.markers import Marker, MarkerReader, cut, marker_kind
from asyncdb.sql.memberships import Memberships
from asyncdb.sql.outline import Outline
from asyncdb.sql.seams import Neighbours
from asyncdb.sql.statement import Statement, Style

CACHED_TEXTS = 1024
# Longer texts are mostly made by programs for one use, and fill memory.
LONGEST_CACHED = 20_000
_SMALL = 256  # Python has each integer up to this one once

_NO_SEQUENCE = (str, bytes, bytearray, memoryview)
_ONE_BY_ONE = "send them one by one, or those without parameters by executescript()"
_SHOWN = 40  # names in a message, and characters of each


def style_of(params: object) -> Style:
    """How parameters are given: a mapping is named, all else but `None` positional.

    Example:
        >>> from asyncdb.sql import style_of
        >>> style_of(None), style_of([1]), style_of({"a": 1})
        ('none', 'positional', 'named')
    """
    if params is None:
        return "none"
    kind = type(params)
    if kind is list or kind is tuple:
        return "positional"
    return "named" if isinstance(params, Mapping) else "positional"


def prepare(
    sql: str, style: Style, lexis: Lexis, placeholder: Placeholder
) -> Statement:
    """Read a text and rewrite its markers; cached, for texts that are not too long.

    Args:
        sql: the text as the user gave it.
        style: how its parameters are given; with "none" it is sent untouched.
        lexis: how the session divides text.
        placeholder: what a marker becomes.

    Raises:
        ParameterError: a text with parameters cannot be bound for sure.
        MultipleStatements: a text with parameters holds a second statement.

    Example:
        >>> from asyncdb.sql import prepare
        >>> from asyncdb.dialect import Lexis
        >>> statement = prepare("SELECT :a, ':b', :a", "named", Lexis(), "dollar")
        >>> statement.text, statement.order
        ("SELECT $1, ':b', $1", ('a',))
    """
    if len(sql) > LONGEST_CACHED:
        return _read(sql, style, lexis, placeholder)
    return _cached(sql, style, lexis, placeholder)


def _read(sql: str, style: Style, lexis: Lexis, placeholder: Placeholder) -> Statement:
    outline = Outline(sql)
    tokens = scan(sql, lexis)
    text = sql
    pieces: tuple[str, ...] = (sql,)
    keys: tuple[int | str, ...] = ()
    memberships: frozenset[int | str] = frozenset()
    if style == "none":
        deque(outline.watch(tokens), maxlen=0)
    else:
        neighbours = Neighbours(sql, marker_kind(style))
        if placeholder in ("literal", "format"):
            tokens = neighbours.watch(tokens)
        inside = Memberships(sql, marker_kind(style))
        reader = MarkerReader(sql, style, lexis, placeholder)
        markers = reader.read(outline.watch(inside.watch(tokens)))
        if outline.statements > 1:
            message = "a text with parameters holds more than one statement"
            raise MultipleStatements(f"{message}: {_ONE_BY_ONE}", sql=sql)
        pieces = cut(sql, markers, placeholder, neighbours.beside)
        keys = _keys(markers, style)
        memberships = frozenset(keys[number] for number in inside.found)
        text = join(pieces, keys, placeholder)
    return Statement(
        sql=sql,
        style=style,
        text=text,
        pieces=pieces,
        keys=keys,
        # A numbered placeholder is given its value once, however often it stands.
        order=tuple(dict.fromkeys(keys)) if placeholder == "dollar" else keys,
        verb=outline.verb,
        words=frozenset(outline.words),
        names=frozenset(outline.names),
        controls_transaction=outline.controls_transaction,
        multiple=outline.statements > 1,
        memberships=memberships,
    )


_cached = lru_cache(maxsize=CACHED_TEXTS)(_read)


def _keys(markers: list[Marker], style: Style) -> tuple[int | str, ...]:
    names = tuple(name for _, _, name in markers if name is not None)
    if style == "named":
        return names
    count = len(names)
    if _SMALL < count <= LONGEST_CACHED:
        return _positions()[:count]
    return tuple(range(count))


@cache
def _positions() -> tuple[int, ...]:
    """The integers of all cached statements are the same objects."""
    return tuple(range(LONGEST_CACHED))


def join(
    pieces: tuple[str, ...], keys: tuple[int | str, ...], placeholder: Placeholder
) -> str:
    """The text to send: the pieces with placeholders between them."""
    if placeholder == "qmark":
        return "?".join(pieces)
    if placeholder == "format":
        return "%s".join(piece.replace("%", "%%") for piece in pieces)
    if placeholder == "dollar":
        numbers = {key: f"${n}" for n, key in enumerate(dict.fromkeys(keys), 1)}
        between = zip((numbers[key] for key in keys), pieces[1:], strict=True)
        return pieces[0] + "".join(chain.from_iterable(between))
    return "" if keys else pieces[0]


def arguments(statement: Statement, params: object) -> list[Any]:
    """The values of one call in the order of `statement.order`.

    Args:
        statement: what `prepare()` gave for the style of these parameters.
        params: a list, tuple or other sequence, or a mapping with names as keys.

    Raises:
        ParameterError: too few, too many, missing or unknown ones; nothing that can be
            bound. The message has names and counts, never a value.

    Example:
        >>> from asyncdb.sql import arguments, prepare
        >>> from asyncdb.dialect import Lexis
        >>> statement = prepare("SELECT :b, :a, :b", "named", Lexis(), "qmark")
        >>> arguments(statement, {"a": 1, "b": 2})
        [2, 1, 2]
    """
    if statement.style == "positional":
        if type(params) is not list and type(params) is not tuple:
            params = _as_list(params)
        if len(params) != len(statement.order):
            raise _wrong_count(statement, len(params))
        return list(params)
    if statement.style == "named":
        # A plain dict: one that makes up what it lacks would hide a missing name.
        values = params if type(params) is dict else _as_dict(params)
        try:
            found = [values[name] for name in statement.order]
        except KeyError:
            raise _wrong_names(statement, values) from None
        if len(values) != len(set(statement.order)):
            raise _wrong_names(statement, values)
        return found
    if params is None:
        return []
    raise ParameterError("the statement was read as one without parameters")


def _as_list(params: object) -> list[Any]:
    """A sequence that is not a list or tuple itself, if one can be sure of it."""
    if isinstance(params, Sequence) and not isinstance(params, _NO_SEQUENCE):
        return list(params)
    given = type(params).__name__
    if isinstance(params, _NO_SEQUENCE):
        message = f"a {given} is not a list of parameters; for one write [value]"
    elif isinstance(params, Mapping):
        message = "a mapping binds `:name`; this statement was read with `?`"
    else:
        message = f"parameters come as a list, a tuple or a mapping, not as {given}"
    raise ParameterError(message)


def _as_dict(params: object) -> dict[Any, Any]:
    if isinstance(params, Mapping):
        return dict(params)
    given = type(params).__name__
    message = (
        f"this statement was read with `:name`, which a mapping binds, not {given}"
    )
    raise ParameterError(message)


def _wrong_count(statement: Statement, given: int) -> ParameterError:
    count = len(statement.order)
    message = (
        f"the statement takes {count} parameter{'s' * (count != 1)}, {given} given"
    )
    if not count and "%s" in statement.sql:
        message += "; the marker is `?`, not `%s`"
    elif count < given and statement.sql.count("?") > count:
        message += "; a `?` in quotes or a comment is no marker, `??` is a literal one"
    return ParameterError(message)


def _wrong_names(statement: Statement, values: dict[Any, Any]) -> ParameterError:
    wanted = set(statement.order)
    strange = {type(name).__name__ for name in values if not isinstance(name, str)}
    if strange:
        kinds = ", ".join(sorted(strange))
        return ParameterError(f"names of parameters are str, not {kinds}")
    parts = []
    if missing := sorted(map(str, wanted - values.keys())):
        parts.append(f"no value for {_listed(missing)}")
    if unknown := sorted(values.keys() - wanted):
        parts.append(f"no marker for {_listed(unknown)}")
        hidden = [name for name in unknown if f":{name}" in statement.sql]
        if hidden:
            where = "in quotes, a comment or a subscript, or right after a name"
            parts.append(f"`:{hidden[0]}` in the text is no marker: it is {where}")
    return ParameterError("; ".join(parts))


def _listed(names: list[str]) -> str:
    """The names, or the first of very many."""
    shown = ", ".join(name[:_SHOWN] for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"

"""Rows divided into values one after the other: where `splitting` is no way.

A loop over the columns costs as much as what it does there, so there is none: the
function for rows of eight columns says eight times what to do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

from asyncdb.dialects.mysql.protocol.shapes import malformed, read_integer
from asyncdb.dialects.mysql.protocol.splitting import HEADER

# Called with the bytes, the same bytes as Latin-1, a position, and the list that the
# values of whole rows are appended to; returns where what is no whole row begins.
Divide: TypeAlias = Callable[[bytes, str, int, list[Any]], int]

# n is a value's length, or 251 for NULL, or says in how many bytes the length stands.
_VALUE = (
    "{s}[(p := p + 1) : (p := p + n)] if (n := d[p]) < 251"
    " else None if n == 251 and (p := p + 1)"
    " else {s}[(f := long(d, p))[1] : (p := f[0] + f[1])]"
)
_FUNCTION = """
def divide(d, t, position, values):
    size = len(d)
    last = size - 4
    while position < last:
        length, high, first = header(d, position)
        p = position + 4
        end = p + length
        if high:
            if high == 255 and length == 65535:  # a row of several packets
                break
            end += high << 16
        if end > size or (first > 253 and (first == 255 or end - p < 9)):
            break
        values += ({values})
        if p != end:
            raise malformed()
        position = end
    return position
"""


@lru_cache(maxsize=512)
def divider(text: tuple[bool, ...]) -> Divide:
    """Write the function for rows.

    Args:
        text: for each column, whether its values are taken out of the text.

    Returns:
        The function; it raises `InternalError` or `IndexError` for what is no row.
    """
    values = "".join(f"{_VALUE.format(s='t' if one else 'd')}, " for one in text)
    names: dict[str, Any] = {
        "header": HEADER.unpack_from,
        "long": read_integer,
        "malformed": malformed,
    }
    exec(_FUNCTION.format(values=values), names)  # noqa: S102  # of our own words
    divide: Divide = names["divide"]
    return divide

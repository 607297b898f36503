"""For the tables of a `Dialect`: what refuses a bad value, and what reads one back.

`encoders` say how a Python value goes to the database. Those here keep its type and
refuse what no engine of ours takes, so that a program fails alike on all of them:
`integer`, `text`, `not_nan`, `naive_time`, `instant` (which also brings a zone to UTC)
and `json_text` (which makes the text of a dict or list).

`decoders` say what a typed read (`into=`) makes of the engine's own forms: of a number
that stands for a `bool` (`zero_or_one`) or a `timedelta` (`microseconds`), and of JSON
that is text to the client (`JSON_TEXT`); one that cannot raises `MisfitError`. What
texts and numbers become everywhere, such as an ISO text a `date`, is known to the core.

Example:
    >>> from asyncdb.driver import Dialect, values
    >>> facts = Dialect(
    ...     name="mydb",
    ...     encoders={int: values.integer, dict: values.json_text},
    ...     decoders={bool: {int: values.zero_or_one}, **values.JSON_TEXT},
    ... )
    >>> facts.encoders[dict]({"a": [1, None]})
    '{"a": [1, null]}'
"""

from __future__ import annotations

from asyncdb.values.conversions import JSON_TEXT, MisfitError, microseconds, zero_or_one
from asyncdb.values.encoding import integer, naive_time, not_nan, text
from asyncdb.values.rendering import instant, json_text

__all__ = [
    "JSON_TEXT",
    "MisfitError",
    "instant",
    "integer",
    "json_text",
    "microseconds",
    "naive_time",
    "not_nan",
    "text",
    "zero_or_one",
]

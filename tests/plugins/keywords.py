"""Writes asyncdb/options/keywords.py: the options as type checkers see them.

    python -m tests.plugins.keywords

The option classes are where an option is declared; a test holds the file to them.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from dataclasses import fields
from pathlib import Path

from asyncdb.dialects.mysql import MySQLOptions
from asyncdb.dialects.postgresql import PostgreSQLOptions
from asyncdb.dialects.sqlite import SQLiteOptions
from asyncdb.options import ConnectOptions, PoolOptions, ServerOptions

FILE = Path(__file__).resolve().parents[2] / "asyncdb" / "options" / "keywords.py"
_OPTION = re.compile(r"^    (\w+): (.*?)(?=^    \w|^\w|\Z)", re.MULTILINE | re.DOTALL)
CONNECT = (
    ConnectOptions,
    ServerOptions,
    PostgreSQLOptions,
    MySQLOptions,
    SQLiteOptions,
)
HEAD = '''\
"""The options of `connect()` and `create_pool()`, for type checkers and editors.

Made from the option classes by `python -m tests.plugins.keywords`; a test holds it to
them. While running nothing reads it: a driver of somebody else's may have options that
are not here, to be given in the URL or as `**{"name": value}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

from asyncdb.options.declared import Converters, Hook, TargetSessionAttrs, TLSMode
from asyncdb.options.notices import NoticeListener
from asyncdb.options.observers import Observer
from asyncdb.options.settings import Settings


class ConnectKeywords(TypedDict, total=False):
    """What `connect()` takes, on one database or another."""
'''
POOL = '''

class PoolKeywords(ConnectKeywords, total=False):
    """What `create_pool()` takes: the options of a connection, and a pool's."""
'''


def words(kind: type) -> dict[str, str]:
    """What the docstring of an option class says of each option."""
    text = inspect.cleandoc(kind.__doc__ or "")
    args = text[text.index("Args:") + 5 :]
    found = re.findall(
        r"^    (\w+): (.*?)(?=^    \w|^\w|\Z)", args, re.MULTILINE | re.DOTALL
    )
    return {name: " ".join(said.split()) for name, said in found}


def members(kinds: tuple[type, ...]) -> str:
    """The members of a TypedDict, each option once, with its words."""
    text, seen = "", set()
    for kind in kinds:
        said, own = words(kind), inspect.get_annotations(kind)
        for option in fields(kind):
            if option.name not in own or option.name in seen:
                continue
            seen.add(option.name)
            about = said[option.name]
            about = f"{about[0].upper()}{about[1:]}"
            body = textwrap.fill(f'"""{about}"""', 84, break_on_hyphens=False)
            hint = " ".join(str(own[option.name]).split())
            text += f"\n    {option.name}: {hint}\n{textwrap.indent(body, '    ')}\n"
    return text


def render() -> str:
    """The text of the file, before it is formatted."""
    return HEAD + members(CONNECT) + POOL + members((PoolOptions,))


if __name__ == "__main__":
    FILE.write_text(render())

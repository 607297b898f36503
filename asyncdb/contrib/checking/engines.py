"""The texts on the engines: each is prepared, none is run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import asyncdb
from asyncdb.contrib._existing import as_it_is
from asyncdb.contrib.checking.columns import read_columns
from asyncdb.contrib.checking.faults import Fault
from asyncdb.contrib.checking.sources import Found, read_file

# What engines prepare; other statements are not sent at all.
_PREPARED = frozenset(
    ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "VALUES", "REPLACE", "MERGE"]
)
_NAME = "asyncdb_check"
_LINE = re.compile(r"\bat line (\d+)")
_SKIPPED = frozenset([".venv", "venv", "node_modules", "__pycache__", "build", "dist"])


async def check(
    paths: Iterable[str | os.PathLike[str]],
    urls: Sequence[str | asyncdb.DatabaseURL],
    *,
    schema: Iterable[str | os.PathLike[str]] = (),
) -> list[Fault]:
    """Check the SQL of files against the schema of one database or several.

    Args:
        paths: Python sources, SQL files, or folders, in which both are looked for.
        urls: databases that have the schema; each statement must be good on all.
        schema: scripts that are run on each of them before: for throw-away databases,
            such as `sqlite://`.

    Returns:
        What is wrong, by file and line. A fault names the engine where there are
        several.

    Raises:
        ConnectionFailed: without `schema`, a file of SQLite that is not there.
        Error: a database cannot be connected to, or a script of `schema` fails.
        FileNotFoundError: there is no such file.

    Example:
        >>> import asyncio, tempfile
        >>> from asyncdb.contrib.checking import check
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     source = Path(folder) / "app.py"
        ...     _ = source.write_text("db.fetchval('SELECT id FROM users')")
        ...     [fault] = asyncio.run(check([source], ["sqlite://"]))
        >>> fault.line, "users" in fault.message
        (1, True)
    """
    texts: list[Found] = []
    faults: set[Fault] = set()
    for path in _files(paths):
        try:
            texts += read_file(path)
        except SyntaxError as error:
            message = f"the source cannot be read: {error.msg}"
            faults.add(Fault(path, error.lineno or 1, message))
    scripts = _read(schema)
    for url in urls:
        where = asyncdb.DatabaseURL(url)
        # A script of `schema` may make what is not there; nothing else does.
        options = {} if scripts else as_it_is(where)
        async with asyncdb.connect(where, **options) as db:
            for script in scripts:
                await db.executescript(script)
            engine = db.dialect.flavor or db.dialect.name
            before = f"{engine}: " if len(urls) > 1 else ""
            for text in texts:
                for line, message in await _check_text(db, text):
                    faults.add(Fault(text.path, line, before + message))
    return sorted(faults)


def _read(paths: Iterable[str | os.PathLike[str]]) -> list[str]:
    return [Path(path).read_text(encoding="utf-8") for path in paths]


def _files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    for path in map(Path, paths):
        if not path.is_dir():
            yield path
            continue
        for one in sorted(path.rglob("*")):
            wanted = one.suffix in (".py", ".sql") and one.is_file()
            if wanted and _SKIPPED.isdisjoint(one.relative_to(path).parts):
                yield one


async def _check_text(db: asyncdb.Connection, text: Found) -> list[tuple[int, str]]:
    try:
        statements = asyncdb.read_sql(text.sql, db.dialect)
    except asyncdb.Error as error:
        return [_at(text, 1, error)]
    if len(statements) > 1 and text.single:
        message = "there is more than one statement: executescript() runs several"
        return [(text.line, message)]
    found: list[tuple[int, str]] = []
    for one in statements:
        wrong = _parameters(db, text, one)
        if wrong:
            found.append((text.line, wrong))
            continue
        if one.verb not in _PREPARED:
            continue
        try:
            await _prepare(db, one, plain=text.count == 0)
        except asyncdb.DatabaseError as error:
            if not _is_untyped(error, one):
                found.append(_at(text, one.line, error))
        except asyncdb.Error as error:
            found.append(_at(text, one.line, error))
        else:
            found += await _check_target(db, text, one)
    return found


async def _check_target(
    db: asyncdb.Connection, text: Found, one: asyncdb.SQLText
) -> list[tuple[int, str]]:
    if text.into is None:
        return []
    columns = await read_columns(db, one, plain=text.count == 0)
    message = text.into.compare(columns) if columns else None
    return [(text.into.line, message)] if message else []


def _at(text: Found, line: int, error: asyncdb.Error) -> tuple[int, str]:
    """Return the line of the file that an error is about, and what it says."""
    said = str(error.args[0]) if error.args else type(error).__name__
    where = _LINE.search(said)
    inside = line - 1 + (int(where[1]) - 1 if where else 0)
    return text.line + (inside if text.has_lines else 0), said


def _parameters(
    db: asyncdb.Connection, text: Found, one: asyncdb.SQLText
) -> str | None:
    """Say how what the call gives differs from what the statement takes."""
    keys = one.keys
    named = bool(keys) and isinstance(keys[0], str)
    if text.names is not None:
        if not named:
            return "the parameters are a dict, and the statement has no :name"
        missing = sorted(set(map(str, keys)) - text.names)
        return f"no parameter {', '.join(missing)} is given" if missing else None
    if text.count is None or (text.count == 0 and db.dialect.lexis.question_operators):
        return (
            None  # without parameters a text is sent as it is: `?` may be an operator
        )
    if named and text.count:
        return "the parameters are a list, and the statement has :name"
    if len(keys) != text.count:
        return f"the statement takes {len(keys)} parameters, not {text.count}"
    return None


def _is_untyped(error: asyncdb.DatabaseError, one: asyncdb.SQLText) -> bool:
    """Tell whether PostgreSQL wants a type that asyncdb gives a marker by its value."""
    state = error.sqlstate or ""
    by_value = state == "42883" and "unknown" in str(error)
    return bool(one.keys) and (state in ("42P18", "42P08", "42725") or by_value)


async def _prepare(
    db: asyncdb.Connection, one: asyncdb.SQLText, *, plain: bool
) -> None:
    """Have the engine prepare a statement, and forget it."""
    name = db.dialect.name
    if name == "sqlite":
        values: dict[str, None] | list[None] | None = [None] * len(one.keys)
        if one.keys and isinstance(one.keys[0], str):
            values = dict.fromkeys(map(str, one.keys))
        await db.execute(f"EXPLAIN {one.sql}", values if one.keys else None)
    elif name == "postgresql":
        numbers = {key: number for number, key in enumerate(dict.fromkeys(one.keys), 1)}
        sql = one.pieces[0] + "".join(
            f"${numbers[key]}{piece}"
            for key, piece in zip(one.keys, one.pieces[1:], strict=True)
        )
        await db.execute(f"PREPARE {_NAME} AS {one.sql if plain else sql}")
        await db.execute(f"DEALLOCATE {_NAME}")
    elif name == "mysql":
        await db.execute(f"PREPARE {_NAME} FROM ?", ["?".join(one.pieces)])
        await db.execute(f"DEALLOCATE PREPARE {_NAME}")
    else:
        message = f"check() knows no way to prepare on {name}"
        raise asyncdb.NotSupportedError(message)

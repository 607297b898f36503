"""Opening a file as `mode` and `immutable` say, and why it cannot be opened.

Rules:

1. Whoever only reads writes nothing beside the file. SQLite by itself would: to read a
   file in WAL mode it makes the files `-wal` and `-shm` where they are not there. So
   that is looked at first, and `readonly_shm` keeps it from writing to those that
   others have made. `immutable` looks at none of them, and must not when they hold what
   the file lacks.
2. The file itself is never opened and closed here: on POSIX systems that takes away the
   locks that other connections of this process hold on it.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from asyncdb.driver import Role
from asyncdb.errors import ConnectionFailed, URLError

if TYPE_CHECKING:
    from asyncdb.dialects.sqlite import SQLiteOptions

MEMORY = ":memory:"
_IOERR, _CANTOPEN, _READONLY_ROLLBACK = 10, 14, 776
# What SQLite calls a path in a URI, decoded: file:app.db, file:/app.db, file:///app.db
_URI = re.compile(r"file:(?://(?:localhost)?(?=/))?")
# How a journal begins whose changes have to be taken back.
_HOT = bytes.fromhex("d9d505f920a163d7")
_WAL = b"\2\2"  # bytes 18 and 19 of a file in WAL mode


def find_path(database: str | None, options: SQLiteOptions) -> str:
    """Return the path to open, `MEMORY` for none.

    Args:
        database: the URL's.
        options: the connection's.

    Raises:
        URLError: a database in memory is to be read only, or to be there already.
    """
    path = database or MEMORY
    if match := _URI.match(path):
        path = path[match.end() :]
    if options.mode == "memory":
        return MEMORY
    if path == MEMORY and (options.mode != "rwc" or options.immutable):
        raise URLError(
            "a database in memory is new and empty: neither immutable nor a mode but"
            " rwc goes with it"
        )
    return path


def open_file(
    path: str, options: SQLiteOptions, *, timeout: float
) -> sqlite3.Connection:
    """Open a file, or a database in memory.

    Args:
        path: as `find_path` gives it.
        options: the connection's.
        timeout: seconds for SQLite's own waiting.

    Raises:
        ConnectionFailed: something would have to be written first.
        sqlite3.Error: SQLite says no.
    """
    target = path
    if options.immutable:
        _refuse_leftovers(Path(path).resolve())
        target = f"file:{quote(path)}?mode=ro&immutable=1"
    elif options.mode == "ro":
        target = f"file:{quote(path)}?mode=ro&readonly_shm=1"
    elif options.mode == "rw":
        target = f"file:{quote(path)}?mode=rw"
    raw = sqlite3.connect(
        target,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
        uri=target is not path,
    )
    if options.only_reads:
        try:
            if not options.immutable:
                _refuse_writing(Path(path).resolve())
            # SQLite opens what belongs to a file with the first look into it.
            raw.execute("PRAGMA schema_version").fetchall()
        except BaseException:
            raw.close()
            raise
    return raw


def explain(error: sqlite3.Error, path: str, options: SQLiteOptions) -> str:
    """Say why a file cannot be opened, as far as SQLite and the file system tell.

    Args:
        error: SQLite's.
        path: as `find_path` gives it.
        options: the connection's.

    Returns:
        A sentence that names the file or the folder; "" when nothing is found.
    """
    code, file = getattr(error, "sqlite_errorcode", 0), Path(path)
    found = why_not(path)
    if found or code & 0xFF != _CANTOPEN:
        return found
    if not file.exists() and (options.mode != "rwc" or options.immutable):
        mode = "immutable" if options.immutable else f'mode="{options.mode}"'
        return f"the file {file} does not exist, and {mode} does not create it"
    return (
        f"SQLite cannot open {file}, or cannot write what it needs beside it: where"
        " nothing can be written, immutable=True reads a file that nobody changes"
    )


def why_not(path: str) -> str:
    """Say why a file cannot be opened, as far as the file system tells.

    Args:
        path: as `find_path` gives it.

    Returns:
        A sentence that names the file or the folder; "" when nothing is found.
    """
    if path in (MEMORY, ""):
        return ""
    file, folder = Path(path), Path(path).parent
    where = "" if file.is_absolute() else f" (seen from {Path.cwd()})"
    try:
        if file.is_dir():
            return f"{file} is a folder, and not a database file{where}"
        if not folder.exists():
            return f"the folder {folder}{os.sep} does not exist{where}: create it first"
        if not folder.is_dir():
            return f"{folder} is a file, and not a folder{where}"
        if file.exists() and not file.is_file():
            return f"{file} is a device or a pipe, and not a regular file"
    except OSError as error:  # no permission on the way, or too long a name
        return f"the file {file} cannot be opened{where}: {error.strerror}"
    if file.exists() and not os.access(file, os.R_OK):
        return f"this process has no permission to read {file}{where}"
    if not file.exists() and not os.access(folder, os.W_OK | os.X_OK):
        return f"this process has no permission to create a file in {folder}{where}"
    return ""


def refusal(error: sqlite3.Error, path: str) -> ConnectionFailed | None:
    """Make the error for what SQLite's code does not call a failure to connect."""
    code, file = getattr(error, "sqlite_errorcode", 0), Path(path)
    if code == _READONLY_ROLLBACK:  # to be written back before anybody reads it
        return _unfinished(_beside(file, "journal"))
    if code & 0xFF == _IOERR and file.is_dir():
        return ConnectionFailed(why_not(path))
    return None


def _refuse_leftovers(file: Path) -> None:
    """Refuse a file that lacks what lies beside it.

    Raises:
        ConnectionFailed: there are changes that `immutable` would not see.
    """
    wal, journal = _beside(file, "wal"), _beside(file, "journal")
    if _size(wal):
        raise _unfinished(wal)
    if _size(journal):
        with journal.open("rb") as opened:
            if opened.read(len(_HOT)) == _HOT:
                raise _unfinished(journal)


def _refuse_writing(file: Path) -> None:
    """Refuse a file in WAL mode, open by now, that lacks what SQLite needs to read it.

    Raises:
        ConnectionFailed: SQLite would write it.
    """
    wal = _beside(file, "wal")
    if wal.is_file() and _beside(file, "shm").is_file():
        return
    if _begin(file, 20)[18:] != _WAL:
        return
    if _size(wal):
        raise _unfinished(wal)
    raise ConnectionFailed(
        f"{file} is in WAL mode and nobody has it open: to read it SQLite would write"
        ' files beside it, which mode="ro" does not. immutable=True reads it, if nobody'
        ' can write to it meanwhile; so does mode="rw"'
    )


def _begin(file: Path, size: int) -> bytes:
    """Read the first bytes of a file that SQLite has open, by its descriptor."""
    if os.name == "nt":  # locks belong to a handle there
        with file.open("rb") as opened:
            return opened.read(size)
    wanted = file.stat()
    listing = Path("/dev/fd")
    numbers = [int(f.name) for f in listing.iterdir()] if listing.is_dir() else []
    for number in numbers:
        with contextlib.suppress(OSError):  # it may be closed by now, and be another's
            if os.path.samestat(os.fstat(number), wanted):
                found = os.pread(number, size, 0)
                if os.path.samestat(os.fstat(number), wanted):
                    return found
    return b""


def _beside(file: Path, kind: str) -> Path:
    return file.with_name(f"{file.name}-{kind}")


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _unfinished(file: Path) -> ConnectionFailed:
    return ConnectionFailed(
        f"{file} holds changes that have not come into the database's file: a writer"
        ' has it open, or was cut off. mode="rw" brings them in, which is a write'
    )


class Place(NamedTuple):
    """Where a database is: in a file, which has no standby, or in memory.

    Args:
        path: the file's, or `MEMORY`.
        role: what it was when it was opened, where that was asked.
    """

    path: str
    role: Role | None = None

    def read_role(self) -> Role:
        """Look whether the file can be written to."""
        return Role(read_only=self.path != MEMORY and not os.access(self.path, os.W_OK))

    def opened(self, options: SQLiteOptions) -> Place:
        """Note what it is for a session with these options, if somebody asks."""
        if options.target_session_attrs == "any":
            return self
        role = Role(read_only=True) if options.only_reads else self.read_role()
        return self._replace(role=role)

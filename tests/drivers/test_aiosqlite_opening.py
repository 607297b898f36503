"""A file that cannot be opened: SQLite has a code for it, and we have the reason."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import asyncdb
from asyncdb.drivers.aiosqlite.files import why_not


async def refusal(path: Path | str) -> asyncdb.DatabaseError:
    """Return the error for a file."""
    with pytest.raises(asyncdb.OperationalError) as caught:
        await asyncdb.connect(f"sqlite:///{path}")
    assert isinstance(caught.value.code, str)
    return caught.value


async def test_no_such_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the folder, and for a relative one from where it was seen."""
    error = await refusal(tmp_path / "sub" / "app.db")
    assert type(error) is asyncdb.ConnectionFailed
    assert f"the folder {tmp_path / 'sub'}{os.sep} does not exist: create" in str(error)

    monkeypatch.chdir(tmp_path)
    error = await refusal("sub/app.db")
    assert f"the folder sub{os.sep} does not exist (seen from {tmp_path})" in str(error)


async def test_a_folder(tmp_path: Path) -> None:
    """A folder is none of the files that can be opened."""
    error = await refusal(tmp_path)

    assert type(error) is asyncdb.ConnectionFailed
    assert f"{tmp_path} is a folder, and not a database file" in str(error)


async def test_a_file_in_the_way(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "sub").write_text("x")
    error = await refusal(tmp_path / "sub" / "app.db")

    assert f"{tmp_path / 'sub'} is a file, and not a folder" in str(error)


async def test_a_name_too_long(tmp_path: Path) -> None:
    """What the system says of it."""
    error = await refusal(tmp_path / ("x" * 300))

    assert re.search("cannot be opened: File name too long", str(error))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no devices as files")
async def test_a_device() -> None:
    """Opened, but not to be written to as a database must be: an I/O error."""
    error = await refusal("/dev/null")

    assert type(error) is asyncdb.OperationalError
    assert str(error.code).startswith("SQLITE_IOERR")
    assert "/dev/null is a device or a pipe, and not a regular file" in str(error)


async def test_another_kind_of_file(tmp_path: Path) -> None:
    """A file that is no database is left as it was."""
    path = tmp_path / "notes.txt"
    path.write_text("s3cret " * 1000)
    error = await refusal(path)

    assert "SQLITE_NOTADB" == error.code
    assert "the file is not a database" in str(error)
    assert "s3cret " * 1000 == path.read_text()


_AS_NOBODY = """
import os, sys
from asyncdb.drivers.aiosqlite.files import why_not
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
print(why_not(sys.argv[1]), why_not(sys.argv[2]), sep="|")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are others there")
def test_no_permission() -> None:
    """A folder that may not be written to, a file that may not be read."""
    with tempfile.TemporaryDirectory() as name:  # pytest's is closed to others
        folder = Path(name)
        folder.chmod(0o755)
        closed, hidden = folder / "closed", folder / "hidden.db"
        closed.mkdir(0o555)
        hidden.touch(0o000)
        done = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, str(closed / "new.db"), str(hidden)],
            capture_output=True,
            text=True,
            check=True,
        )
    new, old = done.stdout.strip().split("|")

    assert f"no permission to create a file in {closed}" in new
    assert f"no permission to read {hidden}" in old


def test_nothing_is_wrong(tmp_path: Path) -> None:
    """Where nothing is found, nothing is said."""
    (tmp_path / "app.db").touch()

    for path in (":memory:", "", str(tmp_path / "app.db"), str(tmp_path / "new.db")):
        assert "" == why_not(path)

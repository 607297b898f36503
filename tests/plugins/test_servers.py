"""The throw-away servers keep their own promises."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import asyncdb
from tests.plugins.databases import engines
from tests.plugins.servers import Server

ROOT = Path(__file__).resolve().parents[2]


async def test_a_commit_survives_a_killed_server(server: Server) -> None:
    """What was committed before SIGKILL is there afterwards, on the same port."""
    url = server.url
    async with asyncdb.connect(url) as db:
        await db.execute("CREATE TABLE kept (a INTEGER)")
        await db.execute("INSERT INTO kept VALUES (7)")
        server.kill()
        server.restart()

    async with asyncdb.connect(url) as db:
        assert await db.fetchval("SELECT a FROM kept") == 7


def test_a_server_is_known_by_its_state(server: Server) -> None:
    """`is_running` and `repr` tell a server that is down."""
    assert server.is_running
    assert f"pid {server.pid}" in repr(server)

    server.shutdown()

    assert not server.is_running
    assert repr(server).endswith("down>")


@engines("postgresql", fixture="server")
def test_no_server_outlives_its_parent(server: Server) -> None:
    """A parent that dies without a word leaves no folder and no server behind."""
    code = (
        "import os; from pathlib import Path; from tests.plugins import servers;"
        f"own = servers.start('postgresql', program=Path({str(server.program)!r}));"
        "own.freeze(); print(own.folder, flush=True); os._exit(1)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    folder = Path(done.stdout.strip())
    patience = time.monotonic() + 10
    while folder.exists() and time.monotonic() < patience:
        time.sleep(0.01)  # another process's end gives no event
    assert folder.name.startswith("asyncdb-")
    assert not folder.exists()

"""Alembic runs from an asyncdb URL, on every database, one migrator at a time."""

from __future__ import annotations

import asyncio
import io
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import alembic
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import IntegrityError

import asyncdb
from asyncdb.contrib.alembic import migration_lock
from tests.faults.test_tls import start as start_server
from tests.plugins import binaries
from tests.plugins.certificates import Certificates
from tests.plugins.databases import SECOND_DRIVERS, SERVERS, engines

ENV = """
from sqlalchemy import Column, DateTime, ForeignKey, Integer, MetaData, String, Table
from asyncdb.contrib.alembic import migrate

metadata = MetaData()
Table("mig_users", metadata, Column("id", Integer, primary_key=True),
      Column("name", String(50), nullable=False), Column("at", DateTime(timezone=True)))
Table("mig_posts", metadata, Column("id", Integer, primary_key=True),
      Column("user_id", ForeignKey("mig_users.id", name="mig_posts_user")))
{more}

def ours(name, kind, parents):
    return kind != "table" or name.startswith("mig_")

migrate(metadata, {url!r}, version_table="mig_version", include_name=ours)
"""
MORE = 'metadata.tables["mig_users"].append_column(Column("email", String(90)))'
FAILING = """
def upgrade() -> None:
    op.create_table("mig_users", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("INSERT INTO mig_users (id) VALUES (1)")
    op.execute("INSERT INTO mig_users (id) VALUES (1)")
"""
FAILING_ROWS = """
def upgrade() -> None:
    op.execute("INSERT INTO mig_users (id, name) VALUES (1, 'a')")
    op.execute("INSERT INTO mig_users (id, name) VALUES (1, 'b')")
"""
POSTGRESQL_SESSION = """
def upgrade() -> None:
    ask = op.get_bind().exec_driver_sql
    ask("SELECT pg_sleep(0.5)")
    assert "UTC" != ask("SHOW TimeZone").scalar()
    assert "7s" == ask("SHOW lock_timeout").scalar()
    row = ask("SELECT '[1]'::jsonb AS j, 'a\\b' AS b, 1.5::numeric AS n").one()
    assert ([1], "a\\b", 1.5) == (row.j, row.b, row.n)
"""
MYSQL_SESSION = """
def upgrade() -> None:
    ask = op.get_bind().exec_driver_sql
    ask("SELECT 1 FROM (SELECT SLEEP(0.5)) AS t")
    assert ask("SELECT @@sql_mode = @@GLOBAL.sql_mode").scalar()
    assert ask("SELECT @@time_zone = @@GLOBAL.time_zone").scalar()
    assert (7, 0) == ask("SELECT @@lock_wait_timeout, @@autocommit").one()
    hard = "a\\\\'\\"; --"
    assert hard == op.get_bind().execute(sa.text("SELECT :v"), {"v": hard}).scalar()
    assert "x" == ask('SELECT "x"').scalar()
"""
ENCRYPTED = """
def upgrade() -> None:
    ask = op.get_bind().exec_driver_sql
    if op.get_bind().dialect.name == "postgresql":
        assert ask("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").scalar()
    else:
        assert ask("SHOW STATUS LIKE 'Ssl_cipher'").one()[1]
"""
SLOW = "import time\n\n\ndef upgrade() -> None:\n    time.sleep(1)\n"


@dataclass
class Project:
    """A folder with migrations of one database."""

    folder: Path
    url: str

    def write(self, more: str = "") -> None:
        """Write the env.py, whose tables have what `more` adds."""
        text = ENV.format(url=self.url, more=more)
        (self.folder / "migrations" / "env.py").write_text(text)

    def run(self, name: str, *args: str, **options: bool) -> str:
        """Run one of Alembic's commands, and return what it says."""
        said = io.StringIO()
        config = Config(self.folder / "alembic.ini", stdout=said)
        config.output_buffer = said
        getattr(command, name)(config, *args, **options)
        return said.getvalue()

    def tables(self) -> set[str]:
        """The tables that the database has, of those that it may have."""

        async def look() -> set[str]:
            found = set()
            async with asyncdb.connect(self.url) as db:
                for name in ("mig_users", "mig_posts"):
                    try:
                        await db.execute(f"SELECT * FROM {name}")
                        found.add(name)
                    except asyncdb.UndefinedTable:
                        pass
            return found

        return asyncio.run(look())


@pytest.fixture
def project(database_url: str, tmp_path: Path) -> Iterator[Project]:
    """A new project for each engine in turn; what it made is dropped."""
    yield start(database_url, tmp_path / "project")
    asyncio.run(_drop(database_url))


def start(url: str, folder: Path) -> Project:
    """Start a project in a new folder."""
    (folder / "migrations" / "versions").mkdir(parents=True)
    template = Path(alembic.__file__).parent / "templates" / "generic"
    shutil.copy(template / "script.py.mako", folder / "migrations")
    ini = f"[alembic]\nscript_location = {folder}/migrations\npath_separator = os\n"
    (folder / "alembic.ini").write_text(ini)
    made = Project(folder, url)
    made.write()
    return made


async def _drop(url: str) -> None:
    async with asyncdb.connect(url) as db:
        for name in ("mig_posts", "mig_users", "mig_version"):
            await db.execute(f"DROP TABLE IF EXISTS {name}")


def test_up_down_and_up_again(project: Project) -> None:
    """Generated migrations go up, down and up again, and leave nothing to change."""
    project.run("revision", "first", autogenerate=True)
    project.run("upgrade", "head")
    assert {"mig_users", "mig_posts"} == project.tables()

    project.run("downgrade", "base")
    assert set() == project.tables()

    project.run("upgrade", "head")
    project.run("check")
    assert {"mig_users", "mig_posts"} == project.tables()


def test_a_change_is_found_and_made(project: Project) -> None:
    """A column added to the metadata becomes a migration, and is taken back again."""
    project.run("revision", "first", autogenerate=True)
    project.run("upgrade", "head")
    project.write(MORE)
    project.run("revision", "second", autogenerate=True)
    project.run("upgrade", "head")
    project.run("check")

    project.run("downgrade", "-1")
    project.run("upgrade", "head")

    assert {"mig_users", "mig_posts"} == project.tables()


def test_offline_mode_writes_the_text(project: Project) -> None:
    """`--sql` writes what would be done, and does nothing."""
    project.run("revision", "first", autogenerate=True)

    said = project.run("upgrade", "head", sql=True)

    assert "CREATE TABLE mig_users" in said
    assert set() == project.tables()


def test_two_migrators_at_once_do_not_collide(project: Project) -> None:
    """Of two processes that start together one migrates, the other finds it done."""
    project.run("revision", "first", autogenerate=True)
    # So slow that the other comes while it runs.
    (script,) = (project.folder / "migrations" / "versions").glob("*_first.py")
    text = script.read_text().replace("def upgrade() -> None:\n", SLOW)
    script.write_text(text)
    line = [sys.executable, "-m", "alembic", "-c", str(project.folder / "alembic.ini")]
    line += ["upgrade", "head"]

    both = [
        subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=50)[0].decode() for process in both]

    assert [0, 0] == [process.returncode for process in both], said
    assert {"mig_users", "mig_posts"} == project.tables()


def test_the_text_of_offline_mode_runs(project: Project) -> None:
    """What `--sql` writes makes the tables, and the version that Alembic then finds."""
    project.run("revision", "first", autogenerate=True)
    said = project.run("upgrade", "head", sql=True)

    async def follow() -> None:
        async with asyncdb.connect(project.url) as db:
            for statement in said.split(";"):
                lines = [x for x in statement.splitlines() if not x.startswith("--")]
                if sql := "\n".join(lines).strip():
                    await db.execute(sql)

    asyncio.run(_drop(project.url))
    asyncio.run(follow())
    assert {"mig_users", "mig_posts"} == project.tables()
    project.run("check")


def test_an_error_midway(project: Project) -> None:
    """A migration that fails says so and frees the lock; then it can be mended."""
    project.run("revision", "first")
    (script,) = (project.folder / "migrations" / "versions").glob("*_first.py")
    good = script.read_text()
    script.write_text(good.partition("def upgrade")[0] + FAILING)

    with pytest.raises(IntegrityError):
        project.run("upgrade", "head")

    async def free() -> bool:
        async with (
            migration_lock(project.url, wait=1),
            asyncdb.connect(project.url) as db,
        ):
            return db.dialect.supports_transactional_ddl

    whole = asyncio.run(free())
    assert (set() if whole else {"mig_users"}) == project.tables()
    asyncio.run(_drop(project.url))
    script.write_text(good)
    project.run("upgrade", "head")


def test_rows_of_a_failed_migration(project: Project) -> None:
    """What a migration changed in rows before it failed is taken back."""
    project.run("revision", "first", autogenerate=True)
    project.run("upgrade", "head")
    project.run("revision", "rows")
    (script,) = (project.folder / "migrations" / "versions").glob("*_rows.py")
    script.write_text(script.read_text().partition("def upgrade")[0] + FAILING_ROWS)

    with pytest.raises(IntegrityError):
        project.run("upgrade", "head")

    async def count() -> int:
        async with asyncdb.connect(project.url) as db:
            return await db.fetchval("SELECT count(*) FROM mig_users", into=int)

    assert 0 == asyncio.run(count())


@engines(*SERVERS, *SECOND_DRIVERS)
def test_the_session_of_a_migration(project: Project, database_url: str) -> None:
    """A migration has the server's own session, but for what the URL says."""
    postgresql = database_url.startswith("postgresql")
    project.url += "?statement_timeout=0.3&max_size=2&lock_timeout=7"
    project.write()
    project.run("revision", "first")
    (script,) = (project.folder / "migrations" / "versions").glob("*_first.py")
    script.write_text(
        script.read_text().partition("def upgrade")[0]
        + (POSTGRESQL_SESSION if postgresql else MYSQL_SESSION)
    )

    project.run("upgrade", "head")


@pytest.mark.parametrize("engine", [*SERVERS, *SECOND_DRIVERS])
def test_by_tls(engine: str, certificates: Certificates, tmp_path: Path) -> None:
    """A URL with tls_ca migrates, by TLS, with a server that is who it says it is."""
    name, _, driver = engine.partition("+")
    if binaries.find(name) is None:
        pytest.skip(f"no {name} of our own")
    with start_server(name, certificates.good, certificates.authority) as server:
        url = server.url.replace("://", f"+{driver}://", 1) if driver else server.url
        project = start(f"{url}?tls=verify-full", tmp_path / "project")
        with pytest.raises(asyncdb.ConnectionFailed, match="not trusted"):
            project.run("upgrade", "head")
        project.url += f"&tls_ca={certificates.ca}"
        project.write()
        project.run("revision", "first", autogenerate=True)
        said = project.run("upgrade", "head", sql=True)
        (script,) = (project.folder / "migrations" / "versions").glob("*_first.py")
        text = script.read_text().replace("def upgrade() -> None:\n", ENCRYPTED)
        script.write_text(text)
        project.run("upgrade", "head")
        project.run("check")

        assert {"mig_users", "mig_posts"} == project.tables()
        assert "CREATE TABLE mig_users" in said


async def test_the_lock_is_not_waited_for_for_ever(database_url: str) -> None:
    """Who waits too long for another migrator is told so; then it is free again."""
    async with migration_lock(f"{database_url}?max_size=3"):
        with pytest.raises(asyncdb.LockTimeout, match="another migration"):
            async with migration_lock(database_url, wait=0.3):
                pass
    async with migration_lock(database_url, wait=5):
        pass


async def test_a_database_in_memory_needs_no_lock() -> None:
    """Nobody else can see a database in memory."""
    async with migration_lock("sqlite://"), migration_lock("sqlite://", wait=0.1):
        pass

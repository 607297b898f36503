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
    folder = tmp_path / "project"
    (folder / "migrations" / "versions").mkdir(parents=True)
    template = Path(alembic.__file__).parent / "templates" / "generic"
    shutil.copy(template / "script.py.mako", folder / "migrations")
    ini = f"[alembic]\nscript_location = {folder}/migrations\npath_separator = os\n"
    (folder / "alembic.ini").write_text(ini)
    made = Project(folder, database_url)
    made.write()
    yield made
    asyncio.run(_drop(database_url))


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

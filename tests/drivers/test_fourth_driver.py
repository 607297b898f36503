"""A driver of a stranger: installed beside asyncdb, found by its entry point."""

from __future__ import annotations

import importlib
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import asyncdb
from asyncdb.driver.registry import forget_drivers
from asyncdb.testing.conformance import Conformance

SOURCE = Path(__file__).resolve().parents[1] / "fourth_driver"


def install(target: Path) -> None:
    """Put the package where pip would: its file, and what its metadata says of it."""
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    shutil.copy(SOURCE / "asyncdb_fourth.py", target)
    name = project["name"].replace("-", "_")
    metadata = target / f"{name}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\n"
        f"Version: {project['version']}\n"
    )
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{key} = {value}" for key, value in entries.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines))


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The package is there for this file's tests."""
    target = tmp_path_factory.mktemp("site-packages")
    install(target)
    sys.path.insert(0, str(target))
    importlib.invalidate_caches()
    forget_drivers()
    yield
    sys.path.remove(str(target))
    sys.modules.pop("asyncdb_fourth", None)
    importlib.invalidate_caches()
    forget_drivers()


async def test_it_is_found() -> None:
    """An installed package serves its scheme, and its rows are asyncdb's."""
    async with asyncdb.connect("fourth://") as db:
        assert "fourth" == db.dialect.name
        row = await db.fetchone("SELECT ? AS a, ? AS b, '$1' AS c", [1, "x"])
        assert {"a": 1, "b": "x", "c": "$1"} == row.asdict()


def test_it_is_known() -> None:
    """An unknown scheme is told what is known, the stranger included."""
    with pytest.raises(asyncdb.UnknownDriver, match="fourth"):
        asyncdb.connect("fifth://")


class TestFourthDriver(Conformance):
    """It passes every chapter of the kit."""

    @pytest.fixture
    def database_url(self, tmp_path: Path) -> str:
        """A new file."""
        return f"fourth:///{tmp_path / 'test.db'}"

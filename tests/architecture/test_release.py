"""What is published, as far as it can be told without building it: see `make dist`."""

from __future__ import annotations

import email
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.plugins.release import building, lowest, pythons, trials

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())[
    "project"
]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
IN_REPOSITORY = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="an unpacked archive is not built from"
)
HOME = "https://forge.example/owner/name"
# Inner parts of these are used, so that a version nobody has tried is not installed.
# asyncpg's are asked for one by one instead: drivers/asyncpg/inner.py.
BOUNDED = {"aiosqlite", "aiomysql", "PyMySQL", "asyncmy", "psycopg", "sqlalchemy"}


def requirements() -> list[Requirement]:
    """What the extras ask for, but for asyncdb's own other extras."""
    found = [Requirement(text) for texts in EXTRAS.values() for text in texts]
    return [one for one in found if one.name != PROJECT["name"]]


def check_workflow(path: Path) -> subprocess.CompletedProcess[str]:
    """Check a workflow by GitHub's schema."""
    schema = ["--builtin-schema", "vendor.github-workflows"]
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *schema, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )


# -- what is promised of libraries -----------------------------------------------------


def test_every_extra_is_tried() -> None:
    """`make dist` installs each extra, and each part of contrib comes with one."""
    folder = ROOT / "asyncdb/contrib"
    contrib = {path.stem for path in folder.glob("[a-z]*.py")}
    contrib |= {path.parent.name for path in folder.glob("[a-z]*/__init__.py")}
    contrib -= {"user"}  # a part of `users`
    tried = {m for trial in trials.TRIALS.values() for m in trial.modules}

    assert {"", *EXTRAS} == set(trials.TRIALS)
    assert contrib == {
        module.removeprefix("asyncdb.contrib.")
        for module in tried
        if module.startswith("asyncdb.contrib.")
    }


def test_libraries_with_used_inner_parts_are_bounded() -> None:
    """A library whose inner parts are used has an upper bound, the others have none."""
    above = {
        requirement.name
        for requirement in requirements()
        if any(one.operator == "<" for one in requirement.specifier)
    }

    assert BOUNDED == above


def test_every_library_has_a_lower_bound() -> None:
    """Each names the lowest version that works, and `make dist` can install it."""
    metadata = email.message_from_string(
        "".join(f"Requires-Dist: {one}\n" for one in requirements())
    )

    assert {one.name for one in requirements()} == {
        bound.partition("==")[0] for bound in lowest.lowest(metadata)
    }


# -- what is published, and where ------------------------------------------------------


def test_a_build_without_an_address_cannot_be_uploaded() -> None:
    """The project in the tree is private to every registry, and names no address."""
    assert "Private :: Do Not Upload" in PROJECT["classifiers"]
    assert "urls" not in PROJECT


@IN_REPOSITORY
def test_an_address_is_stamped_into_the_copy(tmp_path: Path) -> None:
    """With an address a copy may be uploaded, names it, and its README leads there."""
    building.copy(tmp_path, HOME)

    text = (tmp_path / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    readme = (tmp_path / "README.md").read_text()
    there = f"{HOME}/blob/v{PROJECT['version']}"
    assert "Private :: Do Not Upload" not in project["classifiers"]
    assert HOME == project["urls"]["Source"]
    assert f"{there}/docs/changelog.md" == project["urls"]["Changelog"]
    assert f"]({there}/docs/index.md)" in readme
    assert [] == building.LINK.findall(readme)
    for url in project["urls"].values():
        name = url.partition(f"{there}/")[2]
        assert not name or (tmp_path / name).exists()


@pytest.mark.parametrize(
    "home",
    ["forge.example/a/b", "http://forge.example/a/b", f"{HOME}?x", "https://a/b"],
)
def test_what_is_no_address_is_refused(home: str) -> None:
    """The address of a project begins with https:// and ends with owner and name."""
    with pytest.raises(building.RefusedError, match="--home"):
        building.refuse_strange(home)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository that is ready to be published."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/changelog.md").write_text("## 1.2.3 (2026-11-28)\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in ("init -q", "add .", "commit -qm x --no-gpg-sign"):
        subprocess.run([*git, *command.split()], check=True)
    return tmp_path


def test_what_is_ready_is_published(repository: Path) -> None:
    """Tag, version, changelog and address fit."""
    building.refuse_unready("v1.2.3", HOME, repository)


def test_what_is_not_ready_is_refused(repository: Path) -> None:
    """All reasons are told at once."""
    (repository / "docs/changelog.md").write_text("## 1.2.3 (unreleased)\n")

    with pytest.raises(building.RefusedError) as caught:
        building.refuse_unready("v1.2.4", None, repository)

    told = str(caught.value)
    for reason in ("--home", "the tag is v1.2.4", "changelog.md has no", "committed"):
        assert reason in told


@IN_REPOSITORY
def test_this_one_is_not_ready_by_its_name_alone() -> None:
    """A tag of another version is refused in this repository, too."""
    with pytest.raises(building.RefusedError, match=r"v0\.0\.0"):
        building.refuse_unready("v0.0.0", HOME)


# -- the machinery ---------------------------------------------------------------------


def test_pythons_are_found(tmp_path: Path) -> None:
    """This one is found; a program that is none, and one that is too old, are not."""
    stand_in = tmp_path / "python3.12"
    stand_in.write_text("#!/bin/sh\necho 3 10 1 cpython\n")
    stand_in.chmod(stand_in.stat().st_mode | stat.S_IXUSR)

    found = pythons.find()

    mine = ".".join(map(str, sys.version_info[:2]))
    assert mine in {number.rpartition(".")[0] for number in found}
    with pytest.raises(FileNotFoundError, match=r"3\.11 or later"):
        pythons.find([str(stand_in)])
    with pytest.raises(FileNotFoundError, match=r"3\.11 or later"):
        pythons.find([str(tmp_path / "none")])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow(path: Path) -> None:
    """A workflow is valid by GitHub's schema, and may only read."""
    result = check_workflow(path)

    assert 0 == result.returncode, result.stdout
    assert "\npermissions: { contents: read }\n" in path.read_text()


def test_a_wrong_workflow_is_seen(tmp_path: Path) -> None:
    """The checker bites: a key that GitHub does not know fails it."""
    wrong = tmp_path / "wrong.yml"
    text = WORKFLOWS[0].read_text()
    wrong.write_text(text.replace("runs-on:", "run-on:"))

    assert 1 == check_workflow(wrong).returncode


def test_one_job_alone_may_publish() -> None:
    """No workflow may write, but for the token of the job that publishes."""
    found = [
        line.partition("permissions:")[2].split("#")[0].strip()
        for path in WORKFLOWS
        for line in path.read_text().splitlines()
        if "permissions:" in line
    ]

    assert ["{ contents: read }"] * 3 + ["{ id-token: write }"] == sorted(found)

"""The two archives, built of the tracked files alone, and what must be true of them."""

from __future__ import annotations

import email
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# What a registry refuses to take; a build for publishing is without it.
PRIVATE = re.compile(r'^ *"Private :: Do Not Upload".*\n', re.MULTILINE)
# A link of the README to another file of the repository.
LINK = re.compile(r"\]\((?!https?:|#)")
CHANGES = "docs/changelog.md"
# Where one finds what, on a forge with GitHub's addresses.
URLS = {
    "Homepage": "{home}",
    "Source": "{home}",
    "Documentation": "{home}/blob/v{version}/docs/index.md",
    "Changelog": "{home}/blob/v{version}/docs/changelog.md",
    "Issues": "{home}/issues",
    "Security": "{home}/blob/v{version}/.github/SECURITY.md",
}


class RefusedError(Exception):
    """What is built must not be published as it is; the message says why."""


@dataclass(frozen=True)
class Archives:
    """The two files that are published.

    Args:
        sdist: the source distribution.
        wheel: the wheel, built of it.
    """

    sdist: Path
    wheel: Path

    def metadata(self) -> Message:
        """Read what the wheel says of itself."""
        with zipfile.ZipFile(self.wheel) as archive:
            [name] = [
                n for n in archive.namelist() if n.endswith(".dist-info/METADATA")
            ]
            return email.message_from_bytes(archive.read(name))


def tracked(root: Path = ROOT) -> list[str]:
    """List the files of the repository, as they lie in the work tree.

    Raises:
        RefusedError: it is no repository, such as an unpacked archive.
    """
    if not (root / ".git").exists():
        raise RefusedError(f"{root} is no git repository: build from one")
    listing = _git(root, "ls-files", "-z")
    return sorted(n for n in listing.split("\0") if n and (root / n).is_file())


def version(root: Path = ROOT) -> str:
    """Read the version of the distribution."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def refuse_unready(tag: str, home: str | None, root: Path = ROOT) -> None:
    """Refuse to build for publishing what is not ready for it.

    Args:
        tag: the one that is published, such as `v0.1.0`.
        home: where the repository is, as `https://host/owner/name`.
        root: the repository.

    Raises:
        RefusedError: with all reasons.
    """
    now = version(root)
    reasons = []
    if not home:
        reasons.append(
            "nobody says where the project is: --home https://host/owner/name"
        )
    if tag != f"v{now}":
        reasons.append(f"the tag is {tag}, and pyproject.toml says {now}")
    if changed := _git(root, "status", "--porcelain"):
        reasons.append(f"the work tree is not what is committed:\n{changed}")
    heading = rf"^## {re.escape(now)} \(\d{{4}}-\d\d-\d\d\)$"
    if not re.search(heading, (root / CHANGES).read_text(), re.MULTILINE):
        reasons.append(f"{CHANGES} has no line '## {now} (YYYY-MM-DD)'")
    if reasons:
        raise RefusedError("not to be published:\n* " + "\n* ".join(reasons))


def refuse_strange(home: str) -> str:
    """Return the address of the project without a slash at its end.

    Raises:
        RefusedError: it is no address of a repository.
    """
    bare = home.removesuffix("/")
    if not re.fullmatch(r"https://[\w.-]+\.[\w-]+(/[\w.~-]+){2,}", bare):
        raise RefusedError(f"--home: {home!r} is no https://host/owner/name")
    return bare


def copy(target: Path, home: str | None = None, root: Path = ROOT) -> None:
    """Copy the tracked files; with an address, stamp it into the copy.

    Args:
        target: a new folder.
        home: where the repository is; without one the copy is not for publishing.
        root: the repository.
    """
    for name in tracked(root):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target / name)
    if home is None:
        return
    now = version(root)
    urls = [
        f'{name} = "{url.format(home=home, version=now)}"' for name, url in URLS.items()
    ]
    project = target / "pyproject.toml"
    text = PRIVATE.sub("", project.read_text())
    project.write_text("\n".join([text, "[project.urls]", *urls, ""]))
    readme = target / "README.md"
    readme.write_text(LINK.sub(f"]({home}/blob/v{now}/", readme.read_text()))


def build(source: Path, target: Path) -> Archives:
    """Build the source distribution, and of that the wheel.

    Args:
        source: a copy of the tracked files.
        target: a new folder for the archives.
    """
    command = ["-m", "build", "--quiet", "--outdir", str(target), str(source)]
    subprocess.run([sys.executable, *command], check=True)
    return found(target)


def found(folder: Path) -> Archives:
    """Find the two archives in a folder.

    Raises:
        AssertionError: it has not one of each.
    """
    sdists, wheels = [*folder.glob("*.tar.gz")], [*folder.glob("*.whl")]
    assert (1, 1) == (len(sdists), len(wheels)), f"{folder} has not one archive of each"
    return Archives(sdists[0].absolute(), wheels[0].absolute())


def check(archives: Archives, source: Path) -> None:
    """Check the archives: by twine, check-wheel-contents and our own lists.

    Args:
        archives: what was built.
        source: the copy that they were built of.

    Raises:
        CalledProcessError: a tool found a fault, and has said which.
        AssertionError: a list found one.
    """
    files = [str(archives.sdist), str(archives.wheel)]
    run = [sys.executable, "-m"]
    subprocess.run(
        [*run, "twine", "--no-color", "check", "--strict", *files], check=True
    )
    toplevel = "--toplevel=asyncdb,_asyncdb_command.py,_asyncdb_pytest.py"
    subprocess.run([*run, "check_wheel_contents", toplevel, files[1]], check=True)

    expected = {str(p.relative_to(source)) for p in source.rglob("*") if p.is_file()}
    with tarfile.open(archives.sdist) as archive:
        found = {m.name.partition("/")[2] for m in archive.getmembers() if m.isfile()}
    _same("source distribution", expected | {"PKG-INFO"}, found)

    packed = {n for n in expected if n.startswith("asyncdb/")}
    packed |= {"_asyncdb_command.py", "_asyncdb_pytest.py"}
    with zipfile.ZipFile(archives.wheel) as archive:
        names = set(archive.namelist())
    notes = {n for n in names if ".dist-info/" in n}
    _same("wheel", packed, names - notes)
    assert "asyncdb/py.typed" in names, "the wheel has no asyncdb/py.typed"
    said = {n.partition("/")[2] for n in notes}
    wanted = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    _same("wheel's .dist-info", wanted, said)


def _same(where: str, expected: set[str], found: set[str]) -> None:
    lacks, more = sorted(expected - found), sorted(found - expected)
    assert not lacks, f"the {where} lacks {', '.join(lacks[:9])}"
    assert not more, f"the {where} has {', '.join(more[:9])}, which nobody put there"


def _git(root: Path, *command: str) -> str:
    run = ["git", "-C", str(root), *command]
    return subprocess.run(run, capture_output=True, text=True, check=True).stdout

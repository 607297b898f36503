"""Drivers are found through entry points, loaded once, and checked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest

from asyncdb.driver.registry import find_driver, forget_drivers
from asyncdb.errors import InterfaceError, MissingDriver, UnknownDriver
from asyncdb.url import DatabaseURL

Install = Callable[..., None]

WHOLE = """
loads.append(1)
class Whole:
    dialect = options = None
    async def connect(self, url, options): ...
    def translate(self, error): ...
driver = Whole()
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution with one module and some entry points."""
    monkeypatch.syspath_prepend(tmp_path)

    def install_one(dist: str, code: str, **names: str) -> None:
        info = tmp_path / f"{dist}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {dist}\nVersion: 1.0\n")
        lines = [f"{name.replace('__', '+')} = {at}" for name, at in names.items()]
        text = "\n".join(["[asyncdb.drivers]", *lines, ""])
        (info / "entry_points.txt").write_text(text)
        (tmp_path / f"{dist}.py").write_text("loads = []\n" + code)
        forget_drivers()

    yield install_one
    forget_drivers()
    for name in {path.stem for path in tmp_path.glob("*.py")} & sys.modules.keys():
        del sys.modules[name]


def test_a_driver_is_found_by_its_scheme(install: Install) -> None:
    """The entry point's name is the scheme, or the scheme with the driver."""
    install(
        "xdb_one",
        WHOLE + "other = Whole()",
        xdb="xdb_one:driver",
        xdb__o="xdb_one:other",
    )
    module = sys.modules[type(find_driver(DatabaseURL("xdb://h/d"))).__module__]
    assert find_driver(DatabaseURL("XDB://h")) is module.driver
    assert find_driver(DatabaseURL("xdb+o://h")) is module.other


def test_a_driver_is_looked_up_once(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second URL of a scheme costs no look at what is installed."""
    install("xdb_once", WHOLE, xdb="xdb_once:driver")
    first = find_driver(DatabaseURL("xdb://h"))
    monkeypatch.setattr(metadata, "entry_points", None)
    assert find_driver(DatabaseURL("xdb://other")) is first
    with pytest.raises(UnknownDriver):
        find_driver(DatabaseURL("xdbnot://h"))


def test_an_unknown_scheme_lists_the_known_ones(install: Install) -> None:
    """The error has all names in order, and the one that was perhaps meant."""
    install("xdb_two", WHOLE, xbdb="xdb_two:driver", xadb="xdb_two:driver")
    with pytest.raises(UnknownDriver) as caught:
        find_driver(DatabaseURL("xbdbb://user:S3CRET@h/d"))
    text = str(caught.value)
    assert text.startswith("no driver serves xbdbb://; known: ")
    known = text.partition("known: ")[2].partition(";")[0].split(", ")
    assert known == sorted(known)
    assert {"xadb", "xbdb"} <= set(known)
    assert not [one for one in known if one == "fake" or one.endswith("+testing")]
    assert text.endswith("; did you mean xbdb://?")
    assert "S3CRET" not in text
    with pytest.raises(UnknownDriver, match=r"xbdb\+no://"):
        find_driver(DatabaseURL("xbdb+no://h"))


def test_without_any_driver_the_installation_is_named(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no entry point exists at all, the error says how they come to exist."""
    monkeypatch.setattr(metadata, "entry_points", lambda **_: ())
    forget_drivers()
    with pytest.raises(UnknownDriver, match="asyncdb-toolkit must be installed"):
        find_driver(DatabaseURL("sqlite://"))


def test_a_missing_driver_is_said_by_the_driver(install: Install) -> None:
    """A driver's own MissingDriver, which knows the extra, comes through as it is."""
    code = "from asyncdb.errors import MissingDriver\nraise MissingDriver('get it')"
    install("xdb_own", code, xdb="xdb_own:driver")
    with pytest.raises(MissingDriver, match=r"^get it$"):
        find_driver(DatabaseURL("xdb://h"))


def test_a_missing_library_is_a_missing_driver(install: Install) -> None:
    """An ImportError names the module that is missing, and stays as the cause."""
    install("xdb_lib", "import nosuchlibrary.part", xdb="xdb_lib:driver")
    with pytest.raises(MissingDriver) as caught:
        find_driver(DatabaseURL("xdb://h"))
    assert "nosuchlibrary is missing" in str(caught.value)
    assert "see what xdb_lib needs" in str(caught.value)
    assert isinstance(caught.value.__cause__, ImportError)


def test_a_failure_is_not_kept(install: Install, tmp_path: Path) -> None:
    """A library that is installed later is found without a restart."""
    install("xdb_late", "import xdb_latelib\n" + WHOLE, xdb="xdb_late:driver")
    with pytest.raises(MissingDriver):
        find_driver(DatabaseURL("xdb://h"))
    (tmp_path / "xdb_latelib.py").write_text("")
    sys.path_importer_cache.clear()
    find_driver(DatabaseURL("xdb://h"))


@pytest.mark.parametrize(
    ("at", "code", "words"),
    [
        ("xdb_bad:nothing", WHOLE, "'xdb_bad:nothing', which is not there"),
        ("xdb_bad:Whole", WHOLE, "is a class; the entry point names an instance"),
        ("xdb_bad:loads", WHOLE, "has no connect, dialect, options, translate"),
        ("xdb_bad:driver", WHOLE + "del Whole.translate", "has no translate"),
    ],
)
def test_what_is_no_driver_is_refused(
    install: Install, at: str, code: str, words: str
) -> None:
    """A wrong entry point fails when it is loaded, and says what is wrong with it."""
    install("xdb_bad", code, xdb=at)
    with pytest.raises(InterfaceError, match="xdb://") as caught:
        find_driver(DatabaseURL("xdb://h"))
    assert words in str(caught.value)


def test_two_distributions_cannot_serve_one_scheme(install: Install) -> None:
    """Which of two drivers would win is not left to the order of folders."""
    install("xdb_a", WHOLE, xdb="xdb_a:driver")
    install("xdb_b", WHOLE, xdb="xdb_b:driver", xother="xdb_b:driver")
    with pytest.raises(
        InterfaceError, match=r"\(xdb_a, xdb_b\): uninstall all but one"
    ):
        find_driver(DatabaseURL("xdb://h"))
    find_driver(DatabaseURL("xother://h"))


def test_the_same_entry_twice_is_one(install: Install) -> None:
    """A second copy of a distribution's metadata does no harm."""
    install("xdb_c", WHOLE, xdb="xdb_c:driver")
    install("xdb_d", WHOLE, xdb="xdb_c:driver")
    find_driver(DatabaseURL("xdb://h"))

"""From a URL's scheme to its driver, through entry points and nothing else.

An entry of the group `asyncdb.drivers` is called like the URLs it serves (`postgresql`,
or `postgresql+asyncpg`) and names one object that satisfies `Driver`. asyncdb's own
drivers use the same door as everybody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from asyncdb.driver import Driver
from asyncdb.errors import InterfaceError, MissingDriver, UnknownDriver
from asyncdb.url import DatabaseURL

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["GROUP", "find_driver", "forget_drivers"]

GROUP = "asyncdb.drivers"


def find_driver(url: DatabaseURL) -> Driver:
    """Find the driver for a URL; each is loaded once in a process.

    Args:
        url: its scheme, with its driver where it names one, is the entry's name.

    Returns:
        The driver.

    Raises:
        UnknownDriver: no installed distribution serves the scheme.
        MissingDriver: the library under the driver is not installed.
        InterfaceError: the entry point is broken, or several distributions serve the
            scheme.

    Example:
        >>> from asyncdb import DatabaseURL
        >>> try:
        ...     find_driver(DatabaseURL("nosuch://host/shop"))
        ... except UnknownDriver as error:
        ...     print(str(error).partition(";")[0].partition(",")[0])
        no driver serves nosuch://
    """
    return _load(f"{url.scheme}+{url.driver}" if url.driver else url.scheme)


def forget_drivers() -> None:
    """Forget what was found, for tests that install and remove drivers.

    Example:
        >>> forget_drivers()
    """
    _entries.cache_clear()
    _load.cache_clear()


@cache
def _entries() -> Mapping[str, tuple[EntryPoint, ...]]:
    # Here: it is a third of what `import asyncdb` would take.
    from importlib import metadata  # noqa: PLC0415

    # Looked up once: reading the metadata of all that is installed takes milliseconds.
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for entry in metadata.entry_points(group=GROUP):
        others = found.get(entry.name, ())
        # The same entry twice (an editable install over an installed one) is one.
        if all(entry.value != other.value for other in others):
            found[entry.name] = (*others, entry)
    return MappingProxyType(found)


# Failures are not kept: what was missing may be there at the next call.
@cache
def _load(name: str) -> Driver:
    entries = list(_entries().get(name, ()))
    if not entries:
        raise UnknownDriver(_unknown(name))
    if len(entries) > 1:
        makers = sorted({e.dist.name if e.dist else e.value for e in entries})
        raise InterfaceError(
            f"{name}:// is served by several distributions ({', '.join(makers)}):"
            " uninstall all but one"
        )
    try:
        driver = entries[0].load()
    except ImportError as exc:
        raise MissingDriver(_missing(entries[0], exc)) from exc
    except AttributeError as exc:
        raise InterfaceError(
            f"the entry point of {name}:// names {entries[0].value!r},"
            " which is not there"
        ) from exc
    return _check(driver, entries[0])


def _check(driver: Any, entry: EntryPoint) -> Driver:
    where = f"the driver of {entry.name}:// ({entry.value})"
    if isinstance(driver, type):
        # A class has the members too, but calling them would fail much later.
        raise InterfaceError(f"{where} is a class; the entry point names an instance")
    # __abstractmethods__: every member of the contract is abstract, and typing's own
    # list of a protocol's members is public from Python 3.13 only.
    members = sorted(getattr(Driver, "__abstractmethods__"))  # noqa: B009  # pyright
    missing = [member for member in members if not hasattr(driver, member)]
    if missing:
        raise InterfaceError(f"{where} has no {', '.join(missing)}")
    found: Driver = driver
    return found


def _unknown(name: str) -> str:
    known = sorted(
        name
        for name, found in _entries().items()
        if not all(entry.value.startswith("asyncdb.testing.") for entry in found)
    )
    if not known:
        return (
            f"no driver serves {name}://, and no driver at all is found:"
            " asyncdb-toolkit must be installed with pip (in a checkout: pip install"
            " -e .) for its drivers' entry points to exist"
        )
    from difflib import get_close_matches  # noqa: PLC0415  # slow, for this alone

    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}://?" if near else ""
    return f"no driver serves {name}://; known: {', '.join(known)}{hint}"


def _missing(entry: EntryPoint, exc: ImportError) -> str:
    # A good driver says by itself which extra to install; this is for the others.
    text = f"the driver of {entry.name}:// ({entry.value}) cannot be imported"
    if exc.name:
        text += f": {exc.name} is missing or broken"
    return text + (f"; see what {entry.dist.name} needs" if entry.dist else "")

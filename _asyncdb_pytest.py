"""The pytest plug-in's door: options and fixtures; all else is imported when used.

It stands beside the package, not in it: pytest imports it in every run of everybody who
has asyncdb installed, and `import asyncdb` would be a part of each. What the fixtures
do is in `asyncdb.testing`; how to use them: docs/how-to/test-your-application.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import asyncdb
    from asyncdb.testing.any_loop import AnyLoopPool
    from asyncdb.testing.copies import Schema
    from asyncdb.testing.pytest import Sandboxes
    from asyncdb.testing.sandbox import Sandbox

_DEFAULT = "sqlite"
_MARKER = (
    "asyncdb(*targets): run with the fixtures of asyncdb on each of these databases, "
    'such as "sqlite", "postgresql", "mariadb", or URLs of servers'
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the settings."""
    group = parser.getgroup("asyncdb", "databases for tests, by asyncdb")
    group.addoption(
        "--asyncdb-url",
        action="append",
        metavar="TARGET",
        help="database to test on, instead of those of the ini-file; may be repeated: "
        "sqlite, postgresql, mariadb, mysql, or a server's URL",
    )
    group.addoption(
        "--asyncdb-require",
        action="store_true",
        help="fail, do not skip, tests for whose database there is no server",
    )
    parser.addini("asyncdb_url", "the database to test on (default: sqlite)")
    parser.addini("asyncdb_urls", "the databases to test on, each in turn", type="args")
    parser.addini("asyncdb_schema", "file with the SQL that makes a test's database")
    parser.addini(
        "asyncdb_rollback_timeout",
        "seconds a connection of asyncdb_rollback waits for another one",
        default="5",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker; refuse settings that contradict each other."""
    config.addinivalue_line("markers", _MARKER)
    if config.getini("asyncdb_url") and config.getini("asyncdb_urls"):
        message = "give asyncdb_url or asyncdb_urls, not both"
        raise pytest.UsageError(message)


def _targets(config: pytest.Config) -> list[str]:
    """Return what to test on, where a test does not say it itself."""
    found: list[str] = list(config.getoption("--asyncdb-url") or ())
    found = found or list(config.getini("asyncdb_urls"))
    return found or [str(config.getini("asyncdb_url") or _DEFAULT)]


def _ids(targets: list[str]) -> list[str]:
    """Name the targets without their passwords."""
    names = [target.partition("://")[0] for target in targets]
    return [
        f"{name}-{number}" if names.count(name) > 1 else name
        for number, name in enumerate(names, 1)
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes a fixture of ours once for each database."""
    if "_asyncdb_target" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("asyncdb")
    targets = list(marker.args) if marker else _targets(metafunc.config)
    if marker or len(targets) > 1:
        metafunc.parametrize(
            "_asyncdb_target",
            targets,
            indirect=True,
            scope="session",
            ids=_ids([str(target) for target in targets]),
        )


@pytest.fixture(scope="session")
def _asyncdb_target(request: pytest.FixtureRequest) -> Any:
    """What the test runs on; a URL as an object that hides its password."""
    target: Any = getattr(request, "param", None) or _targets(request.config)[0]
    if "://" not in str(target):
        return target
    from asyncdb import DatabaseURL

    return DatabaseURL(target)


@pytest.fixture(scope="session")
def _asyncdb_sandboxes(pytestconfig: pytest.Config) -> Iterator[Sandboxes]:
    """Those of this run: they stay until its end, in whatever order tests come."""
    from asyncdb.testing.pytest import Sandboxes

    with Sandboxes(
        patience=float(pytestconfig.getini("asyncdb_rollback_timeout")),
        require=bool(pytestconfig.getoption("--asyncdb-require")),
    ) as all_of_them:
        yield all_of_them


@pytest.fixture(scope="session")
def asyncdb_schema(pytestconfig: pytest.Config) -> Schema:
    """What each test's database is made from: override it, with `scope="session"`.

    Returns a script, a `pathlib.Path` of one, an async function that is given a
    connection, or a plain function that is given the URL (to have Alembic migrate,
    say). By default it is the file that the ini-file names as `asyncdb_schema`.
    """
    named = pytestconfig.getini("asyncdb_schema")
    return pytestconfig.rootpath / named if named else None


@pytest.fixture(scope="session")
def asyncdb_options() -> dict[str, Any]:
    """Options of `asyncdb.create_pool` for the pools given to tests: override it."""
    return {}


@pytest.fixture(scope="session")
def asyncdb_sandbox(
    _asyncdb_sandboxes: Sandboxes, _asyncdb_target: Any, asyncdb_schema: Schema
) -> Sandbox:
    """What makes databases: for those who want several, or one for each example.

    `with asyncdb_sandbox.rollback() as pool` is what `asyncdb_rollback` gives, wherever
    one wants it: in a Hypothesis test, once for each example.
    """
    return _asyncdb_sandboxes.get(_asyncdb_target, asyncdb_schema)


@pytest.fixture
def asyncdb_url(asyncdb_sandbox: Sandbox) -> Iterator[asyncdb.DatabaseURL]:
    """The URL of a clean database of this test's own: for `create_app(asyncdb_url)`."""
    with asyncdb_sandbox.database() as url:
        yield url


@pytest.fixture
def asyncdb_pool(
    asyncdb_sandbox: Sandbox,
    asyncdb_url: asyncdb.DatabaseURL,
    asyncdb_options: dict[str, Any],
) -> Iterator[AnyLoopPool]:
    """A pool on the clean database of `asyncdb_url`, for any event loop."""
    with asyncdb_sandbox.pool(asyncdb_url, **asyncdb_options) as pool:
        yield pool


@pytest.fixture
def asyncdb_rollback(
    asyncdb_sandbox: Sandbox, asyncdb_options: dict[str, Any]
) -> Iterator[AnyLoopPool]:
    """A pool on one open transaction, rolled back after the test; for any event loop.

    What the application commits are savepoints. DDL is refused on MySQL and MariaDB,
    where it commits.
    """
    with asyncdb_sandbox.rollback(**asyncdb_options) as pool:
        yield pool

"""The pytest plug-in, in the test-suites of others.

`suite/` is an application with its tests, written so that each fails where another test
has left something behind; here it runs under each of the plug-ins for async tests.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from asyncdb.testing.servers import programs
from tests.plugins.databases import SERVERS

SUITE = Path(__file__).parent / "suite"
TARGETS = ["sqlite", *(name for name in SERVERS if programs.find(name))]
TESTS = 26  # in check_asyncio.py
STRICT = """
[pytest]
strict = true
asyncio_mode = {mode}
asyncio_default_fixture_loop_scope = function
filterwarnings = error
timeout = 60
asyncdb_urls = {targets}
"""


@pytest.fixture
def suite(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """A folder with the application, and nothing of this run's environment."""
    for engine in SERVERS:
        monkeypatch.delenv(f"ASYNCDB_TEST_{engine.upper()}_URL", raising=False)
    for name in ("shop", "expected", "web"):
        shutil.copy(SUITE / f"{name}.py", pytester.path)
    take(pytester, "conftest_of_suite", "conftest")
    return pytester


def take(suite: pytest.Pytester, name: str, as_name: str) -> None:
    """Take one more file of the suite."""
    shutil.copy(SUITE / f"{name}.py", suite.path / f"{as_name}.py")


def run(
    suite: pytest.Pytester,
    *args: str,
    mode: str = "auto",
    targets: str = "sqlite",
    files: tuple[str, ...] = (),
) -> pytest.RunResult:
    """Run tests of the suite, with warnings as errors, in a process of their own."""
    for name in files:
        take(suite, f"check_{name}", f"test_{name}")
    suite.makefile(".ini", pytest=STRICT.format(mode=mode, targets=targets))
    # schemathesis takes longer to import than the tests take.
    return suite.runpytest_subprocess("-q", "-p", "no:schemathesis", *args, timeout=100)


def test_pytest_asyncio_on_every_engine(suite: pytest.Pytester) -> None:
    """Functions, modules and sessions with loops, web clients and Hypothesis: no leak.

    On each engine in turn by one line of the ini-file.
    """
    files = ("asyncio", "web", "examples")

    done = run(suite, targets=" ".join(TARGETS), files=files)

    done.assert_outcomes(passed=(TESTS + 6 + 2) * len(TARGETS))


def test_pytest_asyncio_in_strict_mode(suite: pytest.Pytester) -> None:
    """The fixtures are nobody's async fixtures: strict mode knows them."""
    run(suite, mode="strict", files=("asyncio",)).assert_outcomes(passed=TESTS)


def test_anyio(suite: pytest.Pytester) -> None:
    """anyio's plug-in alone, whose fixtures and tests share a task, is enough."""
    suite.makefile(".ini", pytest="[pytest]\nstrict = true\nfilterwarnings = error\n")
    take(suite, "check_anyio", "test_anyio")

    done = suite.runpytest_subprocess("-q", "-p", "no:asyncio", "-p", "no:randomly")

    done.assert_outcomes(passed=6)


def test_workers_have_databases_of_their_own(
    suite: pytest.Pytester, databases: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers of xdist on one server: neither sees the other's rows."""
    targets = "sqlite"
    if "postgresql" in TARGETS:
        url = databases.url("postgresql")  # type: ignore[attr-defined]
        monkeypatch.setenv("ASYNCDB_TEST_POSTGRESQL_URL", url)
        targets = "sqlite postgresql"

    done = run(suite, "-n", "2", targets=targets, files=("asyncio",))

    done.assert_outcomes(passed=TESTS * len(targets.split()))


def test_the_suite_bites(suite: pytest.Pytester) -> None:
    """With fixtures that clean nothing up, the same suite fails."""
    take(suite, "leaky", "conftest")

    # Not the test that leaves a transaction open: the others would wait for its lock.
    done = run(suite, "-p", "no:randomly", "-k", "not leaves", files=("asyncio",))

    outcomes = done.parseoutcomes()
    assert outcomes.get("failed", 0) >= 15
    # What one makes by oneself is clean, whatever others do.
    assert outcomes.get("passed", 0) >= 1


TEST = """
def test_it(asyncdb_url):
    print("on", asyncdb_url.scheme)
"""


def test_nothing_is_imported_for_others(pytester: pytest.Pytester) -> None:
    """A run that uses none of the fixtures does not import asyncdb."""
    pytester.makepyfile("""
        import sys

        def test_it():
            assert not [name for name in sys.modules if name.startswith("asyncdb")]
    """)

    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)


def quickly(pytester: pytest.Pytester, *args: str) -> pytest.RunResult:
    """Run in this process, where no test is async and none looks at warnings."""
    return pytester.runpytest_inprocess("-p", "no:asyncio", "-p", "no:randomly", *args)


def test_a_marker_chooses_engines(pytester: pytest.Pytester) -> None:
    """`pytest.mark.asyncdb(...)` runs a test on these; their names are its ids."""
    pytester.makepyfile(
        "import pytest\n@pytest.mark.asyncdb('sqlite', 'sqlite+aiosqlite')" + TEST
    )

    done = quickly(pytester, "-v")

    done.assert_outcomes(passed=2)
    done.stdout.fnmatch_lines(["*test_it[[]sqlite]*", "*test_it[[]sqlite+aiosqlite]*"])


def test_the_command_line_goes_before_the_ini_file(pytester: pytest.Pytester) -> None:
    """`--asyncdb-url` replaces what the ini-file says; one database gives no id."""
    pytester.makepyfile(TEST)
    pytester.makeini("[pytest]\nasyncdb_urls = postgresql mariadb")

    done = quickly(pytester, "-v", "--asyncdb-url=sqlite")

    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["*::test_it PASSED*"])


def test_a_script_in_the_ini_file(pytester: pytest.Pytester) -> None:
    """`asyncdb_schema` names a file that makes the tables."""
    pytester.makeini("[pytest]\nasyncdb_schema = schema.sql")
    (pytester.path / "schema.sql").write_text("CREATE TABLE t (a INTEGER);")
    pytester.makepyfile("""
        import asyncio

        def test_it(asyncdb_rollback):
            asyncio.run(asyncdb_rollback.execute("INSERT INTO t VALUES (1)"))
    """)

    quickly(pytester, "-q").assert_outcomes(passed=1)


def test_without_a_server(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests are skipped with what to do; `--asyncdb-require` has them fail."""
    monkeypatch.delenv("ASYNCDB_TEST_MYSQL_URL", raising=False)
    monkeypatch.delenv("ASYNCDB_MYSQLD", raising=False)
    pytester.makepyfile(TEST)

    skipped = quickly(pytester, "-rs", "--asyncdb-url=mysql")
    failed = quickly(pytester, "--asyncdb-url=mysql", "--asyncdb-require")

    skipped.assert_outcomes(skipped=1)
    skipped.stdout.fnmatch_lines(["*no mysql on this machine*ASYNCDB_TEST_MYSQL_URL*"])
    failed.assert_outcomes(errors=1)


def test_no_password_is_shown(pytester: pytest.Pytester) -> None:
    """A URL's password is in no id and in no traceback, also where nobody answers."""
    pytester.makepyfile(
        "import pytest\nPLACE = '@127.0.0.1:1/shop'\n"
        "URLS = ['postgresql://ann:s3cr' + 'et' + PLACE] * 2\n"
        "@pytest.mark.asyncdb(*URLS)" + TEST
    )

    done = quickly(pytester, "-v")

    done.assert_outcomes(errors=2)
    assert "s3cret" not in done.stdout.str() + done.stderr.str()
    done.stdout.fnmatch_lines(["*test_it[[]postgresql-1]*", "*ConnectionFailed*"])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("asyncdb_url = oracle", "*'oracle' is neither a URL nor one of: sqlite*"),
        (
            "asyncdb_url = a\nasyncdb_urls = b",
            "*asyncdb_url or asyncdb_urls, not both*",
        ),
        ("asyncdb_schema = nowhere.sql", "*nowhere.sql*"),
    ],
)
def test_a_wrong_setting_is_told(
    pytester: pytest.Pytester, line: str, said: str
) -> None:
    """What cannot be meant is an error that names it, once per test."""
    pytester.makepyfile(TEST)
    pytester.makeini(f"[pytest]\n{line}")

    done = quickly(pytester)

    assert done.ret != 0
    assert any(lines for lines in [done.stdout.lines, done.stderr.lines])
    (done.stderr if "both" in said else done.stdout).fnmatch_lines([said])

"""The rooms of the core, and the tests that belong to each: the fastest first."""

from __future__ import annotations

from dataclasses import dataclass

TIMEOUT = 150  # seconds for all tests of one mistake

# Of the tests that run on each engine, those that need no server.
_HERE = '-k "(unit or sqlite or fake) and not million"'
_KIT = "tests/conformance"


@dataclass(frozen=True)
class Room:
    """Some files, and the tests that must notice a mistake in them."""

    files: tuple[str, ...]
    tests: str


ROOMS = {
    "sql": Room(
        ("asyncdb/sql/*.py",),
        "tests/unit/test_outline.py tests/unit/test_parameters.py "
        "tests/unit/test_lexer.py tests/unit/test_marker_properties.py "
        f"{_KIT} tests/drivers/test_template_strings.py {_HERE}",
    ),
    "values": Room(
        ("asyncdb/values/*.py",),
        "tests/unit/test_decoding.py tests/unit/test_arguments.py "
        f"tests/unit/test_mysql_literals.py {_KIT} tests/values {_HERE}",
    ),
    "connection": Room(
        ("asyncdb/connection/*.py",),
        "tests/unit/test_retry.py tests/unit/test_blocks.py tests/unit/test_bulk.py "
        f"tests/unit/test_deadline.py tests/unit/test_pool.py {_KIT} "
        "tests/faults/test_commits.py tests/faults/test_deadlines.py "
        "tests/faults/test_cancellation.py tests/drivers/test_session.py "
        f"tests/faults/test_sweep.py {_HERE}",
    ),
    "pool": Room(
        ("asyncdb/pool/*.py",),
        f"tests/unit/test_kernel.py tests/unit/test_pool.py {_KIT} "
        f"tests/faults/test_pool_sweep.py tests/drivers/test_aiosqlite_pool.py {_HERE}",
    ),
    "url": Room(("asyncdb/url/*.py",), "tests/unit/test_url.py"),
    "options": Room(("asyncdb/options/*.py",), "tests/unit/test_options.py"),
    "doors": Room(
        (
            "asyncdb/opening.py",
            "asyncdb/wait_queue.py",
            "asyncdb/driver/registry.py",
            "asyncdb/driver/tls.py",
        ),
        "tests/unit/test_opening.py tests/unit/test_tls.py tests/faults/test_tls.py "
        "tests/unit/test_registry.py tests/unit/test_kernel.py "
        f"tests/faults/test_connecting.py tests/unit/test_pool.py {_KIT} "
        '-k "(unit or sqlite or fake or the_default) and not million"',
    ),
}

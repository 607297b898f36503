"""The rooms of the core, and the tests that belong to each: the fastest first."""

from __future__ import annotations

from dataclasses import dataclass

TIMEOUT = 120  # seconds for the tests of one mistake

# Of the tests that run on each engine, those that need no server; and none of those
# that show with a million characters that the lexer is quick.
_HERE = '-k "(unit or sqlite or fake) and not million"'
_KIT = f"tests/conformance {_HERE}"


@dataclass(frozen=True)
class Room:
    """Some files, and the tests that must notice a mistake in them.

    Args:
        files: the files, as patterns.
        tests: arguments for pytest, asked in turn until one notices.
        share: how many of the places where a mistake can be made are tried.
    """

    files: tuple[str, ...]
    tests: tuple[str, ...]
    share: float = 0.16


ROOMS = {
    "pool": Room(
        ("asyncdb/pool/*.py",),
        (
            (
                "tests/unit/test_kernel.py tests/unit/test_checkout.py "
                "tests/unit/test_lifecycle.py tests/unit/test_pool.py"
            ),
            "tests/faults/test_pool_sweep.py tests/drivers/test_aiosqlite_pool.py "
            + _KIT,
        ),
    ),
    "connection": Room(
        ("asyncdb/connection/*.py",),
        (
            (
                "tests/unit/test_retry.py tests/unit/test_blocks.py "
                "tests/unit/test_bulk.py tests/unit/test_deadline.py "
                "tests/unit/test_lexis.py tests/unit/test_lifecycle.py "
                "tests/unit/test_checkout.py "
                "tests/unit/test_pool.py"
            ),
            "tests/faults/test_commits.py tests/faults/test_deadlines.py "
            "tests/faults/test_cancellation.py tests/faults/test_sweep.py " + _KIT,
        ),
    ),
    "doors": Room(
        (
            "asyncdb/opening.py",
            "asyncdb/wait_queue.py",
            "asyncdb/driver/registry.py",
            "asyncdb/driver/tls.py",
        ),
        (
            (
                "tests/unit/test_opening.py tests/unit/test_tls.py "
                "tests/unit/test_registry.py tests/unit/test_kernel.py "
                'tests/faults/test_tls.py -k "unit or the_default"'
            ),
            "tests/faults/test_connecting.py tests/unit/test_pool.py " + _KIT,
        ),
    ),
    "url": Room(("asyncdb/url/*.py",), ("tests/unit/test_url.py",), 0.3),
    "options": Room(("asyncdb/options/*.py",), ("tests/unit/test_options.py",), 0.3),
    "values": Room(
        ("asyncdb/values/*.py",),
        (
            (
                "tests/unit/test_decoding.py tests/unit/test_encoding.py "
                "tests/unit/test_conversions.py tests/unit/test_arguments.py "
                "tests/unit/test_mysql_literals.py"
            ),
            "tests/values " + _KIT,
        ),
        share=0.12,
    ),
    "sql": Room(
        ("asyncdb/sql/*.py",),
        (
            (
                "tests/unit/test_outline.py tests/unit/test_quoting.py "
                "tests/unit/test_parameters.py "
                "tests/unit/test_arguments.py tests/unit/test_mysql_dialect.py "
                f"tests/unit/test_lexer.py {_HERE}"
            ),
            "tests/unit/test_marker_properties.py " + _KIT,
        ),
        share=0.05,
    ),
}

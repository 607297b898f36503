"""What every driver says to PostgreSQL, and reads in its answers."""

from __future__ import annotations

from asyncdb.options import TransactionOptions

# Back to what came at start-up (RESET ALL leaves the role out). Statements prepared by
# SQL are counted by the last one: DEALLOCATE ALL would take the driver's too.
_RESET = """\
CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; UNLISTEN *;
SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES; {again}\
SELECT name FROM pg_prepared_statements WHERE from_sql"""
# The tag of its last answer where there are none.
IS_RESET = "SELECT 0"

# COPY's other end is the client, and what a driver does not run as text.
BY_WIRE = frozenset(["STDIN", "STDOUT"])
COPY = "COPY is not run as text: use load_rows(), or db.native.{method}"


def reset(again: str = "") -> str:
    """Return what resets a session, and then sets what is to be set again.

    Example:
        >>> "RESET ALL; " in reset()
        True
    """
    return _RESET.format(again=f"{again}; " if again else "")


def begin(options: TransactionOptions, first: str = "") -> str:
    """Return what opens a transaction, with what is to be run first in it.

    Example:
        >>> begin(TransactionOptions(isolation="serializable", readonly=True))
        'BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY'
    """
    modes = [
        f"ISOLATION LEVEL {options.isolation.upper()}" if options.isolation else "",
        "READ ONLY" if options.readonly else "",
        "DEFERRABLE" if options.deferrable else "",
    ]
    text = " ".join(["BEGIN", *filter(None, modes)])
    return f"{text}; {first}" if first else text


def not_committed(tag: str) -> str:
    """Return what to say of a COMMIT that was answered with another tag."""
    return f"the server answered COMMIT with {tag}: nothing was committed"


def count(tag: str | None) -> int:
    """Read the number at the end of a command tag.

    Example:
        >>> count("INSERT 0 1"), count("CREATE TABLE")
        (1, -1)
    """
    number = (tag or "").rpartition(" ")[2]
    return int(number) if number.isdigit() else -1

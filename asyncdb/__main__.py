"""`asyncdb` on the command line, and `python -m asyncdb`."""

from __future__ import annotations

import sys

_NEEDED = frozenset(["typer", "rich", "click"])


def main() -> None:
    """Run the command that the arguments name; say what is missing where it cannot."""
    try:
        from asyncdb.contrib.cli import main as run  # noqa: PLC0415  # it is an extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        sys.stderr.write(
            f"asyncdb: the command line needs {error.name}: "
            "pip install 'asyncdb-toolkit[cli]'\n"
        )
        sys.exit(2)
    run()


if __name__ == "__main__":
    main()

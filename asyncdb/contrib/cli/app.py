"""The commands, put together."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

import asyncdb
from _asyncdb_command import hide_passwords
from asyncdb.contrib.cli.check import check
from asyncdb.contrib.cli.copy import copy
from asyncdb.contrib.cli.doctor import doctor
from asyncdb.contrib.cli.drivers import drivers
from asyncdb.contrib.cli.ping import ping
from asyncdb.contrib.cli.query import query
from asyncdb.contrib.cli.script import run

_EPILOG = """\
**Where a database is**: -u URL, or the environment's ASYNCDB_URL. `env:NAME` reads the
URL from another variable.

**Passwords** are best left out of URLs: they are taken from ASYNCDB_PASSWORD,
PGPASSWORD, MYSQL_PWD or ~/.pgpass, or asked for (-W).

**Ends with** 0: all is well. 1: the database said no. 2: wrongly called.
130: Ctrl-C, the statement was stopped at the server. 141: nobody reads on.
"""

# The command `asyncdb`, for programs that have it in one of theirs.
app = typer.Typer(
    name="asyncdb",
    help="SQLite, PostgreSQL and MySQL/MariaDB by one command line.",
    epilog=_EPILOG,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,  # they show local variables: passwords, values
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"asyncdb {asyncdb.__version__}\n")
        raise typer.Exit


@app.callback()
def _all(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say which."),
    ] = False,
) -> None:
    del version


app.command()(ping)
app.command()(query)
app.command()(run)
app.command()(copy)
app.command()(check)
app.command()(doctor)
app.command()(drivers)


def main() -> None:
    """Run the command that the process's arguments name."""
    hide_passwords()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What a terminal of few characters cannot show ends nothing.
        sys.stdout.reconfigure(errors="backslashreplace")
    app(prog_name="asyncdb")

"""`asyncdb check`: the SQL of a program, prepared and not run."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import asyncdb
from asyncdb.contrib.checking import Fault, as_annotations, as_text
from asyncdb.contrib.checking import check as check_files
from asyncdb.contrib.cli.arguments import Ask
from asyncdb.contrib.cli.query import read_url_or_fail
from asyncdb.contrib.cli.running import FAILED, run
from asyncdb.contrib.cli.secrecy import with_password


class Report(StrEnum):
    """How faults are written."""

    text = "text"
    github = "github"


def check(
    paths: Annotated[
        list[Path], typer.Argument(help="Python sources, SQL files, or folders.")
    ],
    *,
    urls: Annotated[
        list[str],
        typer.Option(
            "--url",
            "-u",
            envvar="ASYNCDB_URL",
            help="A database with the schema; several for several engines.",
            metavar="URL",
            show_default=False,
        ),
    ],
    schema: Annotated[
        list[Path] | None,
        typer.Option(
            "--schema", "-s", help="A script that makes the schema, for sqlite://."
        ),
    ] = None,
    form: Annotated[Report, typer.Option("--format", "-f")] = Report.text,
    ask: Ask = False,
) -> None:
    """Check the SQL of a program against a live schema. No statement of it is run.

    ```
    asyncdb check app queries.sql -u postgresql://ann@db/shop
    asyncdb check app -u sqlite:// -s schema.sql
    asyncdb check app --format github
    ```
    """
    where = [with_password(read_url_or_fail(one), ask=ask) for one in urls]
    found: list[Fault] = []
    run(_check(paths, where, schema or [], form, found))
    if found:
        raise typer.Exit(FAILED)


async def _check(
    paths: list[Path],
    urls: list[asyncdb.DatabaseURL],
    schema: list[Path],
    form: Report,
    found: list[Fault],
) -> None:
    found += await check_files(paths, urls, schema=schema)
    write = as_annotations if form is Report.github else as_text
    if found:
        sys.stdout.write(write(found) + "\n")
    noun = "fault" if len(found) == 1 else "faults"
    sys.stderr.write(f"{len(found)} {noun}\n")

"""`asyncdb copy`: a database into another engine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

import asyncdb
from asyncdb.contrib.cli.arguments import Ask
from asyncdb.contrib.cli.query import read_url_or_fail
from asyncdb.contrib.cli.running import run
from asyncdb.contrib.cli.secrecy import connected
from asyncdb.contrib.cli.writing import Format, writer
from asyncdb.contrib.copying import (
    CopyPlan,
    CopyRefused,
    CopyReport,
    Progress,
    plan_copy,
)

_PHASES = {"rows": "copying", "indexes": "indexes and keys", "check": "comparing"}


def copy(
    source: Annotated[
        str, typer.Argument(envvar="ASYNCDB_SOURCE_URL", help="Where from: a URL.")
    ],
    target: Annotated[
        str, typer.Argument(envvar="ASYNCDB_TARGET_URL", help="Where to: a URL.")
    ],
    *,
    tables: Annotated[
        list[str] | None,
        typer.Option("--tables", "-t", help="Only these: a,b or -t a -t b."),
    ] = None,
    data_only: Annotated[
        bool, typer.Option("--data-only", help="The target has the tables already.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Write nothing; say what would be done."),
    ] = False,
    skip: Annotated[
        bool, typer.Option("--skip", help="Go on although there are problems.")
    ] = False,
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            help="What a column's values are, by the names of the table of types.",
            metavar="TABLE.COLUMN=TYPE",
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option(help="Read all rows again and compare checksums.")
    ] = True,
    ask: Ask = False,
) -> None:
    """Copy a database into an empty one of another engine, all or nothing.

    What the target cannot have is listed before anything is written, and nothing is,
    unless --skip accepts what each line says.

    ```
    asyncdb copy sqlite:///shop.db postgresql://ann@db/shop --dry-run
    asyncdb copy sqlite:///shop.db postgresql://ann@db/shop
    asyncdb copy -t users,sales env:OLD env:NEW
    asyncdb copy --data-only --type "users.made=datetime, aware" env:OLD env:NEW
    ```
    """
    chosen = [name for one in tables or [] for name in one.split(",") if name]
    kinds = {}
    for one in types or []:
        column, equals, kind = one.partition("=")
        if not equals:
            raise typer.BadParameter("--type takes TABLE.COLUMN=TYPE")
        kinds[column] = kind
    run(
        _copy(
            read_url_or_fail(source),
            read_url_or_fail(target),
            chosen or None,
            kinds,
            data_only=data_only,
            dry_run=dry_run,
            skip=skip,
            verify=verify,
            ask=ask,
        )
    )


async def _copy(
    source_url: asyncdb.DatabaseURL,
    target_url: asyncdb.DatabaseURL,
    tables: list[str] | None,
    types: dict[str, str],
    *,
    data_only: bool,
    dry_run: bool,
    skip: bool,
    verify: bool,
    ask: bool,
) -> None:
    if dry_run and _is_missing(target_url):
        target_url = asyncdb.DatabaseURL("sqlite://")  # as empty as it, and no file
    async with (
        connected(source_url, ask=ask) as source,
        connected(target_url, ask=ask, create=True) as target,
    ):
        plan = await plan_copy(
            source, target, tables=tables, data_only=data_only, types=types
        )
        if not plan.tables:
            raise CopyRefused((), "the source has no tables: is it the right database?")
        for note in plan.notes:
            sys.stderr.write(f"note: {note}\n")
        if dry_run:
            _show(plan)
            if plan.problems and not skip:
                raise CopyRefused(plan.problems)  # as without --dry-run
            return
        if skip:
            for problem in plan.problems:
                sys.stderr.write(f"skipped: {problem}\n")
        with _bar() as progress:
            report = await plan.run(progress, skip_problems=skip, verify=verify)
        _tell(report)


def _is_missing(url: asyncdb.DatabaseURL) -> bool:
    """Say whether a URL names a file of SQLite that is not there."""
    if url.scheme != "sqlite" or url.database in (None, "", ":memory:"):
        return False
    return not url.database.startswith("file:") and not Path(url.database).exists()


def _show(plan: CopyPlan) -> None:
    """Print a plan: comments, and what would be sent."""
    for problem in plan.problems:
        sys.stdout.write(f"-- problem: {problem}\n")
    sys.stdout.write(f"-- tables, in order: {', '.join(plan.tables)}\n")
    for statement in plan.statements:
        sys.stdout.write(f"{statement};\n")


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    """Give what draws a bar, with rows and the time that is left, on a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _say_nothing
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console) as bar:
        tasks = {}

        def draw(at: Progress) -> None:
            if at.phase not in tasks:
                tasks[at.phase] = bar.add_task(_PHASES[at.phase], total=at.total)
            shown = f"{_PHASES[at.phase]} {at.table}"
            bar.update(tasks[at.phase], completed=at.done, description=shown)

        yield draw


def _say_nothing(_: Progress) -> None:
    """Draw nothing: nobody is looking."""


def _tell(report: CopyReport) -> None:
    out = writer(Format.table, ["table", "rows", "checksum"])
    out.rows([(one.name, one.rows, one.checksum) for one in report.tables])
    out.end()
    compared = "compared" if report.verified else "not compared"
    sys.stderr.write(
        f"{report.rows:,} rows in {report.seconds:.1f} s, {compared}\n",
    )

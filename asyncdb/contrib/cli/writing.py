"""Rows as text: a table, CSV, JSON lines, Markdown; written as they come."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol, TextIO, TypeAlias

from rich.cells import cell_len

import asyncdb

Rows: TypeAlias = Sequence[asyncdb.Row] | Sequence[Sequence[Any]]


class Format(StrEnum):
    """What rows are written as."""

    table = "table"
    csv = "csv"
    jsonl = "jsonl"
    markdown = "markdown"


class RowWriter(Protocol):
    """Writes the rows of one result."""

    def rows(self, rows: Rows) -> None:
        """Write some."""

    def end(self) -> None:
        """There are no more."""


def writer(
    kind: Format, columns: Sequence[str], out: TextIO | None = None
) -> RowWriter:
    """Return what writes rows.

    Args:
        kind: how.
        columns: their names.
        out: where to; standard output when `None`.
    """
    stream = sys.stdout if out is None else out
    if kind is Format.csv:
        return _Csv(columns, stream)
    if kind is Format.jsonl:
        return _JsonLines(columns, stream)
    if kind is Format.markdown:
        return _Markdown(columns, stream)
    return _Table(columns, stream)


def text(value: Any) -> str:
    r"""Return a value as people read it.

    Example:
        >>> text(None), text(True), text(b"\x00\xff"), text({"a": "ü"})
        ('NULL', 'true', '\\x00ff', '{"a": "ü"}')
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes | bytearray | memoryview):
        return f"\\x{bytes(value).hex()}"
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=text)
    return str(value)


def _on_one_line(value: Any) -> str:
    """Return a value's text without what moves the cursor or ends a line."""
    found = text(value)
    if found.isprintable():
        return found
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode()
        for one in found
    )


class _Csv:
    """RFC 4180, but a line feed alone ends a line; NULL is nothing."""

    def __init__(self, columns: Sequence[str], out: TextIO) -> None:
        self._csv = csv.writer(out, lineterminator="\n")
        self._csv.writerow(columns)

    def rows(self, rows: Rows) -> None:
        self._csv.writerows(
            ["" if value is None else text(value) for value in row] for row in rows
        )

    def end(self) -> None:
        """Nothing stands at the end."""


class _JsonLines:
    """One object for each row; what JSON has no type for is text."""

    def __init__(self, columns: Sequence[str], out: TextIO) -> None:
        self._out = out
        self._names: list[str] = []
        for name in columns:
            number, own = 1, name
            while own in self._names or (number > 1 and own in columns):
                number += 1
                own = f"{name}_{number}"
            self._names.append(own)

    def rows(self, rows: Rows) -> None:
        names = self._names
        self._out.writelines(
            json.dumps(
                dict(zip(names, row, strict=True)), ensure_ascii=False, default=text
            )
            + "\n"
            for row in rows
        )

    def end(self) -> None:
        """Nothing stands at the end."""


class _Markdown:
    """A table as GitHub reads it."""

    def __init__(self, columns: Sequence[str], out: TextIO) -> None:
        self._out = out
        self._line(columns)
        self._line(["---"] * len(columns))

    def _line(self, values: Iterable[Any]) -> None:
        cells = [_on_one_line(value).replace("|", "\\|") for value in values]
        self._out.write(f"| {' | '.join(cells)} |\n")

    def rows(self, rows: Rows) -> None:
        for row in rows:
            self._line(row)

    def end(self) -> None:
        """Nothing stands at the end."""


class _Table:
    """Columns as wide as the first rows want; longer values further down stick out."""

    def __init__(self, columns: Sequence[str], out: TextIO) -> None:
        self._columns = [_on_one_line(name) for name in columns]
        self._out = out
        self._widths: list[int] = []
        self._right: list[bool] = []
        self._count = 0

    def rows(self, rows: Rows) -> None:
        cells = [[_on_one_line(value) for value in row] for row in rows]
        if not self._widths:
            self._begin(rows, cells)
        for row in cells:
            self._line(row)
        self._count += len(rows)

    def _begin(self, rows: Rows, cells: Sequence[Sequence[str]]) -> None:
        self._widths = [
            max([cell_len(name), *(cell_len(row[at]) for row in cells)])
            for at, name in enumerate(self._columns)
        ]
        numbers = (int, float, Decimal, type(None))
        self._right = [
            bool(rows) and all(isinstance(row[at], numbers) for row in rows)
            for at in range(len(self._columns))
        ]
        self._line(self._columns)
        self._out.write("-+-".join("-" * width for width in self._widths) + "\n")

    def _line(self, cells: Sequence[str]) -> None:
        parts = []
        for cell, width, right in zip(cells, self._widths, self._right, strict=True):
            blank = " " * (width - cell_len(cell))
            parts.append(blank + cell if right else cell + blank)
        self._out.write(" | ".join(parts).rstrip() + "\n")

    def end(self) -> None:
        if not self._widths:
            self._begin([], [])
        self._out.flush()
        noun = "row" if self._count == 1 else "rows"
        sys.stderr.write(f"({self._count:,} {noun})\n")

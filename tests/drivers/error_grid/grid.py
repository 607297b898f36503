"""The grid, whole, and how the documentation writes it."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import ANY

from tests.drivers.error_grid.cases import Case, Situation, Table
from tests.drivers.error_grid.mysql import MARIADB, MYSQL
from tests.drivers.error_grid.postgresql import POSTGRESQL
from tests.drivers.error_grid.situations import SITUATIONS
from tests.drivers.error_grid.sqlite import SQLITE

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "errors.md"
BEGIN = "<!-- grid: python -m tests.drivers.error_grid -->\n"
END = "<!-- end of the grid -->\n"

COLUMNS: dict[str, Table] = {
    "sqlite": SQLITE,
    "postgresql": POSTGRESQL,
    "mariadb": MARIADB,
    "mysql": MYSQL,
}
_FIELDS = ("constraint", "table", "columns")


def markdown() -> str:
    """Return the grid as the page has it."""
    lines = [
        "| situation | class | PostgreSQL | MariaDB | MySQL | SQLite |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    order = ("postgresql", "mariadb", "mysql", "sqlite")
    for key, situation in SITUATIONS.items():
        cells = [_cell(situation, COLUMNS[engine][key]) for engine in order]
        kind = f"`{situation.kind.__name__}`"
        lines.append(f"| {' | '.join([situation.title, kind, *cells])} |")
    return "\n".join(lines) + "\n"


def _cell(situation: Situation, case: Case) -> str:
    if case.kind is None:
        return case.instead
    parts = []
    if case.kind is not situation.kind:
        parts.append(f"`{case.kind.__name__}`")
    told = case.code is not None and case.code is not ANY
    codes = [str(case.code)] if told else []
    if case.sqlstate not in (None, case.code):
        codes.append(str(case.sqlstate))
    if codes:
        parts.append("`" + " ".join(codes) + "`")
    elif case.code is None and not parts:
        parts.append("ours")
    elif not parts:
        parts.append("any code")
    filled = [name for name in _FIELDS if getattr(case, name)]
    return " ".join(parts) + (f": {', '.join(filled)}" if filled else "")


def on_the_page() -> str:
    """Return the grid as it stands in the page."""
    return PAGE.read_text().partition(BEGIN)[2].partition(END)[0]


def write() -> None:
    """Put the grid into the page."""
    before, mark, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(before + mark + markdown() + END + after)

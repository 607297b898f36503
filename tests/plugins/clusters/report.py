"""What the scenarios saw, as JSON, and the table that is made of it.

`python -m tests.plugins.clusters.report` writes the table of clusters.json, or of the
files that it is given, into docs/reference/tested-with.md; `--print` shows it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.plugins.clusters.writers import Account

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/reference/tested-with.md"
BEGIN, END = "<!-- clusters: made by a program -->", "<!-- clusters: end -->"

COLUMNS = (
    "scenario",
    "client",
    "acknowledged",
    "unknown",
    "lost",
    "doubled",
    "undead",
    "longest gap",
    "again after",
    "errors by class",
)
NUMBERS = ("acknowledged", "unknown", "lost", "doubled", "undead")


class Report:
    """The results of one run.

    Args:
        path: the JSON file, rewritten after each scenario.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.results: list[dict[str, Any]] = []

    def add(
        self, cluster: str, scenario: str, account: Account, again: float | None = None
    ) -> None:
        """Note what a client saw.

        Args:
            cluster: with its versions.
            scenario: in a few words.
            account: the client's, settled.
            again: seconds from the promotion, or from the cluster's own agreement,
                until it wrote again.
        """
        self.note(
            cluster,
            scenario,
            account.client,
            acknowledged=len(account.acknowledged),
            unknown=len(account.unknown),
            lost=account.lost,
            doubled=account.doubled,
            undead=account.undead,
            gap=round(account.longest_gap, 2),
            again=None if again is None else round(again, 2),
            errors=dict(account.errors.most_common()),
        )

    def note(self, cluster: str, scenario: str, client: str, **values: Any) -> None:
        """Note a result of any kind."""
        self.results.append(
            {"cluster": cluster, "scenario": scenario, "client": client, **values}
        )
        self.save()

    def save(self) -> None:
        """Write the file."""
        if self.results:
            self._path.write_text(json.dumps(self.results, indent=1) + "\n")


def _seconds(value: Any) -> str:
    if value is None:
        return ""
    return "never" if value == float("inf") else f"{value:.2f} s"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _head(columns: Sequence[str]) -> list[str]:
    return [_row(columns), "|" + " --- |" * len(columns)]


def table(results: list[dict[str, Any]]) -> str:
    """The results as Markdown: a table for each cluster, one for the stale reads."""
    counted = [one for one in results if "acknowledged" in one]
    lines: list[str] = []
    for cluster in sorted({one["cluster"] for one in counted}):
        lines += ["", f"**{cluster}**", "", *_head(COLUMNS)]
        chosen = [one for one in counted if one["cluster"] == cluster]
        for one in sorted(chosen, key=lambda r: (r["scenario"], r["client"])):
            errors = ", ".join(f"{k} {v:,}" for k, v in one["errors"].items())
            cells = [one["scenario"], one["client"]]
            cells += [f"{one[name]:,}" for name in NUMBERS]
            cells += [_seconds(one["gap"]), _seconds(one["again"]), errors]
            lines.append(_row(cells))
    read = [one for one in results if "stale" in one]
    if read:
        lines += ["", "**Reads straight after a write**", ""]
        lines += _head(("cluster", "scenario", "stale"))
        for one in sorted(read, key=lambda r: (r["cluster"], r["scenario"])):
            lines.append(_row([one["cluster"], one["scenario"], f"{one['stale']:,}"]))
    return "\n".join(lines).strip() + "\n"


def main() -> int:
    """Write the table of a run."""
    parser = argparse.ArgumentParser(prog="python -m tests.plugins.clusters.report")
    parser.add_argument("json", type=Path, nargs="*", default=[Path("clusters.json")])
    parser.add_argument("--print", action="store_true", dest="show")
    given = parser.parse_args()
    text = table([one for path in given.json for one in json.loads(path.read_text())])
    if given.show:
        sys.stdout.write(text)
        return 0
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Build the site into build/site: `make docs`, or `python -m docs.website`."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.cmd.build import main

from docs.website.pages import ROOT, write

SOURCE = ROOT / "build" / "pages"

if __name__ == "__main__":
    write(SOURCE)
    # All of it anew: Sphinx would leave old navigation on pages that have not changed.
    arguments = [
        "--fresh-env",
        "--write-all",
        "--fail-on-warning",
        "--quiet",
        *sys.argv[1:],
    ]
    places = ["-c", str(Path(__file__).parent), str(SOURCE), str(ROOT / "build/site")]
    sys.exit(main([*arguments, "-d", str(ROOT / "build/doctrees"), *places]))

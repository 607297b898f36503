"""Sphinx's settings, and what it does with our docstrings."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import asyncdb  # noqa: E402
from docs.website import api  # noqa: E402

project = "asyncdb"
version = release = asyncdb.__version__
copyright = "asyncdb contributors"  # noqa: A001  # Sphinx's name
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
nitpicky = True
# Names of others have no page here; of ours every one that a signature shows must have,
# but for these, whose name says enough.
INNER = "Acquiring Annotated Copying Expand ForeignNames Host Literal Runner Template"
nitpick_ignore_regex = [
    ("py:.*", r"(?!asyncdb\.).*"),
    ("py:.*", r".*\.(T|[A-Z]\w*T|[A-Z]\w*_(co|contra))"),  # variables of types
    ("py:.*", r".*\.TupleRow"),
    ("py:.*", r".*\.get_\w+"),  # in FastAPI's annotations
    ("py:.*", rf".*\._?({INNER.replace(' ', '|')})"),
    ("py:.*", rf"{re.escape(api.KIT)}\..*"),
    ("py:obj", ".*"),  # a word in backticks need not be a name
]
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # a page may begin below its first level

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_admonition_for_examples = False

html_theme = "furo"
html_title = "asyncdb"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
highlight_language = "default"  # Python, where it is

DEPENDS = re.compile(r"Annotated\[([\w.~]+), [\w.~]*Depends\([^()]*\)\]")
logger = logging.getLogger(__name__)


def mark(
    _app: Sphinx, what: str, _name: str, _it: Any, _options: Any, lines: list[str]
) -> None:
    """Make of a docstring what Sphinx understands: of code, names and pages.

    What stands in single backticks is code, and a link where it names one of ours.
    """
    lines[:] = api.marked("\n".join(lines)).split("\n")
    if what in {"attribute", "property"}:
        lines.insert(0, "")  # else Napoleon takes what precedes a colon for the type


def shorten(
    _app: Sphinx, what: str, _name: str, thing: Any, _options: Any, *signature: Any
) -> tuple[str, str | None] | None:
    """Show no constructor that is ours, for its arguments have no explanation."""
    arguments, result = signature
    if arguments is None:
        return None
    if what == "class" and "Args:" not in (thing.__doc__ or ""):
        return "", None
    return DEPENDS.sub(r"\1", arguments), result


def find_home(
    app: Sphinx, env: Any, node: nodes.Element, content: nodes.Element
) -> nodes.Element | None:
    """Lead from the place where a class is written to the name that users import."""
    name = node.get("reftarget", "").rpartition(".")[2]
    target = f"asyncdb.{name}"
    if node.get("refdomain") != "py" or target not in api.entries():
        return None
    if not node["reftarget"].startswith("asyncdb.") and name != node["reftarget"]:
        return None
    place = env.domains.python_domain.objects[target]
    return make_refnode(
        app.builder, node["refdoc"], place.docname, place.node_id, content, target
    )


def find_missing(app: Sphinx, error: Exception | None) -> None:
    """Warn, and so fail, where a public name has no entry."""
    if error is None:
        made = app.env.domains.python_domain.objects
        for name in sorted(api.entries() - made.keys()):
            logger.warning("no API entry for %s", name)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add what is ours."""
    app.connect("autodoc-process-docstring", mark, priority=400)  # before Napoleon
    app.connect("autodoc-process-signature", shorten)
    app.connect("missing-reference", find_home)
    app.connect("build-finished", find_missing)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""The command's door: passwords leave the list of processes before anything is loaded.

It stands beside the package, not in it: Python would load all of `asyncdb` first, and a
password among the arguments be seen for that long. The commands are in
`asyncdb.contrib.cli`; how to use them: docs/how-to/command-line.md.
"""

from __future__ import annotations

import os
import re
import sys

_NEEDED = frozenset(["typer", "rich", "click"])
# Where a URL begins: in an argument of its own, behind -u, or behind --url=.
_URL = re.compile(r"(?P<before>(?:-[a-zA-Z]|--[\w-]+=)?)(?P<url>[A-Za-z][\w.+-]*://.*)")
# A password, also one that is not escaped as it ought to be (but no port); an option
# that looks like a secret, by the rule of `DatabaseURL`.
_PASSWORD = re.compile(r"://[^/?#@:\[]*:(?!\d*(?:[/?,]|$))[^@]*@")
_SECRET = re.compile(
    r"[?&][^=&]*(?:pass|pwd|secret|token|credential|api_?key)[^=&]*=", re.IGNORECASE
)
_HIDDEN = "ASYNCDB_HIDDEN_URL_"
_ADVICE = (
    "asyncdb: a password in a URL among the arguments is seen by others for a moment "
    "and stays in the shell's history; use ASYNCDB_URL, or leave it out and be "
    "asked (-W)\n"
)


def main() -> None:
    """Run the command that the arguments name; say what is missing where it cannot."""
    hide_passwords()
    try:
        from asyncdb.contrib.cli import main as run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        sys.stderr.write(
            f"asyncdb: the command line needs {error.name}: "
            "pip install 'asyncdb-toolkit[cli]'\n"
        )
        sys.exit(2)
    run()


def hide_passwords() -> None:
    """Start the process again without passwords among its arguments, if there are some.

    They go on in its environment, which only the same user can read.
    """
    found: dict[str, str] = {}
    arguments = [hidden(one, found) for one in sys.argv[1:]]
    if not found:
        return
    if os.name == "posix":
        count = len(arguments)
        words = [*sys.orig_argv[: len(sys.orig_argv) - count], *arguments]
        sys.stderr.write(_ADVICE)
        sys.stderr.flush()
        os.execve(sys.executable, words, {**os.environ, **found})  # noqa: S606
    sys.stderr.write(_ADVICE)
    os.environ.update(found)
    sys.argv[1:] = arguments


def hidden(argument: str, found: dict[str, str]) -> str:
    """Return an argument with `env:NAME` for a URL with secrets, kept in `found`.

    Args:
        argument: one of the command's.
        found: gets the URL, by the name that stands for it.

    Example:
        >>> found = {}
        >>> hidden("--url=mysql://ann:s3cret@db/shop", found), list(found)
        ('--url=env:ASYNCDB_HIDDEN_URL_1', ['ASYNCDB_HIDDEN_URL_1'])
    """
    match = re.fullmatch(_URL, argument)
    if match is None:
        return argument
    url = match["url"]
    if not _PASSWORD.search(url) and not _SECRET.search(url):
        return argument
    name = f"{_HIDDEN}{len(found) + 1}"
    found[name] = url
    return f"{match['before']}env:{name}"

"""Passwords: not in the list of processes, from the environment, or asked for."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import typer

import asyncdb

_URL = re.compile(r"(?P<before>(?:--?[\w-]+=?)?)(?P<url>[A-Za-z][\w.+-]*://\S*)")
_HIDDEN = "ASYNCDB_HIDDEN_URL_"
_ADVICE = (
    "asyncdb: a password in a URL among the arguments is seen by others for a moment "
    "and stays in the shell's history; use ASYNCDB_URL, or leave it out and be "
    "asked (-W)\n"
)
# Where a password is looked for when the URL has none.
_VARIABLES = {"postgresql": "PGPASSWORD", "postgres": "PGPASSWORD"}
_VARIABLES |= {"mysql": "MYSQL_PWD", "mariadb": "MYSQL_PWD"}


def hide_passwords() -> None:
    """Start the process again without passwords among its arguments, if there are some.

    They go on in its environment, which only the same user can read.
    """
    found: dict[str, str] = {}
    arguments = [_hidden(one, found) for one in sys.argv[1:]]
    if not found:
        return
    sys.stderr.write(_ADVICE)
    sys.stderr.flush()
    if os.name == "posix":
        count = len(arguments)
        words = [*sys.orig_argv[: len(sys.orig_argv) - count], *arguments]
        os.execve(sys.executable, words, {**os.environ, **found})  # noqa: S606
    os.environ.update(found)
    sys.argv[1:] = arguments


def _hidden(argument: str, found: dict[str, str]) -> str:
    """Return an argument with `env:NAME` for a URL with secrets, kept in `found`."""
    match = _URL.fullmatch(argument)
    if match is None:
        return argument
    try:
        url = asyncdb.DatabaseURL(match["url"])
    except asyncdb.URLError:
        return argument  # whatever reads it will say so
    if str(url) == url.render(hide_password=False):
        return argument
    name = f"{_HIDDEN}{len(found) + 1}"
    found[name] = match["url"]
    return f"{match['before']}env:{name}"


def read_url(text: str, environ: Mapping[str, str] = os.environ) -> asyncdb.DatabaseURL:
    """Return the URL of an argument.

    Args:
        text: a URL, or `env:NAME` for one in the environment.
        environ: the environment.

    Raises:
        URLError: it is not understood, or the variable is not set.

    Example:
        >>> read_url("env:SHOP", {"SHOP": "sqlite:///shop.db"})
        DatabaseURL('sqlite:///shop.db')
    """
    if text.startswith("env:"):
        name = text.removeprefix("env:")
        if not environ.get(name):
            message = f"the environment has no variable {name} with a URL in it"
            raise asyncdb.URLError(message)
        text = environ[name]
    return asyncdb.DatabaseURL(text)


def with_password(
    url: asyncdb.DatabaseURL, *, ask: bool, environ: Mapping[str, str] = os.environ
) -> asyncdb.DatabaseURL:
    """Return the URL with a password, where one is wanted and can be had.

    Args:
        url: as it was given.
        ask: prompt for it.
        environ: the environment: `ASYNCDB_PASSWORD`, then the engine's own variable.
    """
    if ask:
        return url.replace(password=_prompt(url))
    if url.password is not None or not url.hosts:
        return url
    for name in ("ASYNCDB_PASSWORD", _VARIABLES.get(url.scheme, "")):
        if environ.get(name):
            return url.replace(password=environ[name])
    return url


def _prompt(url: asyncdb.DatabaseURL) -> str:
    shown = f"Password for {url.user or 'the user'} at {url.host or 'this machine'}"
    found: str = typer.prompt(shown, hide_input=True, err=True, default="")
    return found


@asynccontextmanager
async def connected(
    url: asyncdb.DatabaseURL, *, ask: bool = False
) -> AsyncIterator[asyncdb.Connection]:
    """Open a connection for a block; ask for a password when the server wants one.

    Args:
        url: where to.
        ask: for a password, at once.
    """
    complete = with_password(url, ask=ask)
    try:
        db = await asyncdb.connect(complete)
    except asyncdb.AuthenticationFailed:
        if complete.password is not None or not sys.stdin.isatty():
            raise
        db = await asyncdb.connect(url.replace(password=_prompt(url)))
    async with db:
        yield db

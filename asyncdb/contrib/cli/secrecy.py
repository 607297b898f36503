"""Connections for commands; passwords from the environment, or asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import typer

import asyncdb
from asyncdb.contrib._existing import as_it_is

# Where a password is looked for when the URL has none.
_VARIABLES = {"postgresql": "PGPASSWORD", "postgres": "PGPASSWORD"}
_VARIABLES |= {"mysql": "MYSQL_PWD", "mariadb": "MYSQL_PWD"}


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
    url: asyncdb.DatabaseURL, *, ask: bool = False, create: bool = False
) -> AsyncIterator[asyncdb.Connection]:
    """Open a connection for a block; ask for a password when the server wants one.

    Args:
        url: where to.
        ask: for a password, at once.
        create: make a file of SQLite that is not there.
    """
    complete = with_password(url, ask=ask)
    options = {} if create else as_it_is(url)
    try:
        db = await asyncdb.connect(complete, **options)
    except asyncdb.AuthenticationFailed:
        if complete.password is not None or not sys.stdin.isatty():
            raise
        db = await asyncdb.connect(url.replace(password=_prompt(url)), **options)
    except asyncdb.ConnectionFailed as error:
        if "mode" in options:
            error.add_note("a new file is made by asyncdb run, or by ?mode=rwc")
        raise
    async with db:
        yield db

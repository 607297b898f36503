"""`override_database`: an application on a test's database, and never on another."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import asyncdb
from asyncdb.contrib.fastapi import PoolDep, override_database, register_asyncdb


def service(**options: object) -> FastAPI:
    """An application whose own database is nowhere."""
    app = FastAPI()
    register_asyncdb(app, "postgresql://nobody@127.0.0.1:1/production", **options)

    @app.get("/name")
    async def name(pool: PoolDep) -> str:
        return pool.dialect.name

    return app


def test_the_pool_is_opened_on_the_other_database(sqlite_url: str) -> None:
    """In the block the application runs on what it is given, after it as before."""
    app = service(max_size=3)

    with override_database(app, sqlite_url), TestClient(app) as client:
        assert client.get("/name").json() == "sqlite"

    with pytest.raises(asyncdb.ConnectionFailed), TestClient(app):
        pass  # pragma: no cover  # it does not start


def test_an_override_that_had_no_effect_is_told(sqlite_url: str) -> None:
    """An application that opened no pool in the block has used another database."""
    app = service()
    with (
        pytest.raises(asyncdb.InterfaceError, match="had no effect"),
        override_database(app, sqlite_url),
    ):
        TestClient(app)  # without `with`, there is no lifespan

    other = FastAPI()
    with (
        pytest.raises(asyncdb.InterfaceError, match="register_asyncdb"),
        override_database(other, sqlite_url),
        TestClient(other),
    ):
        pass


def test_an_error_in_the_block_is_not_hidden(sqlite_url: str) -> None:
    """What a test raises before its application starts is what it fails with."""
    with pytest.raises(LookupError), override_database(service(), sqlite_url):
        raise LookupError


def test_two_overrides_are_refused(sqlite_url: str) -> None:
    """One in another would leave the question which one holds."""
    app = service()

    with (
        pytest.raises(asyncdb.InterfaceError, match="overridden already"),
        override_database(app, sqlite_url),
        override_database(app, sqlite_url),
    ):
        pass  # pragma: no cover  # it is refused

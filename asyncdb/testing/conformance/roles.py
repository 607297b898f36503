"""Which server will do: libpq's words, each with an outcome on each database."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

import asyncdb
from asyncdb.testing.conformance.chapter import Chapter

WORDS = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")


class Roles(Chapter):
    """What `target_session_attrs` and `load_balance_hosts` mean."""

    @pytest.mark.parametrize("word", WORDS)
    async def test_each_word_is_served_or_refused(
        self, database_url: str, word: Any
    ) -> None:
        """A session that serves, or an error that says what the server is instead."""
        try:
            db = await asyncdb.connect(database_url, target_session_attrs=word)
        except asyncdb.ConnectionFailed as error:
            assert f"target_session_attrs={word} wants" in str(error)  # noqa: PT017
            return
        except asyncdb.NotSupportedError:
            assert word not in ("any", "prefer-standby")
            return
        async with db:
            assert 1 == await db.fetchval("SELECT 1")

    async def test_the_words_agree(self, database_url: str) -> None:
        """A server is one of two, twice; and `any` and `prefer-standby` take each."""
        served = {word: await _serves(database_url, word) for word in WORDS}
        if "unsupported" in served.values():
            assert served["any"] is served["prefer-standby"] is True
            pytest.skip("the driver cannot tell what a server is")

        assert served["any"] is served["prefer-standby"] is True
        assert served["read-write"] is not served["read-only"]
        assert served["primary"] is not served["standby"]

    async def test_where_reading_and_writing_is_wanted(self, database_url: str) -> None:
        """A session of `read-write` writes."""
        if await _serves(database_url, "read-write") is not True:
            pytest.skip("this database takes no writes, or the driver cannot tell")
        table = f"kit_{uuid4().hex[:12]}"
        async with asyncdb.connect(
            database_url, target_session_attrs="read-write"
        ) as db:
            await db.execute(f"CREATE TABLE {table} (id INTEGER)")
            try:
                await db.execute(f"INSERT INTO {table} VALUES (1)")

                assert 1 == await db.fetchval(f"SELECT id FROM {table}")
            finally:
                await db.execute(f"DROP TABLE {table}")

    async def test_a_pool_too(self, database_url: str) -> None:
        """A pool that wants what there is opens, and what there is not does not."""
        words: list[Any] = ["read-write", "read-only"]
        for word in words:
            serves = await _serves(database_url, word)
            if serves is True:
                async with asyncdb.create_pool(
                    database_url, target_session_attrs=word
                ) as pool:
                    assert 1 == await pool.fetchval("SELECT 1")
            elif serves is False:
                with pytest.raises(asyncdb.ConnectionFailed, match=word):
                    await asyncdb.create_pool(database_url, target_session_attrs=word)

    @pytest.mark.parametrize("how", ["random", "disable"])
    async def test_the_order_of_hosts(self, database_url: str, how: Any) -> None:
        """Both orders lead to a session."""
        async with asyncdb.connect(database_url, load_balance_hosts=how) as db:
            assert 1 == await db.fetchval("SELECT 1")

    async def test_other_words(self, database_url: str) -> None:
        """A word that libpq does not have is refused before anything is sent."""
        other: Any = "master"
        with pytest.raises(asyncdb.URLError, match="prefer-standby"):
            asyncdb.connect(database_url, target_session_attrs=other)
        with pytest.raises(asyncdb.URLError, match="random"):
            asyncdb.connect(database_url, load_balance_hosts=other)


async def _serves(database_url: str, word: Any) -> bool | str:
    """Tell whether a session can be had; "unsupported" where nobody can tell."""
    try:
        async with asyncdb.connect(database_url, target_session_attrs=word):
            return True
    except asyncdb.ConnectionFailed:
        return False
    except asyncdb.NotSupportedError:
        return "unsupported"

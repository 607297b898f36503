"""The pytest plug-in: databases for tests, clean for each, on every engine.

Installed with asyncdb, it is there: the fixtures `asyncdb_url`, `asyncdb_pool`,
`asyncdb_rollback`, and behind them `asyncdb_sandbox`, `asyncdb_schema` and
`asyncdb_options`. How to use them: docs/how-to/test-your-application.md. pytest finds
them in `_asyncdb_pytest`, which imports this when a test asks for one; who annotates
finds here what they give.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Self

import pytest

from asyncdb.testing.any_loop import AnyLoopPool
from asyncdb.testing.copies import Schema
from asyncdb.testing.sandbox import NoServerError, Sandbox

__all__ = ["AnyLoopPool", "NoServerError", "Sandbox", "Sandboxes", "Schema"]


class Sandboxes:
    """The sandboxes of a run, one for each target and schema.

    pytest would close a session's fixture whenever the next test runs on another
    database, and start a server again for the one after.

    Args:
        patience: see `Sandbox`.
        require: fail where there is no server, instead of skipping the test.
    """

    def __init__(self, *, patience: float, require: bool) -> None:
        self._patience = patience
        self._require = require
        self._stack = ExitStack()
        self._opened: dict[Any, Sandbox] = {}
        self._failed: dict[Any, Exception] = {}

    def __enter__(self) -> Self:
        """Open none yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close them all."""
        self._stack.close()

    def get(self, target: Any, schema: Schema) -> Sandbox:
        """Return the sandbox; it is opened the first time.

        Args:
            target: see `Sandbox`.
            schema: see `Sandbox`.

        Returns:
            The sandbox. Where there is no server the test is skipped.
        """
        key = target, schema
        if key not in self._opened and key not in self._failed:
            try:
                sandbox = Sandbox(target, schema, patience=self._patience)
                self._opened[key] = self._stack.enter_context(sandbox)
            except Exception as error:  # noqa: BLE001  # the same for each test
                self._failed[key] = error
        failed = self._failed.get(key)
        if isinstance(failed, NoServerError):
            if self._require:
                pytest.fail(str(failed), pytrace=False)
            pytest.skip(str(failed))
        if failed is not None:
            raise failed
        return self._opened[key]

"""A prepared statement, kept with what is known of its parameters and its result."""

from __future__ import annotations

from typing import Any

from asyncpg.prepared_stmt import PreparedStatement

from asyncdb.drivers.asyncpg.arguments import instants

Columns = tuple[tuple[str, Any], ...]


class Kept:
    """A prepared statement and what is known of it, found out once.

    Args:
        prepared: asyncpg's.

    Attributes:
        state: what asyncpg's protocol runs.
        columns: names and type OIDs, `None` where there is no result.
        duplicates: some columns share a name.
        instants: the parameters that are instants.
    """

    __slots__ = ("columns", "duplicates", "instants", "prepared", "state")

    def __init__(self, prepared: PreparedStatement) -> None:
        self.prepared = prepared
        self.state = prepared._state
        attributes = prepared.get_attributes()
        self.columns: Columns | None = (
            tuple((a.name, a.type.oid) for a in attributes) or None
        )
        self.duplicates = len({a.name for a in attributes}) != len(attributes)
        self.instants = instants([p.oid for p in prepared.get_parameters()])

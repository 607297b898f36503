"""A small application: what it does to its database is what others do."""

from __future__ import annotations

import asyncdb

SCHEMA = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(50) NOT NULL UNIQUE);
CREATE TABLE orders (
    customer INTEGER NOT NULL REFERENCES customers (id), what VARCHAR(50) NOT NULL
);
INSERT INTO customers (id, name) VALUES (1, 'house');
"""


async def make_schema(db: asyncdb.Connection) -> None:
    """Make the tables."""
    await db.executescript(SCHEMA)


class Shop:
    """Customers and what they order; a customer may come once.

    Args:
        pool: of the database.
    """

    def __init__(self, pool: asyncdb.Pool) -> None:
        if not isinstance(pool, asyncdb.Pool):
            raise TypeError(pool)
        self._pool = pool

    async def register(self, name: str) -> int:
        """Add a customer, and the gift that a new one gets."""
        async with self._pool.transaction() as db:
            last = await db.fetchval("SELECT max(id) FROM customers", into=int) or 0
            await db.execute("INSERT INTO customers VALUES (?, ?)", [last + 1, name])
            async with db.transaction():
                await db.execute("INSERT INTO orders VALUES (?, 'gift')", [last + 1])
        return last + 1

    async def customers(self) -> list[str]:
        """List them."""
        sql = "SELECT name FROM customers ORDER BY id"
        return await self._pool.fetchall(sql, into=str)

    async def orders(self) -> int:
        """Count all orders."""
        return await self._pool.fetchval("SELECT count(*) FROM orders", into=int) or 0

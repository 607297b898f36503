"""A pool: many tasks on few connections, a transaction, a retry, the numbers.

The environment's DATABASE_URL says which database; without it, a SQLite in memory.
"""

import asyncio
import os

import asyncdb

URL = os.environ.get("DATABASE_URL") or "sqlite://"
TABLE = "example_accounts"


async def transfer(db: asyncdb.Connection, source: int, target: int) -> None:
    """Move one coin: runs in a transaction, again after a deadlock."""
    update = f"UPDATE {TABLE} SET coins = coins + ? WHERE id = ?"
    for account, coins in sorted([(source, -1), (target, 1)]):
        await db.execute(update, [coins, account])


async def main() -> None:
    """Create, move coins about, count them."""
    async with asyncdb.create_pool(URL, max_size=5, acquire_timeout=10) as pool:
        await pool.execute(
            f"CREATE TABLE {TABLE} (id INTEGER PRIMARY KEY, coins INTEGER)"
        )
        try:
            await pool.executemany(
                f"INSERT INTO {TABLE} VALUES (?, ?)", [(i, 100) for i in range(10)]
            )
            moves = [(i % 10, (i * 7 + 1) % 10) for i in range(100)]
            await asyncio.gather(*(pool.retry(transfer, *move) for move in moves))

            async with pool.transaction(readonly=True) as db:
                print("coins", await db.fetchval(f"SELECT sum(coins) FROM {TABLE}"))
            stats = pool.stats()
            print("loans", stats.acquires, "never above", stats.size <= stats.max_size)
            print("in use", stats.in_use, "waiting", stats.waiting)
        finally:
            await pool.execute(f"DROP TABLE {TABLE}")


if __name__ == "__main__":
    asyncio.run(main())

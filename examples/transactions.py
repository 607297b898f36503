"""Blocks, savepoints, and what is left when something goes wrong."""

import asyncio
import os

import asyncdb

URL = os.environ.get("DATABASE_URL") or "sqlite://"


async def balances(db: asyncdb.Connection) -> list[int]:
    """Return what everybody has."""
    return await db.fetchall("SELECT amount FROM purses ORDER BY name", into=int)


async def pay(db: asyncdb.Connection, payer: str, payee: str, amount: int) -> None:
    """Move money: both updates, or none."""
    move = "UPDATE purses SET amount = amount + ? WHERE name = ?"
    async with db.transaction():
        await db.execute(move, [amount, payee])
        await db.execute(move, [-amount, payer])  # may be more than there is


async def main() -> None:
    """Pay, fail to pay, and go on."""
    async with asyncdb.connect(URL, statement_timeout=10) as db:
        await db.execute(
            "CREATE TABLE purses (name VARCHAR(20) PRIMARY KEY, amount INTEGER, "
            "CONSTRAINT not_below_zero CHECK (amount >= 0))"
        )
        try:
            people = [("Ann", 10), ("Bob", 0)]
            await db.executemany("INSERT INTO purses VALUES (?, ?)", people)

            await pay(db, "Ann", "Bob", 7)
            print("Ann pays 7:", await balances(db))

            try:
                await pay(db, "Ann", "Bob", 7)
            except asyncdb.CheckViolation as error:
                print("Ann pays 7 again:", error.constraint, await balances(db))

            async with db.transaction():
                await pay(db, "Bob", "Ann", 1)
                try:
                    await pay(db, "Bob", "Ann", 100)  # a savepoint in here
                except asyncdb.CheckViolation:
                    await pay(db, "Bob", "Ann", 1)
            print("Bob pays 1, not 100, and 1:", await balances(db))
        finally:
            await db.execute("DROP TABLE purses")


asyncio.run(main())

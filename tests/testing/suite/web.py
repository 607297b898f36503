"""The application on the web; it is made when it is imported, with its real database."""

from fastapi import FastAPI
from shop import Shop

from asyncdb.contrib.fastapi import PoolDep, TransactionDep, register_asyncdb

app = FastAPI()
register_asyncdb(app, "postgresql://nobody@127.0.0.1:1/production", max_size=4)


@app.post("/customers/{name}")
async def add(name: str, pool: PoolDep) -> int:
    """Add a customer."""
    return await Shop(pool).register(name)


@app.get("/customers")
async def customers(db: TransactionDep) -> list[str]:
    """List them."""
    return await db.fetchall("SELECT name FROM customers ORDER BY id", into=str)

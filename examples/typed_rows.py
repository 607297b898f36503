"""Values into the database and back into a dataclass, on SQLite or DATABASE_URL."""

import asyncio
import os
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from uuid import UUID

import asyncdb

URL = os.environ.get("DATABASE_URL") or "sqlite://"


class Size(Enum):
    """How large."""

    SMALL = "S"
    LARGE = "L"


@dataclass(frozen=True)
class Order:
    """What is stored."""

    id: UUID
    price: Decimal
    size: Size
    paid: bool
    placed: datetime
    took: timedelta | None
    tags: dict[str, object]


KINDS = "UUID", "Decimal", "str", "bool", "datetime, aware", "timedelta", "dict, list"
NAMES = [field.name for field in fields(Order)]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORDERS = [
    Order(UUID(int=1), Decimal("9.90"), Size.SMALL, True, NOON, None, {"n": [1]}),
    Order(UUID(int=2), Decimal(-3), Size.LARGE, False, NOON, timedelta(1), {"é": "?"}),
]


async def main() -> None:
    """Store, read, compare."""
    async with asyncdb.connect(URL) as db:
        types = [db.dialect.column_types[kind] for kind in KINDS]
        columns = ", ".join(f"{n} {t}" for n, t in zip(NAMES, types, strict=True))
        await db.execute(f"CREATE TABLE typed_orders ({columns})")
        await db.load_rows("typed_orders", NAMES, map(astuple, ORDERS))
        for order in await db.fetchall("SELECT * FROM typed_orders", into=Order):
            print(order in ORDERS, order.size, order.paid, order.took)
        await db.execute("DROP TABLE typed_orders")


if __name__ == "__main__":
    asyncio.run(main())

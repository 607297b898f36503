"""What holds where nothing has leaked."""

import asyncdb
import pytest
from shop import Shop


async def ann_is_new(pool):
    shop = Shop(pool)
    assert await shop.customers() == ["house"]
    assert await shop.orders() == 0
    assert await shop.register("Ann") == 2
    with pytest.raises(asyncdb.UniqueViolation):
        await shop.register("Ann")
    assert await shop.customers() == ["house", "Ann"]
    assert await shop.orders() == 1

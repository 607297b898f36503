"""The pool's kernel, with integers for resources."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import sys
from collections import Counter
from math import nan

import pytest

from asyncdb.pool.kernel import Resources
from asyncdb.wait_queue import Expired


class Numbers:
    """Makes integers, and keeps the books that the kernel is checked against."""

    def __init__(self) -> None:
        self.numbers = itertools.count()
        self.open: set[int] = set()
        self.most = 0  # ever open at once, being opened or closed included
        self.failures: list[BaseException] = []
        self.orders: list[BaseException | asyncio.Event] = []
        self.unfit: dict[int, bool | None] = {}  # judged False or None, once
        self.done: Counter[str] = Counter()
        self.busy = 0
        self.mending: asyncio.Event | None = None

    async def make(self) -> int:
        """Make one, after the next order is carried out."""
        self.busy += 1
        self.note()
        try:
            if self.orders:
                order = self.orders.pop(0)
                if isinstance(order, BaseException):
                    raise order
                await order.wait()
            else:
                await asyncio.sleep(0)
        finally:
            self.busy -= 1
        number = next(self.numbers)
        self.open.add(number)
        self.done["made"] += 1
        return number

    async def mend(self, number: int) -> bool:
        """Mend what is even; odd ones cannot be."""
        self.done["mended"] += 1
        if self.mending is not None:
            await self.mending.wait()
        await asyncio.sleep(0)
        return number % 2 == 0

    async def close(self, number: int) -> None:
        """Close one."""
        await asyncio.sleep(0)
        self.open.remove(number)
        self.done["closed"] += 1

    def fit(self, number: int) -> bool | None:
        """Judge one as it was ordered."""
        return self.unfit.pop(number, True)

    def note(self) -> None:
        """Remember the high-water mark."""
        self.most = max(self.most, len(self.open) + self.busy)

    def pool(self, max_size: int) -> Resources[int]:
        """Give the kernel."""
        return Resources(
            self.make,
            self.mend,
            self.close,
            self.fit,
            self.failures.append,
            max_size=max_size,
        )


@pytest.fixture
def numbers() -> Numbers:
    """Integers and their books."""
    return Numbers()


async def settle(turns: int = 8) -> None:
    """Let every task that can run do so."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def borrow(pool: Resources[int]) -> int:
    """Take an idle one, or wait for one."""
    number = pool.take()
    return await pool.wait(None) if number is None else number


async def shut(pool: Resources[int]) -> None:
    """Close the pool and wait until it is empty."""
    pool.close(RuntimeError)
    async with asyncio.timeout(5):
        await pool.emptied()


async def test_a_resource_is_made_once_and_lent_again(numbers: Numbers) -> None:
    """What was put back is lent again, the last one first, without another task."""
    pool = numbers.pool(3)
    first, second = await borrow(pool), await borrow(pool)
    pool.put(first)
    pool.put(second)

    assert (second, first, None) == (pool.take(), pool.take(), pool.take())
    assert (2, 0) == (pool.size, pool.idle)


async def test_a_hundred_waiters_are_served_in_order(numbers: Numbers) -> None:
    """Those who wait are served exactly in the order of coming."""
    pool = numbers.pool(3)
    order: list[int] = []

    async def work(place: int) -> None:
        number = await borrow(pool)
        order.append(place)
        await asyncio.sleep(0)
        pool.put(number)

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for place in range(100):
            group.create_task(work(place))

    assert list(range(100)) == order
    assert 3 == numbers.most


async def test_nobody_overtakes_who_waits(numbers: Numbers) -> None:
    """One that comes when others wait is not served before them."""
    pool = numbers.pool(1)
    number = await borrow(pool)
    waiting = asyncio.create_task(pool.wait(None))
    await settle()
    pool.put(number)

    assert pool.take() is None
    assert number == await waiting


async def test_a_storm_of_cancellations_leaks_nothing(numbers: Numbers) -> None:
    """10,000 acquires and cancels leak no slot, and never make one too many."""
    pool = numbers.pool(5)
    chance = random.Random(1)
    served = 0

    async def work(steps: int) -> None:
        nonlocal served
        number = await borrow(pool)
        served += 1
        try:
            for _ in range(steps):
                await asyncio.sleep(0)
        finally:
            put = chance.choice([pool.put, pool.put_to_mend, pool.put_to_close])
            put(number)

    for _ in range(100):
        tasks = [asyncio.create_task(work(chance.randrange(4))) for _ in range(100)]
        for task in tasks:
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)
            if chance.random() < 0.6:
                task.cancel()
        async with asyncio.timeout(20):
            await asyncio.gather(*tasks, return_exceptions=True)
    await settle(20)

    assert served > 1000
    assert (0, 0) == (pool.in_use, pool.waiting)
    assert pool.size == pool.idle == len(numbers.open)
    assert 5 == numbers.most
    held = [await borrow(pool) for _ in range(5)]
    assert 5 == len(set(held))


@pytest.mark.parametrize("seed", range(20))
async def test_a_storm_of_everything(seed: int, numbers: Numbers) -> None:
    """Whatever is cancelled, late, dead, doubtful or resized: all are served or told.

    Nobody waits while something is free, and the books are right at the end.
    """
    chance = random.Random(seed)
    pool = numbers.pool(chance.randrange(1, 6))

    def judge(number: int) -> bool | None:
        fit = chance.choice([True, True, None, None, False])
        pool.alarmed = pool.alarmed or fit is False
        return fit

    async def make() -> int:
        if chance.random() < 0.1:
            pool.alarmed = True
            raise OSError
        return await numbers.make()

    pool._fit, pool._make = judge, make

    async def work() -> None:
        number = pool.take()
        if number is None:
            number = await pool.wait(chance.choice([None, None, -1, 0, 1e-3, 5e-3]))
        try:
            await settle(chance.randrange(4))
        finally:
            chance.choice([pool.put, pool.put_to_mend, pool.put_to_close])(number)

    tasks = []
    for _ in range(300):
        tasks.append(asyncio.create_task(work()))
        await settle(chance.randrange(3))
        if chance.random() < 0.2:
            chance.choice(tasks).cancel()
        if chance.random() < 0.05:
            pool.resize(chance.randrange(1, 6))
        if chance.random() < 0.05:
            pool.sweep(lambda _: chance.random() < 0.5)
        waits = any(not waiter.done() for waiter in pool._line.waiters)
        assert pool._tasks or not waits or pool.lacking > 0
    async with asyncio.timeout(20):
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    await settle(20)

    told = {type(end) for end in ended if end is not None}
    assert told <= {asyncio.CancelledError, Expired, OSError}
    assert (0, 0) == (pool.in_use, pool.waiting)
    assert pool.size == pool.idle == len(numbers.open)
    assert numbers.most <= 5
    await shut(pool)
    assert set() == numbers.open


async def test_a_cancelled_waiter_leaves_what_it_asked_for(numbers: Numbers) -> None:
    """A construction goes on without the waiter who began it, and serves the next."""
    pool = numbers.pool(1)
    numbers.orders = [asyncio.Event()]
    (release,) = numbers.orders
    assert isinstance(release, asyncio.Event)
    first = asyncio.create_task(pool.wait(None))
    await settle()
    second = asyncio.create_task(pool.wait(None))
    await settle()
    first.cancel()
    await settle()
    release.set()

    assert 0 == await second
    assert 1 == numbers.done["made"]


async def test_a_stuck_construction_blocks_nobody(numbers: Numbers) -> None:
    """One that never ends does not keep a free resource from the next waiter."""
    pool = numbers.pool(2)
    number = await borrow(pool)
    stuck = asyncio.Event()
    numbers.orders = [stuck]
    first = asyncio.create_task(pool.wait(None))
    await settle()
    pool.put(number)

    assert number == await first
    pool.put(number)
    assert number == pool.take()
    assert 2 == pool.size
    stuck.set()
    await settle()
    assert 1 == pool.idle


async def test_a_failure_goes_to_the_first_who_waits(numbers: Numbers) -> None:
    """A failure to make tells one waiter, and another try serves the next."""
    pool = numbers.pool(1)
    numbers.orders = [OSError("down")]
    first = asyncio.create_task(pool.wait(None))
    second = asyncio.create_task(pool.wait(None))
    done = await asyncio.gather(first, second, return_exceptions=True)

    assert isinstance(done[0], OSError)
    assert 0 == done[1]
    assert 1 == pool.size


async def test_a_failure_that_nobody_waited_for_is_reported(numbers: Numbers) -> None:
    """A failure to make one ahead is the owner's to know."""
    pool = numbers.pool(2)
    numbers.orders = [OSError("down")]
    pool.fill(1)
    await settle()

    assert [OSError] == [type(error) for error in numbers.failures]
    assert 0 == pool.size


async def test_waiting_ends(numbers: Numbers) -> None:
    """Who waits longer than it would is told, and leaves the line."""
    pool = numbers.pool(1)
    number = await borrow(pool)
    with pytest.raises(Expired):
        await pool.wait(0)

    assert 0 == pool.waiting
    pool.put(number)
    assert number == pool.take()


async def test_each_waits_as_long_as_it_would(numbers: Numbers) -> None:
    """Those with less time are told before others, who are served as they came."""
    pool = numbers.pool(1)
    told: list[float | None] = []

    async def work(timeout: float | None) -> None:
        with contextlib.suppress(Expired):
            pool.put(await pool.wait(timeout))
        told.append(timeout)

    for _ in range(2):  # the second time after the line's timer is over
        number = await borrow(pool)
        told.clear()
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            for timeout in (nan, None, 0.09, 0.03, 9, 0.06, 1e-9, 0, -1):
                group.create_task(work(timeout))
            await asyncio.sleep(0.2)
            assert {1e-9, 0, -1} == set(told[:3])
            assert [0.03, 0.06, 0.09] == told[3:]
            pool.put(number)
        assert [nan, None, 9] == told[6:]


async def test_what_needs_mending_is_lent_when_it_is_mended(numbers: Numbers) -> None:
    """A doubtful one is mended before it is lent; meanwhile others are."""
    pool = numbers.pool(2)
    first, second = await borrow(pool), await borrow(pool)
    pool.put(second)
    pool.put(first)
    numbers.unfit = {first: None}
    numbers.mending = asyncio.Event()

    assert second == pool.take()
    numbers.mending.set()
    assert first == await pool.wait(None)


@pytest.mark.parametrize(("alarmed", "mended"), [(False, 1), (True, 3)])
async def test_doubt_mends_as_many_as_wait(
    numbers: Numbers, alarmed: bool, mended: int
) -> None:
    """Who asks has one mended; after an alarm all that are doubtful are, at once."""
    pool = numbers.pool(3)
    for number in [await borrow(pool) for _ in range(3)]:
        pool.put(number)
        numbers.unfit[number] = None
    pool.alarmed = alarmed
    numbers.mending = asyncio.Event()
    waiting = asyncio.create_task(borrow(pool))
    await asyncio.sleep(0)  # it asks
    await asyncio.sleep(0)  # they begin

    assert mended == numbers.done["mended"]
    assert 3 - mended == pool.idle
    numbers.mending.set()
    await waiting
    assert not pool.alarmed


async def test_a_fit_one_behind_doubtful_ones(numbers: Numbers) -> None:
    """A fit one is lent at once, however many doubtful ones came back after it."""
    pool = numbers.pool(4)
    fit, *doubtful = [await borrow(pool) for _ in range(4)]
    for number in (fit, *doubtful):
        pool.put(number)
    numbers.unfit = dict.fromkeys(doubtful)
    numbers.mending = asyncio.Event()

    assert fit == pool.take()
    await settle()
    assert 1 == numbers.done["mended"]
    assert doubtful[:2] == list(pool)  # in the order of before


@pytest.mark.parametrize("count", [3, 10, 11, 14])
async def test_a_few_doubtful_ones_are_looked_past(
    numbers: Numbers, count: int
) -> None:
    """One is mended, few are looked past, and all others lie where they lay."""
    pool = numbers.pool(20)
    rest, fit, *doubtful = [await borrow(pool) for _ in range(count + 2)]
    for number in (rest, fit, *doubtful):
        pool.put(number)
    numbers.unfit = dict.fromkeys(doubtful)
    numbers.mending = asyncio.Event()
    found = pool.take()
    await settle()

    assert 1 == numbers.done["mended"]
    if count <= 10:
        assert (fit, [rest, *doubtful[:-1]]) == (found, list(pool))
    else:
        assert (None, [rest, fit, *doubtful[:-1]]) == (found, list(pool))


async def test_a_wait_that_is_broken_off_from_outside(numbers: Numbers) -> None:
    """A waiter that is thrown out before it was served leaves the line, no more."""
    pool = numbers.pool(1)
    number = await borrow(pool)
    waiting = pool.wait(None)
    waiting.send(None)
    with pytest.raises(asyncio.CancelledError):
        waiting.throw(asyncio.CancelledError())

    assert 0 == pool.waiting
    pool.put(number)
    assert number == pool.take()


async def test_the_doubtful_are_on_their_way(numbers: Numbers) -> None:
    """Who has an idle one mended for it does not lack one."""
    pool = numbers.pool(3)
    for number in [await borrow(pool) for _ in range(3)]:
        pool.put(number)
        numbers.unfit[number] = None
    numbers.mending = asyncio.Event()
    waiting, lacking = [], []
    for _ in range(4):
        assert pool.take() is None
        lacking.append(pool.lacking)
        waiting.append(asyncio.create_task(pool.wait(None)))
        await settle()

    assert [-3, -2, -1, 0] == lacking
    assert 1 == pool.lacking
    numbers.mending.set()
    for task in waiting:
        pool.put(await task)


async def test_instead_of_a_dead_one_another_is_made(numbers: Numbers) -> None:
    """Who waited for one that was dead does not wait for the next doubtful one."""
    pool = numbers.pool(3)
    held = [await borrow(pool) for _ in range(3)]
    for number in sorted(held, key=lambda number: number % 2):  # 1 is lent next
        pool.put(number)
        numbers.unfit[number] = None

    assert 3 == await borrow(pool)
    assert 1 == numbers.done["mended"]
    assert [0, 2] == list(pool)


@pytest.mark.parametrize("failing", ["mend", "close"])
async def test_a_slot_is_free_however_its_task_ended(
    numbers: Numbers, failing: str
) -> None:
    """Who waits is served after a mending or a closing that raised."""

    async def fail(_: int) -> bool:
        raise OSError("broken")

    pool = numbers.pool(1)
    setattr(pool, f"_{failing}", fail)
    number = await borrow(pool)
    waiting = asyncio.create_task(pool.wait(None))
    await settle()
    task = (pool.put_to_mend if failing == "mend" else pool.put_to_close)(number)
    with pytest.raises(OSError, match="broken"):
        await task

    assert 1 == await waiting


@pytest.mark.skipif(sys.version_info < (3, 12), reason="3.12 has eager tasks first")
async def test_eager_tasks_find_the_books_right(numbers: Numbers) -> None:
    """Work that is done in a task's first step is booked as any other."""
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore]
    pool = numbers.pool(1)

    async def close(number: int) -> None:  # at once
        numbers.open.remove(number)

    pool._close = close
    number = await borrow(pool)
    pool.put_to_close(number)

    assert 1 == await borrow(pool)
    assert 1 == pool.size


async def test_what_cannot_be_mended_is_replaced(numbers: Numbers) -> None:
    """One that cannot be mended is closed, and who waits gets a new one."""
    pool = numbers.pool(2)
    await borrow(pool)
    odd = await borrow(pool)
    waiting = asyncio.create_task(pool.wait(None))
    await settle()
    await asyncio.wait([pool.put_to_mend(odd)])

    assert 2 == await waiting
    assert odd not in numbers.open


async def test_an_unfit_one_is_closed_and_holds_its_slot(numbers: Numbers) -> None:
    """A slot is free only when its resource is closed."""
    pool = numbers.pool(1)
    number = await borrow(pool)
    pool.put(number)
    numbers.unfit = {number: False}

    assert pool.take() is None
    assert 1 == pool.size
    assert 1 == await pool.wait(None)
    assert {1} == numbers.open


async def test_putting_back_what_is_not_lent_is_refused(numbers: Numbers) -> None:
    """A resource cannot come back twice."""
    pool = numbers.pool(1)
    number = await borrow(pool)
    pool.put(number)
    with pytest.raises(KeyError):
        pool.put(number)

    assert 1 == pool.idle


async def test_resizing(numbers: Numbers) -> None:
    """A smaller pool closes idle ones now and lent ones later; a larger serves more."""
    pool = numbers.pool(3)
    held = [await borrow(pool) for _ in range(3)]
    pool.put(held.pop())
    pool.resize(1)
    await settle()
    assert 2 == pool.size
    pool.put(held.pop())
    await settle()
    assert 1 == pool.size
    waiting = asyncio.create_task(pool.wait(None))
    await settle()
    pool.resize(2)

    assert 3 == await waiting


async def test_sweeping(numbers: Numbers) -> None:
    """Idle ones are closed by a rule, and the pool is filled again."""
    pool = numbers.pool(3)
    held = [await borrow(pool) for _ in range(3)]
    for number in held:
        pool.put(number)
    pool.sweep(lambda number: number == 1)
    await settle()
    assert {1} == numbers.open
    pool.fill(2)
    await settle()

    assert [1, 3] == list(pool)


async def test_closing_waits_for_what_is_lent(numbers: Numbers) -> None:
    """A closed pool refuses who waits, and is empty when the last one is back."""
    pool = numbers.pool(1)
    number = await borrow(pool)
    waiting = asyncio.create_task(pool.wait(None))
    await settle()
    pool.close(RuntimeError)
    with pytest.raises(RuntimeError):
        await waiting
    empty = asyncio.create_task(pool.emptied())
    await settle()
    assert not empty.done()
    pool.put(number)
    await empty

    assert (set(), 0) == (numbers.open, pool.size)


async def test_closing_stops_constructions(numbers: Numbers) -> None:
    """A stuck construction does not keep a pool from closing."""
    pool = numbers.pool(1)
    numbers.orders = [asyncio.Event()]
    pool.fill(1)
    await settle()
    await shut(pool)

    assert 0 == pool.size


@pytest.mark.parametrize("turns", range(3))
async def test_abandoning(turns: int, numbers: Numbers) -> None:
    """An abandoned pool waits for no task, whether that has begun or not."""
    pool = numbers.pool(4)
    held = [await borrow(pool) for _ in range(3)]
    numbers.orders = [asyncio.Event()]
    pool.fill(4)
    numbers.mending = asyncio.Event()
    pool.put_to_mend(held.pop())
    pool.put_to_close(held.pop())
    await settle(turns)
    pool.abandon(RuntimeError)
    await pool.emptied()
    await settle()
    assert 1 == pool.size
    pool.forget(held.pop())

    assert (0, 0, 0) == (pool.size, pool.in_use, pool.idle)


@pytest.mark.parametrize("steps", range(12))
async def test_cancelled_at_any_step(steps: int, numbers: Numbers) -> None:
    """A borrower that is cancelled at any step leaves the books right."""
    pool = numbers.pool(1)

    async def work() -> None:
        number = await borrow(pool)
        try:
            await asyncio.sleep(0)
        finally:
            await asyncio.wait([pool.put_to_mend(number)])

    tasks = [asyncio.create_task(work()) for _ in range(2)]
    await settle(steps)
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await settle(20)

    assert (0, 0) == (pool.in_use, pool.waiting)
    assert pool.size == pool.idle == len(numbers.open)
    await shut(pool)
    assert set() == numbers.open

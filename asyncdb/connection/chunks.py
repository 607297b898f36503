"""Many rows on their way to one statement, a list at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

from asyncdb.errors import ParameterError

Rows: TypeAlias = (
    Iterable[Sequence[Any]]
    | Iterable[Mapping[str, Any]]
    | AsyncIterable[Sequence[Any]]
    | AsyncIterable[Mapping[str, Any]]
)

# Rows of an iterator held at a time: enough for a full round trip, little in memory.
BATCH = 5_000


async def chunks(rows: Rows, size: int = BATCH) -> AsyncGenerator[list[Any]]:
    """Give the rows of any iterable in lists; a list or tuple comes whole.

    Args:
        rows: an iterable or async iterable, which is never held as a whole.
        size: rows in one list.

    Raises:
        ParameterError: `rows` is a text, a mapping or nothing iterable.
    """
    if isinstance(rows, list | tuple):
        if rows:
            yield list(rows)
    elif isinstance(rows, AsyncIterable):
        batch: list[Any] = []
        async for row in rows:
            batch.append(row)
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch
    elif not isinstance(rows, str | bytes | Mapping) and _is_iterable(rows):
        iterator = iter(rows)
        while batch := list(islice(iterator, size)):
            yield batch
    else:
        message = (
            "executemany() takes an iterable of rows, each a list, tuple or mapping, "
            f"not a {type(rows).__name__}"
        )
        raise ParameterError(message)


def _is_iterable(rows: object) -> bool:
    return isinstance(rows, Iterable)

"""Tables in the order of their foreign keys."""

from __future__ import annotations

from collections.abc import Iterable

from asyncdb.contrib.copying.schema import Table


def in_order(tables: Iterable[Table]) -> list[Table]:
    """Return tables so that each comes after those it refers to, as far as that can be.

    Example:
        >>> from asyncdb.contrib.copying.schema import ForeignKey
        >>> a = Table("a", foreign_keys=[ForeignKey(("b",), "b", ("id",))])
        >>> [table.name for table in in_order([a, Table("b")])]
        ['b', 'a']
    """
    waiting = {table.name: table for table in sorted(tables, key=lambda one: one.name)}
    needs = {
        table.name: {key.table for key in table.foreign_keys}
        & {*waiting} - {table.name}
        for table in waiting.values()
    }
    found = []
    while waiting:
        free = [name for name in waiting if not needs[name] & {*waiting}]
        if not free:  # a circle: begin where the least is missing
            free = [min(waiting, key=lambda name: len(needs[name] & {*waiting}))]
        found += [waiting.pop(name) for name in free]
    return found


def in_circles(tables: Iterable[Table]) -> set[str]:
    """Return the names of tables that refer to themselves by way of others."""
    needs = {
        table.name: {key.table for key in table.foreign_keys} - {table.name}
        for table in tables
    }

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        ahead = [start]
        while ahead:
            for name in needs.get(ahead.pop(), set()) - seen:
                seen.add(name)
                ahead.append(name)
        return seen

    return {name for name in needs if name in reached(name)}

"""Names that the target keeps, each once."""

from __future__ import annotations

import hashlib

import asyncdb


class Names:
    """Gives out names, no two of which the target would take for one.

    Args:
        target: the engine, which says how long a name may be.
        folds: names that differ in case alone are one.

    Example:
        >>> from asyncdb.dialect import Dialect
        >>> names = Names(Dialect(name="mydb", max_identifier_length=12), folds=True)
        >>> names.take("users"), names.take("Users"), names.take("a_very_long_name")
        ('users', 'Use_a8cfec08', 'a_v_f550bb8d')
    """

    def __init__(self, target: asyncdb.Dialect, *, folds: bool) -> None:
        self._target = target
        self._folds = folds
        self._taken: set[str] = set()

    def take(self, wanted: str) -> str:
        """Return the name, or one made from it that is free and short enough."""
        name = wanted
        if not self._fits(name) or self._key(name) in self._taken:
            name = self._shortened(wanted)
        self._taken.add(self._key(name))
        return name

    def _key(self, name: str) -> str:
        return name.lower() if self._folds else name

    def _fits(self, name: str) -> bool:
        most = self._target.max_identifier_length
        in_bytes = self._target.max_identifier_unit == "bytes"
        return not most or len(name.encode() if in_bytes else name) <= most

    def _shortened(self, name: str) -> str:
        digest = hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
        kept = name
        while not self._fits(f"{kept}_{digest}"):
            kept = kept[:-1]
        found, number = f"{kept}_{digest}", 1
        while self._key(found) in self._taken:
            number += 1
            found = f"{kept[:-4]}_{digest}_{number}"
        return found

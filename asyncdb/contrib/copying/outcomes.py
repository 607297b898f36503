"""Why a copy was not made, or not kept."""

from __future__ import annotations

from collections.abc import Sequence

import asyncdb
from asyncdb.contrib.copying.schema import Problem


class CopyRefused(asyncdb.InterfaceError):
    """Nothing was written: the plan has problems, or the target is not empty.

    Args:
        problems: what the target would not have.
        message: in other words.
    """

    def __init__(self, problems: Sequence[Problem], message: str = "") -> None:
        self.problems = tuple(problems)
        lines = "".join(f"\n  {one}" for one in self.problems)
        super().__init__(
            message
            or f"{len(self.problems)} things cannot be copied as they are; mend them, "
            f"or skip_problems accepts what is said of each:{lines}"
        )


class CopyMismatch(asyncdb.DataError):
    """What the target has is not what the source gave; nothing of it was kept."""

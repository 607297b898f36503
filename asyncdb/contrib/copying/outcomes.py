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
            or "not everything can be copied as it is; mend what the lines tell, or "
            f"accept it by skip_problems=True (asyncdb copy --skip):{lines}"
        )


class CopyMismatch(asyncdb.DataError):
    """What the target has is not what the source gave; nothing of it was kept."""

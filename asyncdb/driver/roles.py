"""What a server is among those of one database, and whether it is what is wanted.

The words are libpq's:
https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-TARGET-SESSION-ATTRS
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from asyncdb.options import TargetSessionAttrs

_WANTED: Final[Mapping[TargetSessionAttrs, str]] = {
    "prefer-standby": "one that is ready",
    "read-write": "a server that takes writes",
    "read-only": "a server that takes none",
    "primary": "a primary",
    "standby": "a standby",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What a server says of itself.

    Args:
        standby: it repeats what another server does (PostgreSQL's recovery; MySQL's
            and MariaDB's global `read_only`, `super_read_only`, `innodb_read_only`).
        read_only: a transaction that says nothing else cannot write.
        unready: why the server should serve nobody at the moment; `""` if it may. It
            fits `any` alone.

    Example:
        >>> Role(standby=True).fits("read-write"), Role().fits("primary")
        (False, True)
        >>> Role(standby=True).misfit("primary")
        'it is a standby; target_session_attrs=primary wants a primary'
    """

    standby: bool = False
    read_only: bool = False
    unready: str = ""

    def fits(self, wanted: TargetSessionAttrs) -> bool:
        """Tell whether the server is what `target_session_attrs` wants.

        Args:
            wanted: libpq's word; `prefer-standby` takes any that is ready, for which
                is the better one only a look at all of them can tell.

        Returns:
            Whether a session on it may be used.
        """
        if wanted == "any":
            return True
        if self.unready:
            return False
        writes = not (self.standby or self.read_only)
        return {
            "read-write": writes,
            "read-only": not writes,
            "primary": not self.standby,
            "standby": self.standby,
            "prefer-standby": True,
        }[wanted]

    def misfit(self, wanted: TargetSessionAttrs) -> str:
        """Say why a server that does not fit is not the one.

        Args:
            wanted: libpq's word.

        Returns:
            A sentence about "it".
        """
        if self.unready:
            return f"it is not ready: {self.unready}"
        if self.standby:
            what = "a standby"
        elif self.read_only:
            what = "read-only"
        else:
            what = "a primary that takes writes"
        return f"it is {what}; target_session_attrs={wanted} wants {_WANTED[wanted]}"

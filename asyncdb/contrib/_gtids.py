"""MariaDB's global transaction identifiers: what a server has, as far as it is seen.

A GTID is `domain-server-number`, and numbers grow through a domain, whichever server
gives them (https://mariadb.com/kb/en/gtid/).
"""

from __future__ import annotations

from collections.abc import Mapping

_LOG = "GTID_BINLOG_STATE"
_SEEN = ("GTID_SLAVE_POS", "GTID_CURRENT_POS")


def shows(variables: Mapping[str, str], gtids: str) -> bool:
    """Tell whether all that has these GTIDs can be read on a server.

    A replica's log has a transaction a moment before it can be read. Its place in the
    domain is told when it can, but of the last server alone: both must be that far.

    Args:
        variables: the server's, by their names.
        gtids: with commas between them.

    Example:
        >>> there = {"GTID_BINLOG_STATE": "0-1-7,0-2-9", "GTID_SLAVE_POS": "0-2-8"}
        >>> there["GTID_CURRENT_POS"] = "0-2-8"
        >>> [shows(there, gtid) for gtid in ("0-1-7", "0-2-8", "0-2-9", "0-1-8")]
        [True, True, False, False]
    """
    last: dict[str, int] = {}
    for name in (_LOG, *_SEEN):
        for origin, domain, number in _divided(variables[name]):
            last[origin] = max(last.get(origin, -1), number)
            if name != _LOG:
                last[domain] = max(last.get(domain, -1), number)
    return all(
        min(last.get(origin, -1), last.get(domain, -1)) >= number
        for origin, domain, number in _divided(gtids)
    )


def _divided(gtids: str) -> list[tuple[str, str, int]]:
    found = []
    for gtid in filter(None, gtids.split(",")):
        domain, server, number = gtid.split("-")
        found.append((f"{domain}-{server}", domain, int(number)))
    return found

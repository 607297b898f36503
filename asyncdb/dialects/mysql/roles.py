"""What the server is among others: asked by one query, whatever kind of cluster it is.

There is nothing in MySQL that says "standby": replicas are kept from being written to
by the global `read_only`, `super_read_only`, and Aurora's by `innodb_read_only`, so
that is what a standby is here. Of clusters without a primary each node may be one; what
counts is whether it has the majority's ear: Galera tells by the status `wsrep_ready`
(https://galeracluster.com/library/documentation/galera-status-variables.html), Group
Replication by its table of members
(https://dev.mysql.com/doc/refman/en/performance-schema-replication-group-members-table.html).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from asyncdb.dialect import Dialect
from asyncdb.driver import Role

_OFF = frozenset(["0", "OFF", ""])
_ME = "member_id = @@server_uuid"
_MEMBERS = "performance_schema.replication_group_members"
# Columns of the query; a server that is no member of anything gives NULL.
_NO_MEMBER = ("NULL", "NULL")
_MEMBER = (
    f"(SELECT MAX(member_state) FROM {_MEMBERS} WHERE {_ME})",
    f"(SELECT SUM(member_state = 'UNREACHABLE') * 2 >= COUNT(*) FROM {_MEMBERS})",
)
_STATUS: Final = (
    "(SELECT MAX(variable_value) FROM {table} WHERE variable_name = '{name}')"
)
_FEATURES: Final = 7
_SINCE: Final = (8,)  # the name transaction_read_only, and no other


def role_columns(
    dialect: Dialect, scope: Literal["session", "global"], *, members: bool = True
) -> str:
    """Return the columns of a SELECT that `read_role` reads.

    Args:
        dialect: the server's.
        scope: `"session"` to see what a transaction of this session finds, `"global"`
            for what the server itself says.
        members: ask for the members of a Group Replication, for which a user needs a
            privilege.
    """
    mariadb = dialect.flavor == "mariadb"
    new = not mariadb and dialect.server_version >= _SINCE
    transaction = "transaction_read_only" if new else "tx_read_only"
    table = "information_schema.global_status"
    wsrep = "'ON'"
    if mariadb:
        variables = "information_schema.global_variables"
        wsrep = _STATUS.format(table=variables, name="WSREP_ON")
    elif new:
        table = "performance_schema.global_status"
    member = _MEMBER if members and new else _NO_MEMBER
    columns = (
        "@@global.read_only",
        "0" if mariadb else "@@global.super_read_only",
        "@@global.innodb_read_only",
        f"@@{scope}.{transaction}",
        f"CASE WHEN {wsrep} = 'ON' THEN "
        + _STATUS.format(table=table, name="WSREP_READY")
        + " END",
        *member,
    )
    return ", ".join(columns)


def read_role(row: Sequence[Any]) -> Role:
    """Make a role of the answer to `role_columns`, the last columns of a row."""
    only, superior, engine, transaction, ready, state, alone = row[-_FEATURES:]
    unready = ""
    if ready is not None and str(ready).upper() != "ON":
        unready = "a node that has lost sight of its cluster, or is still joining it"
    elif state is not None and str(state).upper() != "ONLINE":
        unready = f"a member of a group, in the state {state}"
    elif alone:
        unready = "a member of a group that does not hear the majority of it"
    standby = not _OFF.issuperset(
        str(each).upper() for each in (only, superior, engine)
    )
    return Role(
        standby=standby,
        read_only=str(transaction).upper() not in _OFF,
        unready=unready,
    )

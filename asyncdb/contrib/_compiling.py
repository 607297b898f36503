"""SQLAlchemy statements as texts that asyncdb binds; used by `contrib.sqlalchemy`.

SQLAlchemy's own dialects write the text, with `:name` for each parameter; what they
would ask of a connection first is told by ours. What they do with values is kept, but
where asyncdb's drivers take or give other values than the ones that SQLAlchemy knows.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, Final, cast

from sqlalchemy import ClauseElement, Table, exc, types
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.dialects.mysql.mariadb import MariaDBDialect
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.schema import DDLElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

import asyncdb
from asyncdb.contrib._column_types import (
    LiteDate,
    LiteDateTime,
    LiteNumeric,
    LiteTime,
    MySQLJSON,
    PlainDateTime,
    Process,
)
from asyncdb.contrib._moments import MomentCompiler
from asyncdb.contrib._old_moments import UniqueMoments

_Expand: Final[type[Any]] = type(asyncdb.expand(()))
CACHED: Final = 500
LONGEST_PADDED: Final = 1000  # longer lists would come near a server's limit
# Characters of columns' names that end a `:name`.
_ESCAPES: Final = {c: f"_x{ord(c):02x}_" for c in " %():.[]-+/*'\",;=<>!?@#$&|~^{}`\\"}


# -- dialects --------------------------------------------------------------------------


def _in_parentheses(compiler: Any, kind: Any, impl: Any, marker: str) -> Any:
    """In `a[:n]` asyncdb sees the bound of a slice, in `a[(:n)]` a parameter."""
    above: Any = super(type(compiler), compiler)
    return above.render_bind_cast(kind, impl, f"({marker})")


def _naming(
    kind: type[Any], compiler: type[Any] | None = None, **changes: Any
) -> type[Any]:
    """Make a dialect of ours from one of SQLAlchemy's."""
    changes["bindname_escape_characters"] = _ESCAPES
    compiler = type("Compiler", (compiler or kind.statement_compiler,), changes)
    space = {"statement_compiler": compiler, "supports_statement_cache": True}
    return type(kind.__name__, (kind,), space)


_PostgreSQL: Final = _naming(PGDialect_asyncpg, render_bind_cast=_in_parentheses)
_MySQL: Final = _naming(MySQLDialect)
_MariaDB: Final = _naming(MariaDBDialect)
_SQLite: Final = _naming(SQLiteDialect, MomentCompiler)
_LITE: Final = {
    types.Date: LiteDate,
    types.DateTime: LiteDateTime,
    types.Time: LiteTime,
    types.Numeric: LiteNumeric,
}


def sqlalchemy_dialect(facts: asyncdb.Dialect) -> Any:
    """Make SQLAlchemy's dialect for a database, as if it had asked the server."""
    if facts.name == "postgresql":
        dialect = _PostgreSQL(paramstyle="named")
        if own_range := _range_of(facts):
            dialect.dbapi = SimpleNamespace(
                asyncpg=SimpleNamespace(Range=own_range), Binary=bytes
            )
            # Bits are texts there.
            dialect.colspecs = {**dialect.colspecs, pg.BIT: pg.BIT}
        else:
            with suppress(ImportError):  # ranges and bits are of asyncpg's own types
                dialect.dbapi = _PostgreSQL.import_dbapi()
        dialect._supports_jsonb_subscripting = facts.server_version >= (14,)
    elif facts.name == "sqlite":
        dialect = _SQLite(paramstyle="named")
        dialect.colspecs = {**dialect.colspecs, **_LITE}
    elif facts.name == "mysql":
        dialect = _mysql(facts)
    else:
        message = f"SQLAlchemy has no dialect that asyncdb knows for {facts.name}"
        raise asyncdb.NotSupportedError(message)
    dialect.server_version_info = facts.server_version
    return dialect


def _range_of(facts: asyncdb.Dialect) -> Any:
    """Return what makes a range for a driver that has its own, and is not asyncpg."""
    ranges = (kind for kind in facts.encoders if kind.__name__ == "Range")
    kind: Any = next(ranges, None)
    if kind is None or kind.__module__.startswith("asyncpg"):
        return None

    def make(
        lower: Any = None,
        upper: Any = None,
        *,
        lower_inc: bool = True,
        upper_inc: bool = False,
        empty: bool = False,
    ) -> Any:
        bounds = ("[" if lower_inc else "(") + ("]" if upper_inc else ")")
        return kind(empty=True) if empty else kind(lower, upper, bounds)

    return make


def _mysql(facts: asyncdb.Dialect) -> Any:
    is_mariadb = facts.flavor == "mariadb"
    dialect = (_MariaDB if is_mariadb else _MySQL)(paramstyle="named")
    own = {
        types.DateTime: PlainDateTime,
        types.JSON: MySQLJSON,
        mysql.BIT: types.Integer,
    }
    dialect.colspecs = {**dialect.colspecs, **own}
    dialect.supports_native_decimal = True
    dialect._backslash_escapes = False  # the portable session's
    dialect.supports_sequences = is_mariadb
    dialect.insert_returning = dialect.delete_returning = is_mariadb
    new = not is_mariadb and facts.server_version >= (8, 0, 20)
    dialect._requires_alias_for_on_duplicate_key = new
    dialect.supports_for_update_of = dialect.use_mysql_for_share = new
    with suppress(AttributeError):  # SQLAlchemy 2.0 works them out itself
        dialect._support_default_function = dialect._support_float_cast = True
    return dialect


_compilers: dict[tuple[Any, ...], Compiler] = {}


def compiler_for(facts: asyncdb.Dialect) -> Compiler:
    """Return the compiler for a kind of server, which all its connections share."""
    own = _range_of(facts) is not None
    key = (facts.name, facts.flavor, facts.server_version, own)
    found = _compilers.get(key)
    if found is None:
        found = _compilers[key] = Compiler(sqlalchemy_dialect(facts))
    return found


def unique_moments(table: Table, facts: asyncdb.Dialect) -> UniqueMoments | None:
    """Return those of a table's moments that must be unique, if it has any."""
    return UniqueMoments.of(table, compiler_for(facts).dialect)


# -- statements ------------------------------------------------------------------------


class Compiler:
    """Compiles statements for one database, each kind of statement once.

    Args:
        dialect: SQLAlchemy's.
    """

    def __init__(self, dialect: Any) -> None:
        self.dialect = dialect
        self._kept: OrderedDict[Any, Ready] = OrderedDict()

    def ready(
        self, statement: Any, names: Sequence[str] = (), *, many: bool = False
    ) -> tuple[Ready, Any]:
        """Compile a statement, or find it compiled.

        Args:
            statement: of SQLAlchemy.
            names: of the parameters that are given besides it.
            many: it will run for many rows.

        Returns:
            What is compiled, and SQLAlchemy's key with this statement's own values.
        """
        if not isinstance(statement, ClauseElement):
            message = f"a text or a statement, not {type(statement).__name__}"
            raise asyncdb.InterfaceError(message)
        if isinstance(statement, FunctionElement):
            statement = statement.select()
        own = getattr(statement, "_generate_cache_key", lambda: None)()
        if own is None:
            return self._compile(statement, names, many=many, own=None), None
        key = (own[0], tuple(names), many)
        found = self._kept.get(key)
        if found is None:
            found = self._compile(statement, names, many=many, own=own)
            self._kept[key] = found
            if len(self._kept) > CACHED:
                self._kept.popitem(last=False)
        else:
            with suppress(KeyError):  # a loop in another thread has just dropped it
                self._kept.move_to_end(key)
        return found, own

    def _compile(
        self, statement: Any, names: Sequence[str], *, many: bool, own: Any
    ) -> Ready:
        options: dict[str, Any] = {}
        if not isinstance(statement, DDLElement):
            options = {"for_executemany": many, "cache_key": own, "column_keys": names}
        try:
            compiled: Any = statement.compile(dialect=self.dialect, **options)
        except exc.CompileError as error:
            unknown = str(error).startswith("Unconsumed column names")
            kind = asyncdb.ParameterError if unknown else asyncdb.NotSupportedError
            raise kind(str(error)) from error
        for verb in ("insert", "update", "delete"):
            if getattr(compiled, f"is{verb}", False) and compiled.effective_returning:
                self._refuse_returning(verb)
        return Ready(compiled, self.dialect)

    def _refuse_returning(self, verb: str) -> None:
        """Say in clear words what the server would call a syntax error."""
        if not getattr(self.dialect, f"{verb}_returning"):
            message = f"this database has no {verb.upper()} ... RETURNING"
            raise asyncdb.NotSupportedError(message)


class Ready:
    """A statement compiled: what makes texts, parameters and rows of it.

    Args:
        compiled: SQLAlchemy's.
        dialect: SQLAlchemy's.
    """

    def __init__(self, compiled: Any, dialect: Any) -> None:
        self._compiled = compiled
        self._dialect = dialect
        self.text = str(compiled)
        self.is_sql = isinstance(compiled, SQLCompiler)
        self.unique = UniqueMoments.written_by(compiled, dialect)
        # PostgreSQL tells a new key by RETURNING, which SQLAlchemy has added.
        self.tells_key = bool(getattr(compiled, "implicit_returning", None))
        self._processes: dict[Any, list[Process | None] | None] = {}
        if self.is_sql:
            names = compiled.bind_names.items()
            self._known = {bind.key for bind, _ in names} | {n for _, n in names}
            self._lists = [compiled.bind_names[b] for b in compiled.post_compile_params]
            self._is_late = bool(self._lists or compiled.literal_execute_params)
            self._binders = compiled._bind_processors
            self._escaped = compiled.escaped_bind_names or {}

    def bind(self, given: Mapping[str, Any] | None, own: Any) -> tuple[str, Any]:
        """Return the text to send and its parameters, for one call.

        Args:
            given: parameters given besides the statement.
            own: SQLAlchemy's key, with the statement's own values.
        """
        if not self.is_sql:
            if given:
                raise asyncdb.ParameterError("this statement takes no parameters")
            return self.text, None
        values = self._values(given, own)
        text, binders = self.text, self._binders
        if self._is_late:  # lists, and values that become text
            for name in self._lists:
                values[name] = _padded(name, values[name])
            state = self._compiled._process_parameters_for_postcompile(values)
            text, binders = state.statement, {**binders, **state.processors}
        escaped = self._escaped
        params = {
            escaped.get(name, name): _bound(binders[name], v) if name in binders else v
            for name, v in values.items()
        }
        return text, params or None

    def _values(self, given: Mapping[str, Any] | None, own: Any) -> dict[str, Any]:
        compiled = self._compiled
        if given is not None and (unknown := given.keys() - self._known):
            listed = ", ".join(sorted(map(str, unknown)))
            raise asyncdb.ParameterError(f"no parameter for {listed}")
        # SQLAlchemy 2.1 keeps the values of `statement.params()` apart.
        more = {"_collected_params": own[2]} if own is not None and own[2:] else {}
        try:
            values: dict[str, Any] = compiled.construct_params(
                given,
                extracted_parameters=own[1] if own is not None else None,
                escape_names=False,
                **more,
            )
        except exc.InvalidRequestError as error:
            raise asyncdb.ParameterError(str(error)) from error
        if compiled.isinsert or compiled.isupdate:
            _set_defaults(compiled, values)
        return values

    def processes(
        self, columns: Sequence[tuple[str, Any]]
    ) -> list[Process | None] | None:
        """Return what is to be done with each column; `None` for nothing at all."""
        key = tuple(columns)
        if key not in self._processes:
            found = [self._process(i, *column) for i, column in enumerate(columns)]
            self._processes[key] = found if any(found) else None
        return self._processes[key]

    def _process(self, index: int, name: str, code: Any) -> Process | None:
        entries = getattr(self._compiled, "_result_columns", None) or ()
        if self._compiled._ordered_columns:
            entry = entries[index] if index < len(entries) else None
        else:
            entry = next((e for e in entries if e.keyname == name), None)
        if entry is None:
            return None
        found = entry.type._cached_result_processor(self._dialect, code)
        return cast("Process | None", found)


def _bound(process: Process, value: Any) -> Any:
    """Bind a value, or each one of a list for the IN of a `text()`."""
    if isinstance(value, _Expand):
        return asyncdb.expand(map(process, value.values))
    return process(value)


def _padded(name: str, values: Any) -> list[Any]:
    """Repeat the last value up to a power of two, so that few texts are made."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        kind = type(values).__name__
        raise asyncdb.ParameterError(f"parameter :{name} takes a list, not a {kind}")
    found = list(values)
    if 1 < len(found) <= LONGEST_PADDED:
        found += found[-1:] * ((1 << (len(found) - 1).bit_length()) - len(found))
    return found


class _Defaults:
    """What a default that takes a context may ask."""

    get_current_parameters: Any = DefaultExecutionContext.get_current_parameters

    def __init__(self, compiled: Any, values: Mapping[str, Any], column: Any) -> None:
        self.compiled = compiled
        self.current_parameters = values
        self.current_column = column

    @property
    def connection(self) -> Any:
        raise _refused(self.current_column)


def _refused(column: Any) -> asyncdb.NotSupportedError:
    message = f"the default of {column.name} would take a query of its own"
    hint = "give the value, or the column a server_default"
    return asyncdb.NotSupportedError(f"{message}: {hint}")


def _set_defaults(compiled: Any, values: dict[str, Any]) -> None:
    """Ask the columns that make their value in Python for it."""
    inserts = compiled.isinsert
    columns = compiled.insert_prefetch if inserts else compiled.update_prefetch
    key_of = compiled._within_exec_param_key_getter
    for column in columns:
        default = column.default if inserts else column.onupdate
        if default is None:
            continue
        if default.is_callable:
            values[key_of(column)] = default.arg(_Defaults(compiled, values, column))
        elif default.is_scalar:
            values[key_of(column)] = default.arg
        else:
            raise _refused(column)

"""Facts about a database, as data: how its text is quoted, what it can do.

Behaviour lives in drivers; whatever can be said as a fact is said here, so that the
core never asks "which database is this?". A driver makes one `Dialect` for its engine
and, after connecting, a copy with what this server told (`dataclasses.replace`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

# `?`, `$1`, `%s`, or values written into the text.
Placeholder = Literal["qmark", "dollar", "format", "literal"]

# What leaves no trace in a session in any SQL database, and what does in most.
STANDARD_VERBS = frozenset(
    (
        *("SELECT", "VALUES", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE"),
        *("CREATE", "ALTER", "DROP", "GRANT", "REVOKE"),
        *("BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"),
    )
)
# What commits nothing behind one's back in a database where CREATE TABLE does.
TRANSACTIONAL_VERBS = frozenset(
    (
        *("SELECT", "VALUES", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"),
        *("TABLE", "SET", "CALL", "DO", "SHOW", "EXPLAIN", "USE"),
        *("SAVEPOINT", "RELEASE", "ROLLBACK"),
    )
)
# After CREATE: what is the session's own, and so a trace.
STANDARD_WORDS = frozenset(["TEMP", "TEMPORARY"])


# eq=False: a Lexis is compared and hashed by identity, which makes it a cheap key of
# the statement cache. Make few of them, once, at import.
@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Lexis:
    """How an engine, in one session mode, divides SQL text: what the lexer reads.

    Args:
        strings: characters that open and close a string, doubled inside it.
        names: characters that open and close a quoted name, doubled inside it.
        backslash: those of `strings` and `names` in which a backslash takes the next
            character literally.
        escape_strings: `E'...'` has backslash escapes (PostgreSQL).
        dollar_strings: `$tag$...$tag$` is a string (PostgreSQL).
        nested_comments: `/* /* */ */` is one comment (PostgreSQL).
        hash_comments: `#` opens a comment up to the end of the line (MySQL).
        dash_needs_blank: `--` is a comment only before white space, a control
            character or the end of the text (MySQL).
        code_comments: `/*! ... */` and `/*M! ... */` are code (MySQL); markers in
            them are refused.
        brackets: `[...]` is a quoted `"name"` (SQLite), a `"subscript"` in which
            `:x` may be a slice (PostgreSQL), or nothing (`None`).
        question_operators: a bare `?` can be an operator (PostgreSQL's jsonb), so it
            is left alone when parameters are named.
        compounds: words that open a part of a routine's body, in which a `;` does not
            end the statement: of BEGIN, CASE, FOR, IF, LOOP, REPEAT and WHILE.
        delimiter_lines: a line `DELIMITER //` says what ends a statement (MySQL's
            client), in scripts.
        native_markers: a regular expression for the engine's own parameter markers;
            they are refused in a text that has parameters of ours.
    """

    strings: str = "'"
    names: str = '"'
    backslash: str = ""
    escape_strings: bool = False
    dollar_strings: bool = False
    nested_comments: bool = False
    hash_comments: bool = False
    dash_needs_blank: bool = False
    code_comments: bool = False
    brackets: Literal["name", "subscript"] | None = None
    question_operators: bool = False
    compounds: frozenset[str] = frozenset({"BEGIN", "CASE"})
    delimiter_lines: bool = False
    native_markers: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Dialect:
    """What is true of a database: `db.dialect`.

    Args:
        name: the family: `"postgresql"`, `"mysql"`, `"sqlite"`, or a driver's own.
        flavor: the product when it is not the family itself, such as `"mariadb"`.
        server_version: of the server connected to, such as `(15, 18)`; empty before.
        placeholder: what a marker becomes in the text that is sent: `?`, `$1`, `%s`
            or the value as a literal (`"literal"`, rendered by `encoders`).
        lexis: how the text is quoted in the portable session.
        identifier_quote: the character around a quoted name.
        max_identifier_length: how long a name may be that the engine keeps as it is: in
            bytes of UTF-8 or in characters, as the next one says; 0 for any length.
        max_identifier_unit: `"bytes"` (PostgreSQL) or `"characters"` (MySQL).
        encoders: exact type of a parameter -> how its value goes to the driver;
            `None` as a function means as it is. Types that are not here are refused.
        decoders: type that an annotation names -> exact types of the values that it is
            made from, with the function for each (`None`: as it is): the engine's own
            forms, over those that hold everywhere.
        type_codes: a result column's type code -> the exact type that its values
            certainly have where they are not NULL.
        column_types: a name of the portable set -> the column type to declare.
        max_parameters: how many parameters one statement may have; 0 for no limit.
        empty_in: what `IN (...)` becomes for an empty list: false, also for NULL.
        empty_not_in: the same for NOT IN: true.
        text_column: how text of at most `{length}` characters is declared so that it
            may be unique: compared character by character, sorted by code points.
        identity_column: how a column whose keys the database makes is declared; the
            key of a row that was deleted never comes back.
        upsert: what follows VALUES (...) to change the row that is there already:
            `{keys}` are the columns that say which, `{changes}` what SET takes. MySQL
            finds a row by any of its unique keys.
        upsert_value: in `{changes}`, the value for `{column}` that was to be inserted.
        supports_lastrowid: the engine tells the key that an INSERT made.
        supports_returning: INSERT ... RETURNING gives rows.
        supports_transactional_ddl: CREATE TABLE can be rolled back.
        transactional_verbs: without `supports_transactional_ddl`, the first words of
            statements that do not commit what was before them.
        supports_concurrent_connections: two connections may see the same data.
        supports_isolation: the isolation levels that `transaction()` takes.
        harmless_verbs: first words of statements that change nothing in the session
            that outlives their transaction, unless one of `touching_words` is in them.
            After any other statement a pool resets the session, or replaces it.
        touching_words: words, such as names of functions, that leave something behind
            in the session in whatever statement they stand.
        touching_mark: the same for a character, anywhere in the text (MySQL's `@`).
        supports_statement_timeout: the server keeps `statement_timeout` itself.
        supports_notices: the server says things beside its answers, which `on_notice`
            gets.
        supports_skip_locked: SELECT ... FOR UPDATE SKIP LOCKED leaves out the rows that
            somebody else has locked.
        bends_bad_values: a value that does not fit a column is stored changed
            or as it is (SQLite without STRICT tables) instead of refused.
        typed_columns: an untyped read gives a column's declared type back.

    Example:
        >>> from asyncdb.dialect import Dialect
        >>> Dialect(name="mydb", placeholder="qmark").supports_returning
        False
    """

    name: str
    flavor: str = ""
    server_version: tuple[int, ...] = ()
    placeholder: Placeholder = "qmark"
    lexis: Lexis = field(default_factory=Lexis, repr=False)
    identifier_quote: str = '"'
    max_identifier_length: int = 0
    max_identifier_unit: Literal["bytes", "characters"] = "characters"
    encoders: Mapping[type, Any] = field(default_factory=dict, repr=False)
    decoders: Mapping[type, Mapping[type, Any]] = field(
        default_factory=dict, repr=False
    )
    type_codes: Mapping[Any, type] = field(default_factory=dict, repr=False)
    column_types: Mapping[str, str] = field(default_factory=dict, repr=False)
    max_parameters: int = 0
    empty_in: str = "IN (SELECT NULL WHERE 1 = 0)"
    empty_not_in: str = "NOT IN (SELECT NULL WHERE 1 = 0)"
    text_column: str = "VARCHAR({length})"
    identity_column: str = "INTEGER PRIMARY KEY"
    upsert: str = "ON CONFLICT ({keys}) DO UPDATE SET {changes}"
    upsert_value: str = "excluded.{column}"
    supports_lastrowid: bool = False
    supports_returning: bool = False
    supports_transactional_ddl: bool = False
    transactional_verbs: frozenset[str] = field(default=TRANSACTIONAL_VERBS, repr=False)
    supports_concurrent_connections: bool = True
    supports_isolation: frozenset[str] = frozenset()
    harmless_verbs: frozenset[str] = field(default=STANDARD_VERBS, repr=False)
    touching_words: frozenset[str] = field(default=STANDARD_WORDS, repr=False)
    touching_mark: str = ""
    supports_statement_timeout: bool = False
    supports_notices: bool = False
    supports_skip_locked: bool = False
    bends_bad_values: bool = False
    typed_columns: bool = True

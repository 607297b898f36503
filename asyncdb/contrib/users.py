"""A repository of users, the same on every database: the example to copy.

SQL stands in plain sight. What differs between databases (types of columns, how keys
are made and told, how an upsert is spelt) is asked of `db.dialect`. Rules:

1. A method is one statement wherever it can be: atomic by itself, so that the caller
   alone says what belongs to one transaction.
2. What must be unique is kept by the database: to look before would be too early.
3. Every list has an order.
4. No hash of a password leaves the repository.

It needs `pip install 'asyncdb-toolkit[users]'`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, Unpack

import asyncdb
from asyncdb.contrib.passwords import Passwords, Secret, SecretText
from asyncdb.contrib.user import (
    Changes,
    DuplicateUser,
    Filters,
    NewUser,
    StaleUser,
    User,
    UserError,
    UserNotFound,
)

__all__ = [
    "Changes", "DuplicateUser", "Filters", "NewUser", "Secret", "StaleUser", "User",
    "UserError", "UserNotFound", "UserRepository",
]  # fmt: skip

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS users (
    id {identity},
    username {text_150} NOT NULL,
    email {text_254} NOT NULL,
    email_key {text_762} NOT NULL,  -- the email without case: what is compared
    name {text_200} NOT NULL,
    is_active {bool} NOT NULL,
    created_at {instant} NOT NULL,
    version {int} NOT NULL,
    password_hash {text_255},
    CONSTRAINT users_username_key UNIQUE (username),
    CONSTRAINT users_email_key UNIQUE (email_key)
)
"""
DEFAULTS: Final = {"name": "", "is_active": True, "version": 1, "password_hash": None}
# Checked here, for SQLite keeps text of any length.
LIMITS: Final = {"username": 150, "email": 254, "name": 200}
COLUMNS: Final = "id, username, email, name, is_active, created_at, version"
FILTERS: Final = {
    # A range and not LIKE, which minds case on one database and not on another.
    "username_prefix": "username >= :username_prefix AND username < :username_end",
    "is_active": "is_active = :is_active",
    "after": "id > :after",
}
# What a database names in a UniqueViolation: the constraint, or (SQLite) the column.
FIELDS: Final = {
    "users_username_key": "username", "username": "username",
    "users_email_key": "email", "email_key": "email",
}  # fmt: skip


class UserRepository:
    """The users in a database.

    Args:
        db: a connection (inside a transaction or not) or a pool.
        passwords: makes and checks the hashes.

    Example:
        >>> import asyncio, asyncdb
        >>> async def main():
        ...     async with asyncdb.connect("sqlite://") as db:
        ...         users = UserRepository(db)
        ...         await users.create_schema()
        ...         ann = await users.create(
        ...             username="ann", email="Ann@Example.org", password=Secret("x")
        ...         )
        ...         ann = await users.update(ann, name="Ann B.")
        ...         print(ann.id, ann.name, ann.version)
        ...         try:
        ...             await users.create(username="bob", email="ann@example.ORG")
        ...         except DuplicateUser as error:
        ...             print(error)
        >>> asyncio.run(main())
        1 Ann B. 2
        another user has this email
    """

    def __init__(
        self, db: asyncdb.Executor, *, passwords: Passwords | None = None
    ) -> None:
        self._db = db
        self._passwords = passwords or Passwords()

    async def create_schema(self) -> None:
        """Create the table where it is missing."""
        dialect = self._db.dialect
        text = dialect.text_column
        sql = SCHEMA.format(
            identity=dialect.identity_column,
            instant=dialect.column_types["datetime, aware"],
            **{f"text_{n}": text.format(length=n) for n in (150, 200, 254, 255, 762)},
            **dialect.column_types,
        )
        try:
            await self._db.execute(sql)
        except (asyncdb.ProgrammingError, asyncdb.UniqueViolation):
            # PostgreSQL says several things to the slower of two that create it at
            # once (23505, 42710, 42P07). For the second time it is there.
            await self._db.execute(sql)

    async def create(self, **new: Unpack[NewUser]) -> User:
        """Add a user; raises `DuplicateUser`."""
        row = _new_row(await self._columns(new))
        with _duplicates():
            if self._db.dialect.supports_returning:
                key: Any = await self._db.fetchval(f"{_insert(row)} RETURNING id", row)
            else:
                key = (await self._db.execute(_insert(row), row)).lastrowid
        return User(id=key, **_fields(row))

    async def create_many(self, users: Iterable[NewUser]) -> int:
        """Add users, all or none, and return how many; raises `DuplicateUser`."""
        rows = [_new_row(await self._columns(new)) for new in users]
        if rows:
            with _duplicates():
                await self._db.executemany(_insert(rows[0]), rows)
        return len(rows)

    async def get(self, user_id: int) -> User:
        """Return the user with this key; raises `UserNotFound`."""
        return await self._get("id", user_id)

    async def get_by_username(self, username: str) -> User:
        """Return the user with this name; raises `UserNotFound`."""
        return await self._get("username", username)

    async def get_by_email(self, email: str) -> User:
        """Return the user with this address in any case; raises `UserNotFound`."""
        return await self._get("email_key", email.casefold())

    async def find(
        self, *, after: int = 0, limit: int = 50, **filters: Unpack[Filters]
    ) -> list[User]:
        """Return a page in the order of keys; the next is `after=` the last `id`."""
        sql, params = _page(after, limit, filters)
        return await self._db.fetchall(sql, params, into=User)

    async def count(self, **filters: Unpack[Filters]) -> int:
        """Return how many users there are."""
        sql, params = _count(filters)
        return await self._db.fetchval(sql, params, into=int) or 0

    async def find_and_count(
        self, *, after: int = 0, limit: int = 50, **filters: Unpack[Filters]
    ) -> tuple[list[User], int]:
        """Return a page, and how many there are on all of them, asked together."""
        async with self._db.batch(transaction=False) as batch:
            page = batch.fetchall(*_page(after, limit, filters), into=User)
            count = batch.fetchval(*_count(filters), into=int)
        return page.result(), count.result() or 0

    def stream(self, **filters: Unpack[Filters]) -> asyncdb.Stream[User]:
        """Read them all: `async with users.stream() as found`, then `async for`."""
        where, params = _where(filters)
        sql = f"SELECT {COLUMNS} FROM users {where} ORDER BY id"
        return self._db.stream(sql, params, into=User)

    async def update(self, user: User, **changes: Unpack[Changes]) -> User:
        """Change a user that you have read; what is not given stays.

        Raises `StaleUser` when it was changed after you read it, `UserNotFound` when it
        is gone, `DuplicateUser`.
        """
        row = await self._columns(changes)
        if not row:
            return user
        sql = (
            f"UPDATE users SET {', '.join(f'{column} = :{column}' for column in row)}, "
            "version = version + 1 WHERE id = :user_id AND version = :user_version"
        )
        params = {**row, "user_id": user.id, "user_version": user.version}
        with _duplicates():
            matched = (await self._db.execute(sql, params)).rowcount
        if matched == 0:
            await self.get(user.id)
            raise StaleUser(f"user {user.id} is no longer at version {user.version}")
        return replace(user, **_fields(row), version=user.version + 1)

    async def upsert(self, **new: Unpack[NewUser]) -> User:
        """Add a user, or change what is given of the one with this username.

        Raises `DuplicateUser` when another one has the email.
        """
        given = await self._columns(new)
        row = _new_row(given)
        dialect = self._db.dialect
        values = {name: dialect.upsert_value.format(column=name) for name in given}
        # MySQL finds a row by any unique key. One found by its email is another user's:
        # the NULL, which the column refuses, keeps it from being changed.
        mine = f"users.username = {values.pop('username')}"
        values["version"] = f"CASE WHEN {mine} THEN users.version + 1 END"
        changes = ", ".join(f"{name} = {value}" for name, value in values.items())
        change = dialect.upsert.format(keys="username", changes=changes)
        try:
            with _duplicates():
                await self._db.execute(f"{_insert(row)} {change}", row)
        except asyncdb.NotNullViolation as error:
            raise DuplicateUser("email") from error
        return await self.get_by_username(new["username"])

    async def delete(self, user_id: int) -> None:
        """Remove a user; raises `UserNotFound`."""
        sql = "DELETE FROM users WHERE id = ?"
        if (await self._db.execute(sql, [user_id])).rowcount == 0:
            raise UserNotFound(f"there is no user with id {user_id}")

    async def verify_password(self, username: str, password: SecretText) -> User | None:
        """Return the active user who has this name and this password, else `None`.

        Who does not exist is refused in the time of who does.
        """
        sql = "SELECT id, password_hash FROM users WHERE username = ? AND is_active = ?"
        row = await self._db.fetchone(sql, [username, True])
        key, stored = row or (0, None)
        if not await self._passwords.verify(stored, password) or stored is None:
            return None
        if self._passwords.is_outdated(stored):
            fresh = await self._passwords.hash(password)
            sql = (
                "UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?"
            )
            await self._db.execute(sql, [fresh, key, stored])
        return await self.get(key)

    async def _get(self, column: str, value: int | str) -> User:
        sql = f"SELECT {COLUMNS} FROM users WHERE {column} = ?"
        user = await self._db.fetchone(sql, [value], into=User)
        if user is None:
            raise UserNotFound(f"there is no user with this {column}")
        return user

    async def _columns(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns, and their values, of what is given of a user."""
        if unknown := given.keys() - Changes.__annotations__.keys():
            raise TypeError(f"a user has no {', '.join(sorted(unknown))}")
        row = dict(given)
        for field in LIMITS.keys() & row.keys():
            if len(row[field]) > LIMITS[field]:
                message = f"{field} has more than {LIMITS[field]} characters"
                raise asyncdb.StringTooLong(message, columns=(field,))
        if "email" in row:
            row["email_key"] = row["email"].casefold()
        if "password" in row:
            row["password_hash"] = await self._passwords.hash(row.pop("password"))
        return row


def _new_row(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all columns of a new user."""
    return {**DEFAULTS, "created_at": datetime.now(UTC), **given}


def _fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return those columns that a `User` shows."""
    return {name: row[name] for name in row if name in COLUMNS.split(", ")}


def _insert(row: Mapping[str, Any]) -> str:
    names = ", ".join(row)
    return f"INSERT INTO users ({names}) VALUES (:{names.replace(', ', ', :')})"


def _page(after: int, limit: int, filters: Filters) -> tuple[str, dict[str, Any]]:
    where, params = _where({**filters, "after": after})
    sql = f"SELECT {COLUMNS} FROM users {where} ORDER BY id LIMIT :limit"
    return sql, {**params, "limit": limit}


def _count(filters: Filters) -> tuple[str, dict[str, Any]]:
    where, params = _where(filters)
    return f"SELECT count(*) FROM users {where}", params


def _where(filters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    params = {name: value for name, value in filters.items() if value is not None}
    conditions = " AND ".join(FILTERS[name] for name in params)
    if "username_prefix" in params:
        params["username_end"] = params["username_prefix"] + "\U0010ffff"
    return f"WHERE {conditions}" if conditions else "", params


@contextmanager
def _duplicates() -> Iterator[None]:
    """Say which field a `UniqueViolation` is about."""
    try:
        yield
    except asyncdb.UniqueViolation as error:
        for name in (error.constraint, *error.columns):
            if name in FIELDS:
                raise DuplicateUser(FIELDS[name]) from error
        raise

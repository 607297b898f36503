"""A user: what a `UserRepository` takes, gives and raises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NotRequired, TypedDict

from asyncdb.contrib.passwords import SecretText


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """A user as the database has it."""

    id: int  # made by the database; never another user's again
    username: str  # unique; its case counts
    email: str  # unique whatever its case; kept as it was written
    name: str
    is_active: bool
    created_at: datetime  # in UTC
    version: int  # counts the changes; see `update()`


class NewUser(TypedDict):
    """What `create()` takes; a user without a password cannot log in."""

    username: str
    email: str
    name: NotRequired[str]
    is_active: NotRequired[bool]
    password: NotRequired[SecretText]


class Changes(TypedDict, total=False):
    """What `update()` takes: what is not given stays."""

    username: str
    email: str
    name: str
    is_active: bool
    password: SecretText


class Filters(TypedDict, total=False):
    """What chooses users; `None` chooses all."""

    username_prefix: str | None
    is_active: bool | None


class UserError(Exception):
    """The root of what this repository raises on purpose."""


class UserNotFound(UserError):
    """There is no such user."""


class StaleUser(UserError):
    """Somebody has changed the user in the meantime: read it again."""


class DuplicateUser(UserError):
    """Another user has this value; `field` says which: `"username"` or `"email"`."""

    def __init__(self, field: str) -> None:
        super().__init__(f"another user has this {field}")
        self.field = field

"""What comes in and goes out over HTTP."""

from datetime import datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
)


def _whole(secret: SecretStr) -> SecretStr:
    """Refuse half a character, as pydantic does in a `str`: it has no bytes to hash."""
    try:
        secret.get_secret_value().encode()
    except UnicodeEncodeError:
        raise ValueError("it is no valid text") from None
    return secret


Username = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]{1,150}$", examples=["ann"])]
Email = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_.%+\-]+@[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)+$",
        max_length=254,
        examples=["ann@example.org"],
    ),
]
# No NUL: PostgreSQL has none in its texts.
Name = Annotated[str, Field(pattern=r"^[^\x00]*$", max_length=200, examples=["Ann B."])]
Password = Annotated[
    SecretStr,
    Field(min_length=8, max_length=200, examples=["correct horse"]),
    AfterValidator(_whole),
]
# JSON's 1.0 is an integer, says JSON Schema.
Version = Annotated[
    int,
    Field(ge=1, lt=2**31, description="The one that was read.", examples=[1]),
    BeforeValidator(lambda n: int(n) if isinstance(n, float) and n == n // 1 else n),
]


class Strict(BaseModel):
    """A body without fields that nobody knows, and with no "1" for a 1."""

    model_config = ConfigDict(extra="forbid", strict=True)


class UserIn(Strict):
    """A new user."""

    username: Username
    email: Email
    name: Name = ""
    password: Password


class UserReplacement(Strict):
    """All of a user that can be changed, but the password."""

    username: Username
    email: Email
    name: Name
    is_active: bool
    version: Version


class UserChanges(Strict):
    """What to change of a user; what is absent, or null, stays."""

    username: Username | None = None
    email: Email | None = None
    name: Name | None = None
    is_active: bool | None = None
    password: Password | None = None
    version: Version


class UserOut(BaseModel):
    """A user."""

    model_config = ConfigDict(from_attributes=True)

    id: Annotated[int, Field(examples=[1])]
    username: Annotated[str, Field(examples=["ann"])]
    email: Annotated[str, Field(examples=["ann@example.org"])]
    name: Annotated[str, Field(examples=["Ann B."])]
    is_active: bool
    created_at: datetime
    version: Annotated[int, Field(examples=[1])]


class UserPage(BaseModel):
    """Some users, where the next begin, and how many there are on all pages."""

    users: list[UserOut]
    next: Annotated[int | None, Field(description="What `after` is for the next page.")]
    total: int


class Login(Strict):
    """A username and a password."""

    username: Username
    password: Password


class Health(BaseModel):
    """Whether the service can serve."""

    status: Annotated[str, Field(examples=["ready"])]

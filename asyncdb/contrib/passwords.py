"""Passwords: taken as secrets, kept as argon2 hashes, checked in constant time.

It needs `pip install 'asyncdb-toolkit[users]'`.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Final, Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError


class SecretText(Protocol):
    """A text that does not show itself: a `Secret`, or pydantic's `SecretStr`."""

    def get_secret_value(self) -> str:
        """Return the text."""
        ...


class Secret:
    """A text that no `repr`, log line or error shows.

    Example:
        >>> Secret("s3cret")
        Secret('**********')
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """Return the text."""
        return self._text

    def __repr__(self) -> str:
        """Show that there is one."""
        return "Secret('**********')"


class Passwords:
    """Makes and checks hashes, in threads: each costs tens of milliseconds on purpose.

    Args:
        hasher: how much a hash costs; argon2-cffi's advice when `None`.

    Example:
        >>> import asyncio
        >>> async def main():
        ...     passwords = Passwords()
        ...     stored = await passwords.hash(Secret("s3cret"))
        ...     return (
        ...         stored.split("$")[1],
        ...         await passwords.verify(stored, Secret("s3cret")),
        ...         await passwords.verify(stored, Secret("secret")),
        ...         await passwords.verify(None, Secret("s3cret")),
        ...     )
        >>> asyncio.run(main())
        ('argon2id', True, False, False)
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or _ADVISED

    async def hash(self, password: SecretText) -> str:
        """Return what to store of a password.

        Args:
            password: a secret; a plain `str` is refused: it would show itself.
        """
        return await asyncio.to_thread(self._hasher.hash, _text(password))

    async def verify(self, stored: str | None, password: SecretText) -> bool:
        """Tell whether the hash is the password's.

        Args:
            stored: the hash; `None`, where there is none, takes as long.
            password: the secret.
        """
        return await asyncio.to_thread(self._verify, stored, _text(password))

    def is_outdated(self, stored: str) -> bool:
        """Tell whether the hash was made when hashes were cheaper: make it again."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str | None, text: str) -> bool:
        try:
            self._hasher.verify(stored or _hash_of_nobody(self._hasher), text)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None


def _text(password: SecretText) -> str:
    if isinstance(password, str):
        message = "a password is taken as a secret alone: Secret(...), or a SecretStr"
        raise TypeError(message)
    return password.get_secret_value()


@cache
def _hash_of_nobody(hasher: PasswordHasher) -> str:
    return hasher.hash("nobody")


_ADVISED: Final = PasswordHasher()

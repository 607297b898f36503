"""Where a database is: the object, and the grammar of the text it is read from."""

from __future__ import annotations

from asyncdb.url.url import DatabaseURL

__all__ = ["DatabaseURL"]

"""What the environment says."""

import os
from dataclasses import dataclass, field, fields

from pydantic import TypeAdapter


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the service runs and what it runs on.

    Args:
        database_url: options go into it, such as `?max_size=20&acquire_timeout=2`. It
            may hold a password, so it does not show itself.
        migrate: bring the schema up to date before serving; `no` where somebody does
            that apart.
        host: to listen on.
        port: to listen on.
    """

    database_url: str = field(default="sqlite:///users.db", repr=False)
    migrate: bool = True
    host: str = "127.0.0.1"
    port: int = 8000

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read `DATABASE_URL`, `MIGRATE` and so on; what is not set has its default."""
        texts = {one.name: os.environ.get(one.name.upper()) for one in fields(cls)}
        given = {name: text for name, text in texts.items() if text}
        return TypeAdapter(cls).validate_python(given)

"""What the environment says."""

import os
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the service runs and what it runs on.

    Args:
        database_url: options go into it, such as `?max_size=20&acquire_timeout=2`. It
            may hold a password, so it does not show itself.
        host: to listen on.
        port: to listen on.
    """

    database_url: str = field(default="sqlite:///users.db", repr=False)
    host: str = "127.0.0.1"
    port: int = 8000

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read `DATABASE_URL`, `HOST` and `PORT`; what is not set has its default."""
        names = {"database_url": str, "host": str, "port": int}
        found = {name: os.environ.get(name.upper()) for name in names}
        return cls(**{name: names[name](text) for name, text in found.items() if text})

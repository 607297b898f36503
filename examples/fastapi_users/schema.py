"""The schema, brought up to date before the service serves."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config

import asyncdb
from asyncdb.contrib.users import UserRepository
from examples.fastapi_users.settings import Settings

INI = Path(__file__).with_name("alembic.ini")


async def prepare(pool: asyncdb.Pool, settings: Settings) -> None:
    """Make what is missing in the database.

    Each worker calls it: one migrates, the others wait, and find it done.
    """
    if not pool.dialect.supports_concurrent_connections:
        # In memory: Alembic, on a connection of its own, would see another database.
        await UserRepository(pool).create_schema()
    elif settings.migrate:
        # In a thread, for Alembic's run has an event loop of its own.
        await asyncio.to_thread(upgrade, settings)


def upgrade(settings: Settings) -> None:
    """Do what `alembic upgrade head` does."""
    command.upgrade(Config(INI, attributes={"settings": settings}), "head")

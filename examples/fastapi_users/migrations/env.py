"""What Alembic runs, on the service's database.

The tables are written in SQL, so there is no metadata to generate migrations from:
`alembic revision -m "..."` makes an empty one to fill in.
"""

from alembic import context

from asyncdb.contrib.alembic import migrate
from examples.fastapi_users.settings import Settings

settings = context.config.attributes.get("settings") or Settings.from_environment()
migrate(None, settings.database_url)

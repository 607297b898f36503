"""A whole service on asyncdb: users over HTTP, on SQLite, PostgreSQL or MySQL.

python -m examples.fastapi_users
DATABASE_URL=postgresql://user:password@localhost/app python -m examples.fastapi_users
uvicorn examples.fastapi_users.app:app

It needs `pip install 'asyncdb-toolkit[sqlite,fastapi,users,migrations]' uvicorn`. The
page is at /, the documentation at /docs.

It migrates its database before it serves, one worker at a time. With MIGRATE=no it does
not; then somebody else has to::

    alembic -c examples/fastapi_users/alembic.ini upgrade head
"""

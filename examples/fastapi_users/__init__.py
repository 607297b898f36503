"""A whole service on asyncdb: users over HTTP, on SQLite, PostgreSQL or MySQL.

python -m examples.fastapi_users
DATABASE_URL=postgresql://user:password@localhost/app python -m examples.fastapi_users
uvicorn examples.fastapi_users.app:app

It needs `pip install 'asyncdb-toolkit[sqlite,fastapi,users]' uvicorn`. The page is at
/, the documentation at /docs.
"""

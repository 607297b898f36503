"""Sessions of a database that any event loop, in any thread, can use: for tests.

Theory of operation: a test, its fixtures, and an application under Starlette's
`TestClient` each have an event loop of their own, and often a thread; a driver's
connection serves one. So the real connections live in a loop of ours, in a thread that
ends with the tests (`background`), and what others get are stand-ins that have each
call carried out over there (`remote`). A stand-in satisfies the contract of drivers;
so a real `asyncdb.Pool` opens them, by a URL that a driver of ours serves (`driver`),
and whatever an application does with its pool it does for real.

In a rollback all stand-ins share one real connection with an open transaction, and
what is a transaction to them is a savepoint of it (`sharing`).
"""

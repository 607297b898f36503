"""MySQL's client/server protocol after the login, for every library that logs in.

A library under a driver (aiomysql, asyncmy) connects, shakes hands and logs in; its
driver adds a `Wire` over what it gives, and is done. Everything else is here, once:
`answers` and `shapes` (bytes to rows, no I/O), `wire` (what a driver implements, and
what may be sent at login), `connection`, `cursor`, `bulk`, `deadline`, `killing`
(a session), `connecting` and `translation` (the driver object).
"""

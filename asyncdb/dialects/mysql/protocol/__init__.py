"""MySQL's client/server protocol after the login, for every library that logs in.

A library under a driver (aiomysql, asyncmy) connects, shakes hands and logs in; its
driver makes a `Line` of the library's connection, names its exceptions in a `Library`,
and is done. Everything else is here, once, each file on top of those before it:

* `shapes`, `answers`: bytes to rows, no I/O;
* `login`, `library`: what a driver implements, and what may be sent at login;
* `wire`, `killing`, `exchange`: commands and answers, and work stopped on the server;
* `transactions`, `cursor`, `deadline`, `bulk`: what a session does with them;
* `connection`: the session; `translation`, `connecting`: the driver object.
"""

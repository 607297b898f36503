"""`asyncdb` on the command line; see docs/how-to/command-line.md.

It needs `pip install 'asyncdb-toolkit[cli]'`. One file for each command.
"""

from asyncdb.contrib.cli.app import app, main

__all__ = ["app", "main"]

"""What other libraries and the platforms call our options, and what they mean by it.

One table for each family of engines, read by `asyncdb.options.reading` where a name in
a URL is none of ours. Nothing is ignored: a name means one of our options, or needs
nothing to be done for a stated value, or is refused with the reason.
"""

from __future__ import annotations

from asyncdb.options.foreign.general import GENERAL, SERVERS
from asyncdb.options.foreign.meaning import ForeignNames, Meaning, Translated
from asyncdb.options.foreign.mysql import MYSQL
from asyncdb.options.foreign.postgresql import POSTGRESQL
from asyncdb.options.foreign.sqlite import SQLITE

__all__ = [
    "GENERAL",
    "MYSQL",
    "POSTGRESQL",
    "SERVERS",
    "SQLITE",
    "ForeignNames",
    "Meaning",
    "Translated",
]

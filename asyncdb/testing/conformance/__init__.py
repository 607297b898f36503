"""The promises as tests: what a driver must pass, shipped for its author.

Subclass `Conformance` in a test file of yours and say where the database is::

    class TestMine(Conformance):
        @pytest.fixture
        def database_url(self):
            return "mine://..."

It needs pytest and pytest-asyncio. The chapters ask the driver's `Dialect` what the
database can do, and never for its name.
"""

from asyncdb.testing.conformance.batching import Batching
from asyncdb.testing.conformance.bulk import Bulk
from asyncdb.testing.conformance.chapter import Chapter
from asyncdb.testing.conformance.connect_options import ConnectOptions
from asyncdb.testing.conformance.connecting import Connecting
from asyncdb.testing.conformance.describing import Describing
from asyncdb.testing.conformance.failures import Failures
from asyncdb.testing.conformance.guarding import Guarding
from asyncdb.testing.conformance.hooks import Hooks
from asyncdb.testing.conformance.lists import Lists
from asyncdb.testing.conformance.notices import Notices
from asyncdb.testing.conformance.observing import Observing
from asyncdb.testing.conformance.parameters import Parameters
from asyncdb.testing.conformance.pooling import Pooling
from asyncdb.testing.conformance.roles import Roles
from asyncdb.testing.conformance.rows import Rows
from asyncdb.testing.conformance.same_meaning import SameMeaning
from asyncdb.testing.conformance.scripts import Scripts
from asyncdb.testing.conformance.session import Session
from asyncdb.testing.conformance.statements import Statements
from asyncdb.testing.conformance.streaming import Streaming
from asyncdb.testing.conformance.transactions import Transactions
from asyncdb.testing.conformance.typed import Typed
from asyncdb.testing.conformance.untyped import Untyped
from asyncdb.testing.conformance.values import Values

__all__ = ["Chapter", "Conformance"]


class Conformance(
    Connecting,
    Statements,
    Scripts,
    Batching,
    Describing,
    SameMeaning,
    Parameters,
    Lists,
    Untyped,
    Rows,
    Streaming,
    Transactions,
    Failures,
    Bulk,
    Guarding,
    Pooling,
    Hooks,
    Session,
    ConnectOptions,
    Roles,
    Notices,
    Observing,
    Values,
    Typed,
):
    """Every chapter."""

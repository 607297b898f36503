"""The statements that are prepared on a connection, how values go and come."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any, cast

import psycopg
from psycopg import pq
from psycopg.adapt import AdaptersMap, Transformer

from asyncdb import errors
from asyncdb.dialects.postgresql.forms import Form
from asyncdb.dialects.postgresql.kept import Kept, KeptStatements
from asyncdb.driver import Description, Result
from asyncdb.drivers.psycopg.catalogue import BINARY_FORM, TEXT_FORM, Catalogue
from asyncdb.drivers.psycopg.decoding import NO_INSTANTS, exact
from asyncdb.drivers.psycopg.encoding import MISFITS
from asyncdb.drivers.psycopg.line import Line
from asyncdb.drivers.psycopg.translation import (
    Undecodable,
    Unfit,
    raise_first,
    translate,
)
from asyncdb.values.rows import Row, tuple_row

# What psycopg's loaders, and Python's types, raise for a value that they cannot hold.
_UNREADABLE = (psycopg.DataError, ValueError, ArithmeticError)


class PsycopgKept(Kept):
    """A prepared statement, and how its values are written and read.

    Args:
        name: at the server; empty where it is gone with the next one.
        form: what was prepared.
        described: libpq's result that says so.
        preparing: of the connection.
    """

    def __init__(
        self, name: bytes, form: Form, described: Any, preparing: Preparing
    ) -> None:
        self.name = name
        self._preparing = preparing
        self.form = form
        self.oids = [described.param_type(i) for i in range(described.nparams)]
        columns = columns_of(described)
        super().__init__(form, self.oids, columns)
        catalogue = preparing.catalogue
        encoders = [catalogue.encoder(oid) for oid in self.oids]
        self.formats = [pq.Format(form) for _, form in encoders]
        self._encoders = [how for how, _ in encoders]
        types = [oid for _, oid in columns]
        is_binary = all(map(catalogue.is_binary, types))
        self.format = pq.Format(BINARY_FORM if is_binary else TEXT_FORM)
        self._types = types
        self._zoned = not NO_INSTANTS.issuperset(types)
        self._make = tuple_row(tuple(name for name, _ in columns))
        self._reader: Any = None
        self._exact: Any = None

    def __del__(self) -> None:
        """Have the server forget it, too, when the next one is prepared."""
        if self.name:
            self._preparing.gone.append(self.name)

    def encode(self, args: Sequence[Any]) -> list[bytes | None]:
        """Return the arguments of a call as libpq sends them.

        Raises:
            Unfit: one of them is no value of the type that the server expects.
            ParameterError: their number is another.
        """
        args = self._form.arguments(args)
        encoders = self._encoders
        if len(args) != len(encoders):
            plural = "" if len(encoders) == 1 else "s"
            passed = "was" if len(args) == 1 else "were"
            raise errors.ParameterError(
                f"the server expects {len(encoders)} argument{plural} for this query, "
                f"{len(args)} {passed} passed"
            )
        try:
            return [
                None if value is None else encode(value)
                for encode, value in zip(encoders, args, strict=True)
            ]
        except MISFITS:
            for number, value in enumerate(args, 1):
                try:
                    if value is not None:
                        encoders[number - 1](value)
                except MISFITS as error:
                    raise Unfit(number, error) from error
            raise

    def rows(self, result: Any, *, plain: bool = False) -> list[Row]:
        """Read the rows of a result.

        Raises:
            Undecodable: Python has no such value.
        """
        make: Any = tuple if plain else self._make
        if self._zoned and self._preparing.is_elsewhere():
            return self._exactly(result, make)
        reader = self._reader
        if reader is None:
            reader = self._reader = self._new_reader(self._preparing.adapters)
        reader.set_pgresult(result, set_loaders=False)
        try:
            rows: list[Row] = reader.load_rows(0, result.ntuples, make)
            return rows
        except _UNREADABLE:
            return self._exactly(result, make)
        finally:
            reader.set_pgresult(None, set_loaders=False)

    def _exactly(self, result: Any, make: Any) -> list[Row]:
        """Read what C does not."""
        reader = self._exact
        if reader is None:
            reader = self._exact = self._new_reader(exact(self._preparing.adapters))
        reader.set_pgresult(result, set_loaders=False)
        try:
            rows: list[Row] = reader.load_rows(0, result.ntuples, make)
            return rows
        except _UNREADABLE as error:
            raise Undecodable(error, self.columns or ()) from error
        finally:
            reader.set_pgresult(None, set_loaders=False)

    def _new_reader(self, adapters: AdaptersMap) -> Any:
        reader = Transformer(_Context(adapters, self._preparing.native))
        reader.set_loader_types(self._types, self.format)
        return reader


class _Context:
    """What psycopg's loaders ask for: how values are adapted, and whose they are."""

    def __init__(self, adapters: AdaptersMap, native: Any) -> None:
        self.adapters = adapters
        self.connection = native


class Preparing:
    """Prepares on one connection.

    Args:
        native: psycopg's connection.
        line: its line.
        keeps: a prepared statement stays: not behind PgBouncer.
    """

    refusals: type[Exception] = psycopg.Error

    def __init__(self, native: Any, line: Line, *, keeps: bool) -> None:
        self.native = native
        self.adapters: AdaptersMap = native.adapters
        self._line = line
        self._keeps = keeps
        self._numbers = count(1)
        self.gone: list[bytes] = []
        self._can_close = psycopg.capabilities.has_send_close_prepared()
        version = line.pgconn.server_version
        self.catalogue = Catalogue(self.adapters, version, self._ask)

    async def prepare(self, form: Form) -> PsycopgKept:
        """Prepare a form's text, and learn what is to be sent and what comes.

        Behind PgBouncer the server waits for its execution, for which it would be
        another one: `Line.unsynced`.
        """
        line = self._line
        if line.unsynced:
            await line.sync()
        name = b"asyncdb_%d" % next(self._numbers) if self._keeps else b""
        described = await self._describe(name, form.text)
        columns = [described.ftype(i) for i in range(described.nfields)]
        parameters = [described.param_type(i) for i in range(described.nparams)]
        unknown = self.catalogue.unknown(parameters, columns)
        if unknown:
            if line.unsynced:
                await line.sync()
            await self.catalogue.learn(unknown)
            if not self._keeps:
                described = await self._describe(name, form.text)
        return PsycopgKept(name, form, described, self)

    async def describe(self, text: str) -> Description:
        """Prepare a text without a name, which the next one takes the place of."""
        line = self._line
        if line.unsynced:
            await line.sync()
        found = await self._describe(b"", text)
        if line.unsynced:
            await line.sync()
        columns = columns_of(found)
        return Description(columns or None, found.nparams)

    async def _describe(self, name: bytes, text: str) -> Any:
        line = self._line
        pgconn = line.pgconn
        line.open_pipeline()
        before = self._close_gone()
        pgconn.send_prepare(name, text.encode())
        pgconn.send_describe_prepared(name)
        if self._keeps:
            results = await line.sync()
            raise_first(results, text)
            return results[before + 1]
        results = await line.piped(2)
        if results[-1].status != pq.ExecStatus.COMMAND_OK:
            await line.sync()
            raise_first(results, text)
        return results[1]

    def _close_gone(self) -> int:
        """Have the server forget what is kept no more; return how many answers come."""
        if not self._can_close:
            return 0
        gone, self.gone = self.gone, []
        for name in gone:
            self._line.pgconn.send_close_prepared(name)
        return len(gone)

    async def _ask(self, text: bytes, values: list[bytes], types: list[int]) -> Any:
        pgconn = self._line.pgconn
        form = pq.Format.BINARY
        pgconn.send_query_params(text, values, types, [form] * len(values), form)
        results = await self._line.results()
        raise_first(results)
        return results[0]

    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return in_transaction(self._line)

    def is_elsewhere(self) -> bool:
        """Whether the session's zone is not UTC, which psycopg's moments would have."""
        zone = self._line.pgconn.parameter_status(b"TimeZone")
        return bool(zone != b"UTC")

    def translate(self, error: Exception) -> errors.Error | None:
        """Return asyncdb's error for the server's."""
        return translate(error)


class PsycopgStatements(KeptStatements[PsycopgKept]):
    """A connection's."""

    def __init__(self, native: Any, line: Line, limit: int) -> None:
        self.preparing = Preparing(native, line, keeps=limit > 0)
        super().__init__(self.preparing, limit)


def columns_of(described: Any) -> tuple[tuple[str, int], ...]:
    """Return name and type of each column that libpq's result tells."""
    return tuple(
        (described.fname(i).decode("utf-8", "replace"), described.ftype(i))
        for i in range(described.nfields)
    )


def kept_result(kept: PsycopgKept, result: Any, *, plain: bool) -> Result:
    """Return a result of libpq's as asyncdb's.

    Args:
        kept: the statement that it is of.
        result: which is no error.
        plain: rows may be tuples.
    """
    if result.status == pq.ExecStatus.TUPLES_OK and kept.columns is not None:
        rows = kept.rows(result, plain=plain)
        return Result(kept.columns, rows, len(rows))
    count: int | None = result.command_tuples
    return Result(kept.columns, [], -1 if count is None else count)


def in_transaction(line: Line) -> bool:
    """Tell whether a transaction is open, as far as was heard."""
    status = cast("int", line.pgconn.transaction_status)
    return status in (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)

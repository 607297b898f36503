"""The statements that a connection keeps prepared, and how one is found for a call.

A statement whose markers all have types is kept under its text and found by it. One
whose form depends on its values is not there; `find` asks the process's memory for its
form, and looks for a form that serves where there is none yet.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

from asyncdb import errors
from asyncdb.dialect import Lexis
from asyncdb.dialects.postgresql.casts import kind_of, kinds_of, runs
from asyncdb.dialects.postgresql.forms import UNTYPED, Form, Memory, Search
from asyncdb.dialects.postgresql.numbers import (
    FRACTIONS,
    has_fractions,
    integers,
    types_at,
    whole,
    with_whole,
)
from asyncdb.dialects.postgresql.places import read_places
from asyncdb.sql import Statement

Columns = tuple[tuple[str, Any], ...]

# pg_type.oid
_TEXT, _TEXT_ARRAY = 25, 1009
_TEXTS = {str, type(None)}

MEMORY = Memory()


class Kept:
    """A prepared statement, and what is known of its parameters and its result.

    A driver's own kind of it adds what it sends.

    Args:
        form: what was prepared.
        oids: the types of its parameters.
        columns: name and OID of each column of its result.
    """

    def __init__(self, form: Form, oids: Sequence[int], columns: Columns) -> None:
        self.columns = columns or None
        self.texts = [i for i, oid in enumerate(oids) if oid == _TEXT]
        self._arrays = [i for i, oid in enumerate(oids) if oid == _TEXT_ARRAY]
        self._integers = integers(oids)
        self._form = form
        self._doubts: bool | None = None

    def doubts(self, statement: Statement, lexis: Lexis) -> bool:
        """Tell whether a marker may be taken for text for want of a type."""
        if self._doubts is None:
            places = read_places(statement.text, lexis) if self.texts else ()
            taken = {index + 1 for index in self.texts}
            self._doubts = any(
                number in taken and place.role not in ("assigned", "compared")
                for number, place in zip(self._form.numbers, places, strict=False)
            )
        return self._doubts

    def retyped(
        self, number: int, statement: Statement, args: Sequence[Any], lexis: Lexis
    ) -> Form | None:
        """Return a form that takes the argument `number`, from 1, which this cannot."""
        search = Search(statement, lexis, args, self._form)
        found = search.unfit(number, self.texts, self._arrays)
        return search.form if found else None

    def unfit(self, args: Sequence[Any]) -> list[int]:
        """Return the numbers of the arguments that are taken for what they are not.

        No text where text is taken, a fraction where a whole number is.
        """
        args = self._form.arguments(args)
        texts = [i for i in self.texts if kind_of(args[i]) not in ("", "text")]
        fractions = [i for i in self._integers if isinstance(args[i], FRACTIONS)]
        return [i + 1 for i in texts + fractions]

    def all_fit(
        self, rows: Sequence[Sequence[Any]], statement: Statement, lexis: Lexis
    ) -> bool:
        """Tell whether no argument of many rows may be taken for what it is not."""
        if self._form.slots is not None:
            return False
        texts = self.texts if self.doubts(statement, lexis) else ()
        return all(types_at(rows, i) <= _TEXTS for i in texts) and all(
            not has_fractions(types_at(rows, i)) for i in self._integers
        )

    def index_of(self, number: int) -> int:
        """Return the index of the argument that is sent as a number."""
        slots = self._form.slots
        return slots[number - 1][0] if slots else number - 1

    def is_divided(self, number: int, statement: Statement, lexis: Lexis) -> bool:
        """Tell whether the argument `number` stands beside a `/`."""
        places = read_places(statement.text, lexis)
        numbers = zip(self._form.numbers, places, strict=False)
        return any(place.divided and own == number for own, place in numbers)

    def with_whole(
        self, rows: Sequence[Sequence[Any]], before: int
    ) -> Sequence[Sequence[Any]]:
        """Return rows with whole numbers for fractions that are, where one is taken."""
        indexes = {self.index_of(slot + 1) for slot in self._integers}
        return with_whole(rows, indexes, before)


KeptT = TypeVar("KeptT", bound=Kept)
KeptT_co = TypeVar("KeptT_co", bound=Kept, covariant=True)


class Preparing(Protocol[KeptT_co]):
    """What prepares: a driver's."""

    @property
    @abstractmethod
    def refusals(self) -> type[Exception]:
        """The class of what `prepare` raises for what the server says.

        It has `sqlstate` and, in `args`, the message.
        """

    @abstractmethod
    async def prepare(self, form: Form) -> KeptT_co:
        """Prepare a form's text; nothing has run when that fails."""

    @abstractmethod
    def in_transaction(self) -> bool:
        """Whether a transaction is open, which a refusal ends."""

    @abstractmethod
    def translate(self, error: Exception) -> errors.Error | None:
        """Return asyncdb's error for a refusal."""


class KeptStatements(Generic[KeptT]):
    """A connection's.

    Args:
        preparing: what prepares.
        limit: how many are kept; 0 behind PgBouncer, where none may be.
    """

    def __init__(self, preparing: Preparing[KeptT], limit: int) -> None:
        self._preparing = preparing
        self._limit = limit
        # Prepared by `retype`, and not executed yet.
        self._pending: KeptT | None = None
        # By text; by form where a text has several.
        self.kept: OrderedDict[str | Form, KeptT] = OrderedDict()

    async def find(
        self, statement: Statement, args: Sequence[Any], lexis: Lexis
    ) -> tuple[KeptT, bool]:
        """Return a statement that is not kept under its text, or prepare it.

        Args:
            statement: the statement.
            args: values of the kinds that it is to serve.
            lexis: how the session divides text.

        Returns:
            The kept statement, and whether it was prepared and not executed yet.
        """
        text = statement.text
        form = MEMORY.find(text, kinds_of(args)) if MEMORY.knows(text) else None
        if form is not None:
            kept = self.kept.get(form)
            if kept is not None:
                self.kept.move_to_end(form)
                pending, self._pending = self._pending, None
                return kept, kept is pending
            try:
                return await self._prepare(form), True
            except self._preparing.refusals as error:
                # It served another database, or another time.
                if not self._may_go_on(error):
                    raise
        return await self._search(statement, args, lexis), True

    async def _search(
        self, statement: Statement, args: Sequence[Any], lexis: Lexis
    ) -> KeptT:
        search = Search(statement, lexis, args)
        first: Exception | None = None
        while True:
            form = search.form
            depends = bool(form.casts) or MEMORY.knows(statement.text)
            try:
                key = form if depends else statement.text
                kept = await self._prepare(form, key=key)
            except self._preparing.refusals as error:
                first = first or error
                goes_on = _sqlstate(error) in UNTYPED and search.refused(error)
                if goes_on and self._preparing.in_transaction():
                    # Only rollback is left in this one; the next begins with this.
                    MEMORY.keep(statement.text, kinds_of(args), search.form)
                    names = search.names(since=form)
                    raise self._helped(error, names) from error
                if not goes_on:
                    raise first from None
                continue
            if depends:
                MEMORY.keep(statement.text, kinds_of(args), form)
            return kept

    def _may_go_on(self, error: Exception) -> bool:
        """Tell whether the server may be asked once more after it refused to prepare.

        Nothing has run; but in a transaction nothing will any more.
        """
        return _sqlstate(error) in UNTYPED and not self._preparing.in_transaction()

    async def retype(
        self,
        statement: Statement,
        args: Sequence[Any],
        lexis: Lexis,
        kept: KeptT,
        number: int,
    ) -> Sequence[Any] | None:
        """Prepare a form for an argument that could not be encoded for `kept`.

        Args:
            statement: the statement.
            args: the values.
            lexis: how the session divides text.
            kept: what does not serve.
            number: of the argument, from 1.

        Returns:
            The arguments to try again with, if there is such a form. It is what `find`
            gives for them from now on.
        """
        index = kept.index_of(number)
        integer = whole(args[index])
        if integer is not None and not kept.is_divided(number, statement, lexis):
            return [*args[:index], integer, *args[index + 1 :]]
        return (
            args if await self._retype(number, statement, args, lexis, kept) else None
        )

    async def _retype(
        self,
        number: int,
        statement: Statement,
        args: Sequence[Any],
        lexis: Lexis,
        kept: KeptT,
    ) -> bool:
        form = kept.retyped(number, statement, args, lexis)
        if form is None:
            return False
        try:
            self._pending = await self._prepare(form)
        except self._preparing.refusals:
            return False  # the marker has its type, and the value is a wrong one
        self.kept.pop(statement.text, None)
        MEMORY.keep(statement.text, kinds_of(args), form)
        return True

    async def serve(
        self, statement: Statement, rows: Sequence[Sequence[Any]], lexis: Lexis
    ) -> tuple[list[tuple[KeptT, Sequence[Sequence[Any]]]], bool]:
        """Return a kept statement for each part of many rows; nearly always one.

        All is prepared before any row is sent.

        Returns:
            The statements with their rows, and whether all were prepared just now.
        """
        text = statement.text
        kept, fresh = self.kept.get(text), False
        if kept is None and not MEMORY.knows(text):
            kept, fresh = await self.find(statement, rows[0], lexis)
        if (
            kept is not None
            and not MEMORY.knows(text)
            and kept.all_fit(rows, statement, lexis)
        ):
            return [(kept, rows)], fresh
        found: list[tuple[KeptT, Sequence[Sequence[Any]]]] = []
        count = 0
        for sample, part in runs(rows):
            kept, is_fresh = await self.find(statement, sample, lexis)
            for number in kept.unfit(sample):
                if await self._retype(number, statement, sample, lexis, kept):
                    kept, is_fresh = await self.find(statement, sample, lexis)
            found.append((kept, kept.with_whole(part, count)))
            count += len(part)
            fresh = fresh and is_fresh
        return found, fresh

    async def _prepare(self, form: Form, *, key: str | Form | None = None) -> KeptT:
        """Prepare a form, and keep it by `key`, itself when there is none."""
        kept = await self._preparing.prepare(form)
        if self._limit:
            self.kept[form if key is None else key] = kept
            if len(self.kept) > self._limit:
                self.kept.popitem(last=False)
        return kept

    def _helped(self, error: Exception, names: list[str]) -> BaseException:
        """Return asyncdb's error, with what to do about the markers."""
        found = self._preparing.translate(error) or error
        advice = (
            f"PostgreSQL finds no type for {', '.join(names)}, and in a transaction it "
            "cannot be asked again: write CAST(? AS ...)"
        )
        found.args = (f"{found.args[0]}; {advice}",)
        return found


def _sqlstate(error: Exception) -> str:
    return getattr(error, "sqlstate", None) or ""

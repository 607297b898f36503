"""What is sent in place of a text whose markers PostgreSQL finds no type for.

Rules:

1. A marker that is only asked whether it is NULL is sent as a boolean with a number of
   its own: `$2::boolean IS NULL` with true for "it is not". That needs no error first,
   so it holds in transactions, and the text is the same for all values.
2. Elsewhere the server decides. It is sent another form of the text only after one was
   refused before anything ran: by the server when it prepared it, by the driver when it
   encoded the arguments. In the other form markers are cast to the types that their
   values name.
3. The form that served is remembered for all connections of this process, by the kinds
   of the values: the next call finds it without an error.

Theory of operation: `Search` holds the form to try next. Each refusal makes it go one
step: a name used as two types gets a number for each of its places; a marker that the
error names is cast; then all whose place has no type; then all; then lists as arrays;
then NULL as a number or a moment. A step that changes nothing is skipped, so that most
searches are one or two steps long.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from asyncdb.dialect import Lexis
from asyncdb.dialects.postgresql.casts import NUMBERS, Kinds, array_or_json, kinds_of
from asyncdb.dialects.postgresql.places import Place, read_places
from asyncdb.sql import Statement

# The server's refusals to prepare a text in which a marker has no type, or two.
_AMBIGUOUS_PARAMETER = "42P08"
_INDETERMINATE = "42P18"
UNTYPED = frozenset(
    [
        _AMBIGUOUS_PARAMETER,
        _INDETERMINATE,
        "42725",  # several functions or operators
        "42883",  # no such function or operator, for `unknown` or for `text`
        "42804",  # of another type than its place
        "42846",  # no such cast
    ]
)
_NAMED = re.compile(r"\$(\d+)")
# What there are literals for; others may have to be of a column's type in a UNION.
_LITERALS = NUMBERS | {"date", "timestamp", "timestamptz", "interval"}
_NO_CAST = frozenset(["", "text"])

# Texts, and forms of each, that the process remembers.
_TEXTS, _FORMS = 1024, 64


class Form:
    """A text to send, and how the arguments of a call become its own.

    Attributes:
        text: the text.
        casts: the type that each marker is cast to, by the marker's index.
        split: each marker has a number of its own, also where a name is repeated.
        slots: for each number, the index of the argument and whether only its nullness
            is sent; `None` when the arguments are sent as they are.
        numbers: the number of each marker, from 1.
    """

    __slots__ = ("casts", "numbers", "slots", "split", "text")

    def __init__(
        self,
        statement: Statement,
        places: Sequence[Place],
        casts: Mapping[int, str],
        *,
        split: bool = False,
    ) -> None:
        self.casts = casts
        self.split = split
        asked = [place.role == "nullness" for place in places]
        slots, self.numbers = _slots(statement, asked, split=split)
        plain = [(index, False) for index in range(len(statement.order))]
        self.slots = None if slots == plain else tuple(slots)
        self.text = statement.text
        if self.slots or casts:
            parts = [statement.pieces[0]]
            for marker, number in enumerate(self.numbers):
                kind = "boolean" if asked[marker] else casts.get(marker)
                parts.append(f"(${number}::{kind})" if kind else f"${number}")
                parts.append(statement.pieces[marker + 1])
            self.text = "".join(parts)

    def arguments(self, args: Sequence[Any]) -> Sequence[Any]:
        """Return the arguments of a call in the order of the form's numbers."""
        if self.slots is None or len(args) <= max(index for index, _ in self.slots):
            return args
        return [
            (None if args[index] is None else True) if asked else args[index]
            for index, asked in self.slots
        ]


def _slots(
    statement: Statement, asked: Sequence[bool], *, split: bool
) -> tuple[list[tuple[int, bool]], list[int]]:
    index = {key: at for at, key in enumerate(statement.order)}
    if split:
        slots = [(index[k], a) for k, a in zip(statement.keys, asked, strict=True)]
        return slots, list(range(1, len(slots) + 1))
    both = list(zip(statement.keys, asked, strict=True)) if asked else []
    valued = {key for key, is_asked in both if not is_asked}
    slots = [(at, bool(both) and key not in valued) for key, at in index.items()]
    extra: dict[int | str, int] = {}
    numbers = []
    for key, is_asked in both or [(key, False) for key in statement.keys]:
        if not is_asked or key not in valued:
            numbers.append(index[key] + 1)
            continue
        if key not in extra:
            slots.append((index[key], True))
            extra[key] = len(slots)
        numbers.append(extra[key])
    return slots, numbers


class Search:
    """The way to a form that the server takes.

    Args:
        statement: the statement.
        lexis: how the session divides text.
        args: the arguments that it is for.
        start: a form that serves but for some marker, to go on from.
    """

    def __init__(
        self,
        statement: Statement,
        lexis: Lexis,
        args: Sequence[Any],
        start: Form | None = None,
    ) -> None:
        self._statement = statement
        self._lexis = lexis
        self._args = args
        self._kinds: list[str] = []  # of the markers
        self._steps = iter(
            (self._cast_free, self._cast_all, self._use_arrays, *self._guesses())
        )
        self._split = False
        self._arrays = False
        self._casts: dict[int, str] = {}
        self._places: tuple[Place, ...] = ()
        if start is not None:
            self._look()
            self._split, self._casts = start.split, dict(start.casts)
        elif statement.keys and self._look():
            self._cast_at_once()
        self.form = self._form()

    def refused(self, error: Any) -> bool:
        """Go on to another form after the server did not prepare this one.

        Returns:
            Whether there is one.
        """
        if not self._look():
            return False
        named = self._cast_named(error)
        step = None if named else next(self._steps, None)
        while named or step:
            if step:
                step()
            form = self._form()
            if form.text != self.form.text:
                self.form = form
                return True
            named, step = False, next(self._steps, None)
        return False

    def unfit(self, number: int, texts: Sequence[int], arrays: Sequence[int]) -> bool:
        """Go on to another form after the driver could not encode an argument for this.

        Args:
            number: of the argument, from 1.
            texts: the indexes of those that the server takes for text; what is no text
            there is cast in one go.
            arrays: the indexes of those that it takes for arrays of text.

        Returns:
            Whether there is one: not where a column takes the value as it is, which
            has a type that is not to be argued with.
        """
        if not self._look():
            return False
        for marker, place in enumerate(self._places):
            own = self.form.numbers[marker]
            if own == number and place.role == "assigned":
                return False
            if own - 1 in arrays and self._kinds[marker].endswith("[]"):
                self._casts[marker] = self._kinds[marker]
            elif own - 1 in texts and place.role != "assigned":
                self._cast(marker)
            elif own == number and self._kinds[marker] != "timestamptz":
                # (An aware moment would lose its zone in silence.)
                self._cast(marker, otherwise="text" if place.role == "cast" else "")
        form = self._form()
        changed = form.text != self.form.text
        self.form = form
        return changed

    def names(self, since: Form) -> list[str]:
        """Return the parameters that this form is about and `since` was not."""
        keys = [
            key
            for marker, key in enumerate(self._statement.keys)
            if self.form.casts.get(marker) != since.casts.get(marker)
        ]
        if not keys:  # only split
            several = Counter(self._statement.keys)
            keys = [key for key, times in several.items() if times > 1]
        return [
            f"parameter {key + 1}" if isinstance(key, int) else f":{key}"
            for key in dict.fromkeys(keys)
        ]

    # -- steps -----------------------------------------------------------------------

    def _look(self) -> bool:
        """Read the places, once they are of interest."""
        if not self._places:
            found = read_places(self._statement.text, self._lexis)
            keys, order = self._statement.keys, self._statement.order
            if len(found) == len(keys):  # else they are not ours
                self._places = found
                kinds = dict(zip(order, kinds_of(self._args), strict=True))
                self._kinds = [kinds[key] for key in keys]
        return bool(self._places)

    def _cast_at_once(self) -> None:
        """Cast what the server is known to find no type for."""
        for marker, place in enumerate(self._places):
            if place.role == "any":
                self._cast(marker, otherwise="text")
            elif place.role == "overloaded" or (
                place.role == "bare" and self._kinds[marker] in _LITERALS
            ):
                self._cast(marker)
            elif place.role == "array" and self._kinds[marker].endswith("[]"):
                self._casts[marker] = self._kinds[marker]

    def _cast_named(self, error: Any) -> bool:
        """Do something about the marker that the error is about."""
        named = _NAMED.search(str(error.args[0])) if error.args else None
        repeated = len(self._statement.keys) > len(self._statement.order)
        if error.sqlstate == _AMBIGUOUS_PARAMETER and repeated and not self._split:
            self._split = True
            return True
        if error.sqlstate != _INDETERMINATE or named is None:
            return False
        number = int(named[1])
        groups = [
            place.group
            for marker, place in enumerate(self._places)
            if self.form.numbers[marker] == number
        ]
        # Its neighbours in the list of arguments would be named next, one by one.
        for marker, place in enumerate(self._places):
            is_named = self.form.numbers[marker] == number
            beside = place.role == "free" and place.group in groups and place.group
            if is_named or beside:
                self._cast(marker, otherwise="text")
        return True

    def _cast_free(self) -> None:
        for marker, place in enumerate(self._places):
            if place.role not in ("assigned", "compared"):
                self._cast(marker)

    def _cast_all(self) -> None:
        for marker, place in enumerate(self._places):
            if place.role != "assigned":
                self._cast(marker)

    def _use_arrays(self) -> None:
        self._arrays = True
        for marker in [m for m, cast in self._casts.items() if cast == "jsonb"]:
            del self._casts[marker]
            self._cast(marker)

    def _guesses(self) -> list[Any]:
        """Return the steps that try a type for NULL, which names none."""
        return [
            lambda kind=kind: self._cast_nulls(kind)
            for kind in ("int4", "timestamp", "text")
        ]

    def _cast_nulls(self, kind: str) -> None:
        for marker, place in enumerate(self._places):
            if place.role in ("assigned", "nullness", "cast"):
                continue
            if not self._kinds[marker]:
                self._casts[marker] = kind
            elif kind == "text":
                self._cast(marker, otherwise=kind)

    def _cast(self, marker: int, otherwise: str = "") -> None:
        place = self._places[marker]
        if marker in self._casts or place.role == "nullness":
            return
        kind = array_or_json(self._kinds[marker], arrays=self._arrays)
        kind = otherwise if kind in _NO_CAST else kind
        if place.joined and kind in NUMBERS:
            kind += "::text"  # there is no `int4 || int4`
        if kind:
            self._casts[marker] = kind

    def _form(self) -> Form:
        return Form(
            self._statement, self._places, self._casts.copy(), split=self._split
        )


class Memory:
    """The forms that served, for all connections of this process."""

    def __init__(self) -> None:
        self._texts: OrderedDict[str, dict[Kinds, Form]] = OrderedDict()

    def knows(self, text: str) -> bool:
        """Tell whether the form of a text depends on the values."""
        return text in self._texts

    def find(self, text: str, kinds: Kinds) -> Form | None:
        """Return the form that served for values of these kinds."""
        return self._texts.get(text, {}).get(kinds)

    def keep(self, text: str, kinds: Kinds, form: Form) -> None:
        """Remember a form."""
        forms = self._texts.setdefault(text, {})
        if len(forms) >= _FORMS:
            forms.clear()
        forms[kinds] = form
        if len(self._texts) > _TEXTS:
            self._texts.popitem(last=False)

"""Moments on SQLite, which has no type for them: compared by what they mean.

Through Core a column has one text form, SQLAlchemy's: `2024-02-29 12:00:00.000000`, in
UTC. But SQLite compares texts, and a column may hold others of the same moment: those
of `DEFAULT CURRENT_TIMESTAMP`, of SQL without types, and of asyncdb's first releases.

Theory of operation: they have fewer digits of the fraction or none, and perhaps
`+00:00` behind them. So all texts of one moment stand side by side in the order of
texts, from the one without its last zeros to the longest with `+00:00`:

    12:00:00, 12:00:00+00:00, 12:00:00.000000, 12:00:00.000000+00:00; 12:00:00.000001

A comparison with a moment is one with the first or the last of its texts, which an
index serves as it serves any other. Where equal texts are needed (GROUP BY, DISTINCT,
UNION, IN, CASE, tuples, windows) each is rewritten to the one form. What a UNIQUE
column compares is the texts that it has: see `_old_moments`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import func
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BindParameter, Label, UnaryExpression
from sqlalchemy.sql.selectable import CompoundSelect, Select

from asyncdb.contrib._column_types import LiteDate, LiteDateTime, LiteTime

# How long a moment's text is before its fraction.
DATETIME: Final = len("2024-02-29 12:00:00")
TIME: Final = len("12:00:00")


_DATE: Final = len("2024-02-29")


def head_of(type_: Any, dialect: Any) -> int:
    """Return the length of a moment's text before its fraction; 0 for no moment."""
    kind = type_._unwrapped_dialect_impl(dialect)
    if isinstance(kind, LiteDateTime | LiteTime) and not kind.has_own_form:
        return DATETIME if isinstance(kind, LiteDateTime) else TIME
    return 0


# -- texts of SQL ----------------------------------------------------------------------


def one_form(text: str, head: int) -> str:
    """Write a moment in the one form, whichever it has."""
    fraction = f"substr(replace({text}, '+00:00', ''), {head + 2}) || '000000'"
    return f"substr({text}, 1, {head}) || '.' || substr({fraction}, 1, 6)"


def _first(text: str) -> str:
    """Write the first of all texts of a moment that is in the one form."""
    return f"rtrim(rtrim({text}, '0'), '.')"


def _last(text: str) -> str:
    """Write the last of all texts of a moment that is in the one form."""
    return f"{text} || '+00:00'"


# The right side is in the one form, the left one in any.
_COMPARED: Final[dict[Any, Callable[[str, str], str]]] = {
    operators.eq: lambda a, b: f"({a} BETWEEN {_first(b)} AND {_last(b)})",
    operators.ne: lambda a, b: f"({a} NOT BETWEEN {_first(b)} AND {_last(b)})",
    operators.lt: lambda a, b: f"({a} < {_first(b)})",
    operators.le: lambda a, b: f"({a} <= {_last(b)})",
    operators.gt: lambda a, b: f"({a} > {_last(b)})",
    operators.ge: lambda a, b: f"({a} >= {_first(b)})",
}
_TURNED: Final[dict[Any, Any]] = {
    operators.eq: operators.eq,
    operators.ne: operators.ne,
    operators.lt: operators.gt,
    operators.le: operators.ge,
    operators.gt: operators.lt,
    operators.ge: operators.le,
}
_BETWEEN: Final = {
    operators.between_op: "BETWEEN",
    operators.not_between_op: "NOT BETWEEN",
}
_AS_TEXTS: Final = frozenset(
    [
        *(operators.in_op, operators.not_in_op),
        *(operators.is_distinct_from, operators.is_not_distinct_from),
    ]
)


# The function that stands in a statement for an element in the one form.
_FORMED: Final = "asyncdb_moment"
# Elements that are another one with something round it.
_AROUND: Final = (
    *("grouping", "select_statement_grouping", "scalar_select"),
    "label_reference",
)


_NAMED: Final = "textual_label_reference"


class MomentCompiler(SQLiteCompiler):
    """SQLAlchemy's compiler for SQLite, that compares moments by what they mean."""

    def visit_binary(self, binary: Any, *args: Any, **kw: Any) -> str:
        """Compare moments, whichever text they have."""
        operator = kw.get("override_operator") or binary.operator
        left, right = binary.left, binary.right
        if operator in _COMPARED and self._are_moments(left, right):
            if isinstance(left, BindParameter) and not isinstance(right, BindParameter):
                left, right, operator = right, left, _TURNED[operator]
            texts = self._text(left, **kw), self._text(self._formed(right), **kw)
            return _COMPARED[operator](*texts)
        if operator in _BETWEEN and not binary.modifiers.get("symmetric"):
            lower, upper = right.clauses
            if self._are_moments(left, lower, upper):
                a = self._text(left, **kw)
                b, c = (self._text(self._formed(e), **kw) for e in (lower, upper))
                return f"({a} {_BETWEEN[operator]} {_first(b)} AND {_last(c)})"
        elif operator in _AS_TEXTS or left.__visit_name__ == "tuple":
            sides = {"left": self._formed(left), "right": self._formed(right)}
            binary = _changed(binary, **sides)
        above: Any = super()
        found: str = above.visit_binary(binary, *args, **kw)
        return found

    def _are_moments(self, *elements: Any) -> bool:
        """Tell whether moments are compared: with others, dates, or no known type."""
        types = [element.type for element in elements]
        heads = {self._head(t) for t in types if not t._isnull}
        return heads in ({DATETIME}, {TIME}, {DATETIME, _DATE})

    def _head(self, type_: Any) -> int:
        kind = type_._unwrapped_dialect_impl(self.dialect)
        is_date = isinstance(kind, LiteDate) and not kind.has_own_form
        return _DATE if is_date else head_of(type_, self.dialect)

    def _text(self, element: Any, **kw: Any) -> str:
        """Write one side of a comparison of moments; a date is its midnight."""
        text: str = self.process(element, **kw)
        is_date = not element.type._isnull and self._head(element.type) == _DATE
        return f"{text} || ' 00:00:00.000000'" if is_date else text

    def _formed(self, element: Any) -> Any:
        """Return an element whose moments have the one form."""
        if isinstance(element, BindParameter):
            return element
        if isinstance(element, Select):
            return self._formed_columns(element)
        if isinstance(element, CompoundSelect):
            return _changed(element, selects=[*map(self._formed, element.selects)])
        if isinstance(element, Label):
            return self._formed(element.element).label(element.name)
        if isinstance(element, UnaryExpression) and element.modifier is not None:
            return _changed(element, element=self._formed(element.element))
        if element.__visit_name__ == "tuple":
            return _changed(element, clauses=[*map(self._formed, element.clauses)])
        if element.__visit_name__ in _AROUND:
            return _changed(element, element=self._formed(element.element))
        type_ = getattr(element, "type", None)
        if getattr(element, "name", None) == _FORMED:
            return element
        if type_ is None or not head_of(type_, self.dialect):
            return element
        return getattr(func, _FORMED)(element, type_=type_)

    def _formed_columns(self, select: Any) -> Any:
        found = select._all_selected_columns
        formed = [self._formed(column) for column in found]
        if all(a is b for a, b in zip(found, formed, strict=True)):
            return select
        columns = [
            b if a is b or isinstance(b, Label) else b.label(getattr(a, "name", None))
            for a, b in zip(found, formed, strict=True)
        ]
        return select.with_only_columns(*columns, maintain_column_froms=True)

    def visit_asyncdb_moment_func(self, fn: Any, **kw: Any) -> str:
        """Write an element of `_formed()`."""
        text = self.process(next(iter(fn.clauses)), **kw)
        return one_form(text, head_of(fn.type, self.dialect))

    # -- where equal texts count -------------------------------------------------------

    def visit_select(self, select_stmt: Any, *args: Any, **kw: Any) -> str:
        """DISTINCT and GROUP BY."""
        if select_stmt._distinct:
            select_stmt = self._formed_columns(select_stmt)
        if select_stmt._group_by_clauses:
            groups = tuple(
                self._formed(_meant(group, select_stmt))
                for group in select_stmt._group_by_clauses
            )
            select_stmt = _changed(select_stmt, _group_by_clauses=groups)
        above: Any = super()
        found: str = above.visit_select(select_stmt, *args, **kw)
        return found

    def visit_compound_select(self, cs: Any, *args: Any, **kw: Any) -> str:
        """UNION, INTERSECT and EXCEPT."""
        if self.compound_keywords[cs.keyword] != "UNION ALL":
            cs = self._formed(cs)
        above: Any = super()
        found: str = above.visit_compound_select(cs, *args, **kw)
        return found

    def visit_unary(self, unary: Any, *args: Any, **kw: Any) -> str:
        """`count(DISTINCT at)`."""
        if unary.operator is operators.distinct_op:
            unary = _changed(unary, element=self._formed(unary.element))
        above: Any = super()
        found: str = above.visit_unary(unary, *args, **kw)
        return found

    def visit_over(self, over: Any, **kw: Any) -> str:
        """PARTITION BY, and ORDER BY, where equal moments are peers."""
        for name in ("partition_by", "order_by"):
            listed = getattr(over, name)
            if listed is not None:
                clauses = [*map(self._formed, listed.clauses)]
                over = _changed(over, **{name: _changed(listed, clauses=clauses)})
        above: Any = super()
        found: str = above.visit_over(over, **kw)
        return found

    def visit_case(self, clause: Any, **kw: Any) -> str:
        """`CASE at WHEN ...`."""
        if clause.value is not None:
            whens = [(self._formed(when), then) for when, then in clause.whens]
            clause = _changed(clause, value=self._formed(clause.value), whens=whens)
        above: Any = super()
        found: str = above.visit_case(clause, **kw)
        return found

    def visit_nullif_func(self, fn: Any, **kw: Any) -> str:
        """`nullif(at, ...)`."""
        texts = [self.process(self._formed(clause), **kw) for clause in fn.clauses]
        return f"nullif({', '.join(texts)})"

    # -- now ---------------------------------------------------------------------------

    def visit_now_func(self, fn: Any, **kw: Any) -> Any:  # noqa: ARG002
        """Write the moment of the statement in the one form."""
        return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"

    visit_current_timestamp_func = visit_now_func

    def visit_current_time_func(self, fn: Any, **kw: Any) -> Any:  # noqa: ARG002
        """Write the time of the statement in the one form."""
        return "strftime('%H:%M:%f000', 'now')"

    def visit_localtimestamp_func(self, func: Any, **kw: Any) -> Any:  # noqa: ARG002
        """Write the moment of the statement in the machine's zone."""
        return "strftime('%Y-%m-%d %H:%M:%f000', 'now', 'localtime')"


def _meant(element: Any, select: Any) -> Any:
    """Find the column that is meant where it is named by a text: `group_by("at")`."""
    if element.__visit_name__ != _NAMED:
        return element
    for columns in (select.selected_columns, *(f.c for f in select.get_final_froms())):
        found = columns.get(element.element)
        if found is not None:
            return found.element if isinstance(found, Label) else found
    return element


def _changed(element: Any, /, **changes: Any) -> Any:
    """Copy an element of SQLAlchemy with other parts."""
    found = element._clone()
    for name, value in changes.items():
        setattr(found, name, value)
    return found

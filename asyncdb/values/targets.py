"""How an object of a class is made, and from which names: looked up without imports.

attrs, pydantic and msgspec are known by the marks that they leave on classes, so that
none of them is imported by us. Constructors are called by their signature: what a class
checks when it is made, it checks here too.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import (
    Annotated,
    Any,
    ClassVar,
    NamedTuple,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

import typing_extensions

from asyncdb.errors import DataError, InterfaceError
from asyncdb.values.encoding import type_name


class Field(NamedTuple):
    """One value that a target takes.

    Args:
        name: as the target calls it.
        annotation: what it must be.
        required: there is no default.
        keyword: it can only be given by name.
        columns: the column names that serve it.
        checked: the target checks it itself: it is converted where we know how, and
            left alone otherwise.
    """

    name: str
    annotation: Any
    required: bool
    keyword: bool
    columns: tuple[str, ...]
    checked: bool = False


class Target(NamedTuple):
    """A class with fields.

    Args:
        shown: its name, for messages.
        fields: what it takes.
        make: called with the values, by position or name; with one dict for `mapping`.
        mapping: `make` takes a dict; where it is `None`, the dict is the object.
        open: columns without a field are handed on too.
    """

    shown: str
    fields: tuple[Field, ...]
    make: Callable[..., Any] | None
    mapping: bool = False
    open: bool = False


def find_target(annotation: Any) -> Target | None:
    """Find out how objects of a class are made from columns.

    Args:
        annotation: a class, or a generic one with its arguments.

    Returns:
        The target; `None` when the annotation is no class with fields.

    Raises:
        InterfaceError: it is one, but objects cannot be made from columns.
    """
    kind = get_origin(annotation) or annotation
    if not isinstance(kind, type):
        return None
    shown = kind.__name__
    if typing_extensions.is_typeddict(kind):
        return _typed_dict(shown, annotation, kind)
    if hasattr(kind, "__pydantic_validator__"):
        # A generic model with arguments is a class of its own.
        model = annotation if isinstance(annotation, type) else kind
        return _pydantic(shown, model)
    if dataclasses.is_dataclass(kind):
        _refuse_init_vars(shown, kind)
        return _called(shown, annotation, kind, {})
    if hasattr(kind, "__attrs_attrs__"):
        return _called(shown, annotation, kind, _attrs(kind))
    if hasattr(kind, "__struct_fields__"):
        return _called(shown, annotation, kind, {})
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _called(shown, annotation, kind, {})
    return None


def _called(
    shown: str, annotation: Any, kind: type, names: Mapping[str, tuple[str, bool]]
) -> Target:
    """Make the target of a class that is called with its fields.

    Args:
        shown: its name.
        annotation: the class with its arguments.
        kind: the class.
        names: argument -> the field's name, and whether the class converts it.
    """
    hints = _hints(shown, annotation, kind)
    fields = []
    for name, parameter in inspect.signature(kind).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        column, converted = names.get(name, (name, False))
        fields.append(
            Field(
                name,
                Any if converted else hints.get(column, Any),
                required=parameter.default is parameter.empty,
                keyword=parameter.kind is parameter.KEYWORD_ONLY,
                columns=(column,),
            )
        )
    return Target(shown, tuple(fields), kind)


def _refuse_init_vars(shown: str, kind: Any) -> None:
    for name, field in kind.__dataclass_fields__.items():
        # There is no public way to see one: fields() leaves them out.
        if field._field_type is dataclasses._FIELD_INITVAR:  # type: ignore[attr-defined]
            message = (
                f"{shown}.{name} is an InitVar: it is no field that a column fills"
            )
            raise InterfaceError(message)


def _attrs(kind: Any) -> dict[str, tuple[str, bool]]:
    return {
        attribute.alias: (attribute.name, attribute.converter is not None)
        for attribute in kind.__attrs_attrs__
    }


def _typed_dict(shown: str, annotation: Any, kind: Any) -> Target:
    hints = _hints(shown, annotation, kind)
    fields = [
        Field(
            name,
            hint,
            required=_is_required(hint, name in kind.__required_keys__),
            keyword=False,
            columns=(name,),
        )
        for name, hint in hints.items()
    ]
    return Target(shown, tuple(fields), None, mapping=True)


def _is_required(hint: Any, unless_said: bool) -> bool:
    """Look into a key's annotation: the class sees only those that are no strings."""
    while (origin := get_origin(hint)) is not None:
        if origin is typing_extensions.Required:
            return True
        if origin is typing_extensions.NotRequired:
            return False
        if origin not in (Annotated, typing_extensions.ReadOnly):
            break
        hint = get_args(hint)[0]
    return unless_said


# -- pydantic -------------------------------------------------------------------------


def _pydantic(shown: str, kind: Any) -> Target:
    """Make the target of a model: pydantic validates what the columns give."""
    found = getattr(kind, "__pydantic_fields__", None)
    if found is None:
        message = f"{shown} is a class of pydantic that has no fields yet"
        raise InterfaceError(message)
    config = getattr(kind, "model_config", None) or getattr(
        kind, "__pydantic_config__", {}
    )
    by_name = bool(config.get("populate_by_name") or config.get("validate_by_name"))
    fields = []
    for name, info in found.items():
        alias = info.validation_alias or info.alias
        names: tuple[str, ...] = (name if alias is None else str(alias),)
        if alias is not None and by_name:
            names = (str(alias), name)
        fields.append(
            Field(
                name,
                info.annotation,
                required=info.is_required(),
                keyword=True,
                columns=names,
                checked=True,
            )
        )
    validate = kind.__pydantic_validator__.validate_python
    return Target(
        shown,
        tuple(fields),
        _validating(shown, validate),
        mapping=True,
        open=config.get("extra") == "allow",
    )


def _validating(
    shown: str, validate: Callable[[Any], Any]
) -> Callable[[dict[str, Any]], Any]:
    def make(values: dict[str, Any]) -> Any:
        try:
            return validate(values)
        except ValueError as error:
            errors = getattr(error, "errors", None)
            if errors is None:
                raise
            # Its text and its `input` hold values, a place inside a field may.
            said = errors(include_url=False, include_context=False, include_input=False)
            faults = [(str((*one["loc"], "")[0]), one["type"]) for one in said]
        told = [
            f"field {name!r}, a value of type {type_name(type(values[name]))}: {fault}"
            if name in values
            else fault
            for name, fault in faults
        ]
        message = f"pydantic refuses a row for {shown}: {'; '.join(told)}"
        raise DataError(message, columns=tuple(n for n, _ in faults if n in values))

    return make


# -- annotations ----------------------------------------------------------------------


def _hints(shown: str, annotation: Any, kind: Any) -> dict[str, Any]:
    """Return the annotations of a class, its type variables filled in."""
    try:
        hints = get_type_hints(kind, include_extras=True)
    except NameError as error:
        message = (
            f"an annotation of {shown} names {error.name}, which is not known there"
        )
        raise InterfaceError(f"{message}: define it at the module's level") from None
    values = _arguments(annotation, kind)
    return {
        name: _filled(hint, values)
        for name, hint in hints.items()
        if get_origin(hint) is not ClassVar and hint is not ClassVar
    }


def _arguments(annotation: Any, kind: Any) -> dict[Any, Any]:
    """Return what stands for each type variable of a class and of its bases."""
    found: dict[Any, Any] = {}
    parameters = getattr(kind, "__parameters__", ())
    found.update(zip(parameters, get_args(annotation), strict=False))
    for base in getattr(kind, "__orig_bases__", ()):
        origin = get_origin(base)
        if origin is None or not getattr(origin, "__parameters__", ()):
            continue
        filled = _filled(base, found)
        found.update(_arguments(filled, origin))
    return found


def _filled(hint: Any, values: Mapping[Any, Any]) -> Any:
    if isinstance(hint, TypeVar):
        return values.get(hint, hint)
    parameters = getattr(hint, "__parameters__", ())
    if isinstance(hint, type) and get_origin(hint) is None:
        return hint  # a generic class without arguments
    if not parameters or not any(p in values for p in parameters):
        return hint
    subscript: Any = hint
    return subscript[tuple(values.get(p, p) for p in parameters)]

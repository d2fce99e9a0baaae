"""Compile statements of SQLAlchemy Core once; its engine would compile them, or look them up, at each call."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias

from sqlalchemy import bindparam
from sqlalchemy.sql.compiler import SQLCompiler

from media_service.catalogue.sqlite_dialect import DIALECT

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ClauseElement

P = ParamSpec("P")

# SQL with named parameters, and their values.
Statement: TypeAlias = tuple[str, dict[str, Any]]


class CompiledStatement:
    """A statement for the engine in use. `text` is its SQL."""

    def __init__(self, clause: ClauseElement) -> None:
        compiled = clause.compile(dialect=DIALECT)
        assert isinstance(compiled, SQLCompiler)
        self.text = str(compiled)
        # SQLAlchemy has names of its own type, which marshal does not encode.
        self._constants = {str(name): value for name, value in compiled.params.items() if value is not None}
        self._lists = [name for name, parameter in compiled.binds.items() if parameter.expanding]
        self._compiled = compiled if self._lists else None

    def bind(self, values: dict[str, Any]) -> Statement:
        """Return the SQL and its values. A list after IN becomes one parameter for each member."""
        if self._constants:
            values = self._constants | values
        if self._compiled is None:
            return self.text, values
        lists = {name: [*values[name]] for name in self._lists}
        expanded = self._compiled.construct_expanded_state(values | lists)
        return expanded.statement, dict(expanded.parameters)


def compiled(build: Callable[P, ClauseElement]) -> Callable[P, Statement]:
    """Call `build` with bound parameters, compile its result, and return a function that binds values to it."""
    names = tuple(inspect.signature(build).parameters)
    parameters: dict[str, Any] = {name: bindparam(name) for name in names}
    statement = CompiledStatement(build(**parameters))  # type: ignore[call-arg]  # the names are its own

    @wraps(build)
    def bind(*args: P.args, **kwargs: P.kwargs) -> Statement:
        return statement.bind(dict(zip(names, args, strict=False)) | kwargs)

    return bind

"""Compile statements of SQLAlchemy Core once for each engine; its own would compile them, or look them up, each time.

A process executes them on one engine, so none is compiled for another before it is needed there.
"""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias
from weakref import WeakSet

from sqlalchemy import bindparam
from sqlalchemy.sql.compiler import SQLCompiler

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ClauseElement, Dialect

P = ParamSpec("P")

# SQL with named parameters, and their values.
Sql: TypeAlias = tuple[str, dict[str, Any]]

# A statement of any engine, and the values bound to it.
Statement: TypeAlias = "tuple[CompiledStatement, dict[str, Any]]"


class CompiledStatement:
    """A statement, which is compiled when an engine needs it first.

    `postgresql`: a clause of that engine, if it is not the same as of SQLite. `fixed`: its SQL on engines that have
    compiled it, if it needs no values but those that callers bind.
    """

    __slots__ = ("__weakref__", "_clauses", "_texts", "fixed")

    def __init__(self, clause: ClauseElement, *, postgresql: ClauseElement | None = None) -> None:
        self._clauses = {"sqlite": clause, "postgresql": clause if postgresql is None else postgresql}
        self._texts: dict[Dialect, _Text] = {}
        self.fixed: dict[Dialect, str] = {}
        _statements.add(self)

    def bind(self, values: dict[str, Any]) -> Statement:
        """Return the statement with these values."""
        return self, values

    def sql(self, dialect: Dialect, values: dict[str, Any]) -> Sql:
        """Return the SQL of an engine, and its values. A list after IN becomes one parameter for each member."""
        text = self._texts.get(dialect) or self.compile(dialect)
        return text.bind(values)

    def prepare(self, dialect: Dialect) -> None:
        """Compile the text for an engine, unless that was done."""
        if dialect not in self._texts:
            self.compile(dialect)

    def compile(self, dialect: Dialect) -> _Text:
        """Return the text for an engine, which is kept."""
        text = self._texts[dialect] = _Text(self._clauses[dialect.name], dialect)
        if not text.constants and not text.lists:
            self.fixed[dialect] = text.sql
        return text


_statements: WeakSet[CompiledStatement] = WeakSet()


class _Text:
    """The SQL of a statement. `constants`: values that callers do not bind. `lists`: names of those after IN."""

    def __init__(self, clause: ClauseElement, dialect: Dialect) -> None:
        compiled = clause.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        self.sql = str(compiled)
        # SQLAlchemy has names of its own type, which marshal does not encode.
        self.constants = {str(name): value for name, value in compiled.params.items() if value is not None}
        self.lists = [name for name, parameter in compiled.binds.items() if parameter.expanding]
        self._compiled = compiled if self.lists else None

    def bind(self, values: dict[str, Any]) -> Sql:
        """Return the SQL and its values."""
        values = self.constants | values
        if self._compiled is None:
            return self.sql, values
        lists = {name: [*values[name]] for name in self.lists}
        expanded = self._compiled.construct_expanded_state(values | lists)
        return expanded.statement, dict(expanded.parameters)


def compile_all(dialect: Dialect) -> None:
    """Compile every statement of the imported modules: 60 ms, which processes that are forked then do not need."""
    for statement in list(_statements):
        statement.prepare(dialect)


def compiled(build: Callable[P, ClauseElement]) -> Callable[P, Statement]:
    """Call `build` with bound parameters, compile its result, and return a function that binds values to it."""
    names = tuple(inspect.signature(build).parameters)
    parameters: dict[str, Any] = {name: bindparam(name) for name in names}
    statement = CompiledStatement(build(**parameters))  # type: ignore[call-arg]  # the names are its own

    @wraps(build)
    def bind(*args: P.args, **kwargs: P.kwargs) -> Statement:
        return statement.bind(dict(zip(names, args, strict=False)) | kwargs)

    return bind

"""Compiled statements: the values bound to them, and that reads need nothing that only SQLite has."""

from __future__ import annotations

import inspect
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import bindparam
from sqlalchemy.dialects import postgresql

from media_service.catalogue import listings, quotas, reads
from media_service.catalogue.sqlite.dialect import sql_of

if TYPE_CHECKING:
    from pathlib import Path

POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy gives it no types

READS: dict[str, Any] = {
    name: read
    for module in (reads, listings, quotas)
    for name, read in vars(module).items()
    if inspect.isfunction(read) and hasattr(read, "__wrapped__")
}


@pytest.mark.parametrize("count", [0, 1, 2, 1000])
def test_a_list_may_have_any_length(path: Path, count: int) -> None:
    names = {f"{number}.mp3" for number in range(count)}
    with closing(sqlite3.connect(path)) as connection:
        for statement in (reads.stored_names(names), reads.stored_names(names=[*names])):
            sql, values = sql_of(statement)
            assert connection.execute(sql, values).fetchall() == []
            assert sorted(values.values()) == sorted(names)


def test_values_of_one_call_are_not_seen_by_the_next() -> None:
    first = reads.expiring_uploads(1, 2)[1]
    first["idle"] = 5
    assert reads.expiring_uploads(1, created=3)[1] == first | {"idle": 1, "created": 3}


@pytest.mark.parametrize("name", READS)
def test_every_read_compiles_for_postgresql(name: str) -> None:
    build = READS[name].__wrapped__
    clause = build(**{parameter: bindparam(parameter) for parameter in inspect.signature(build).parameters})
    assert str(clause.compile(dialect=POSTGRESQL)).startswith("SELECT")


def test_the_process_aside_does_not_load_sqlalchemy() -> None:
    """It would take 15 MiB there, and its requests bring their SQL."""
    code = "import sys, media_service.sidecar; print('sqlalchemy' in sys.modules, 'sqlite3' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.split() == ["False", "True"]

"""The index of grams, by which a search finds files.

In SQLite it is a table of FTS5, `file_grams`, that stores only which files have a gram: no texts (`content=''`), no
positions (`detail=none`) and no lengths (`columnsize=0`). The trigram tokenizer of SQLite would store the same for
three letters, but finds no word of two, which is a common length in Korean. A file whose text changes is entered a
second time, and what its old text had stays: whoever finds a file compares its text.

In PostgreSQL it is a GIN index of `listed_files`, with grams that a function cuts from the text: stored, they would
make the rows four times as wide. `pg_trgm` finds no word of two letters either. An inserted row is in the index at once
(`fastupdate=off`): every search would read a list of those that are not, of up to 4 MB.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, column, false, literal, select, table
from sqlalchemy.ext.compiler import compiles

from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.constructs import Condition, insert
from media_service.catalogue.tables import listed_files
from media_service.catalogue.text_index import INDEXED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.sql.compiler import SQLCompiler

    from media_service.catalogue.compiled import Statement

_SPACES = [chr(code) for code in range(1, sys.maxunicode) if chr(code).isspace()]
_MOVED = {chr(code): chr(moved) for code, moved in INDEXED.items() if code and chr(code) not in _SPACES}


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_FROM = _quoted("".join([*_SPACES, *_MOVED]))
_TO = _quoted("".join([*(" " for _ in _SPACES), *_MOVED.values()]))

# The same as `text_index.grams_of_text`. In the array of letters, NULL stands between words.
_GRAMS_OF_TEXT = f"""
CREATE FUNCTION grams_of_text(folded text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 10000
RETURN (
  SELECT array_remove(array_agg(a) || array_agg(a || b) || array_agg(a || b || c), NULL)
  FROM (
    SELECT string_to_array(translate(folded, {_FROM}, {_TO}), NULL, ' ') AS letters
  ) AS text,
  unnest(letters, letters[2:], letters[3:]) AS neighbours (a, b, c)
)
"""  # noqa: S608  # constants

CREATE_GRAMS_INDEX = [
    "CREATE INDEX ix_listed_files_grams ON listed_files USING gin (grams_of_text(text)) WITH (fastupdate = off)",
    # ANALYZE would cut 30,000 texts, and the planner would multiply the shares of a word's grams.
    "ALTER INDEX ix_listed_files_grams ALTER COLUMN 1 SET STATISTICS 0",
]
"""Statements that create the index of PostgreSQL alone, for whoever has dropped it to insert many files."""

VACUUM_SOON = [
    # Until VACUUM has seen a row, whoever reads an index must read the row too. By itself it comes when a fifth of all
    # rows was inserted or changed.
    "ALTER TABLE listed_files SET (autovacuum_vacuum_insert_threshold = 1000, "
    "autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_scale_factor = 0.01)"
]
"""Statements that let PostgreSQL vacuum `listed_files` early."""

CREATE_GRAMS = {
    "sqlite": [
        "CREATE VIRTUAL TABLE file_grams USING fts5(grams, content='', columnsize=0, detail=none, tokenize='ascii')"
    ],
    "postgresql": [
        _GRAMS_OF_TEXT,
        *CREATE_GRAMS_INDEX,
        *VACUUM_SOON,
    ],
}
"""Statements that create everything, by engine."""

_file_grams = table("file_grams", column("rowid", BigInteger), column("grams", Text))


def _save_grams() -> CompiledStatement:
    listed = select(listed_files.c.number).where(listed_files.c.file_id == bindparam("file_id"))
    entering = insert(_file_grams).from_select(["rowid", "grams"], listed.add_columns(bindparam("grams", type_=Text())))
    # PostgreSQL has done so when the file was listed.
    return CompiledStatement(entering, postgresql=select(literal(1)).where(false()))


_SAVE_GRAMS = _save_grams()


def save_grams(file_id: str, grams: Iterable[str]) -> Statement:
    """Enter the grams of a listed file."""
    return _SAVE_GRAMS.bind({"file_id": file_id, "grams": " ".join(grams)})


def grams_query(grams: Iterable[str]) -> str:
    """Return the grams of a search as `files_with_grams` and `has_grams` take them."""
    return " ".join(f'"{gram}"' for gram in grams)


def files_with_grams(query: Any) -> Select[tuple[int]]:
    """Read the numbers of the files that have all of these grams, on SQLite."""
    return select(_file_grams.c.rowid.label("number")).where(_Matches(query))


def has_grams(text: ColumnElement[str], query: Any) -> ColumnElement[bool]:
    """Return whether the text of a listed file has all of these grams, on PostgreSQL."""
    return _HasGrams(text, query)


class _Matches(Condition):
    inherit_cache = True


@compiles(_Matches, "sqlite")
def _match(element: _Matches, compiler: SQLCompiler, **options: Any) -> str:
    # Without a column, because `detail=none` stores none.
    return f"file_grams MATCH {compiler.process(element.clauses, **options)}"


class _HasGrams(Condition):
    inherit_cache = True


@compiles(_HasGrams, "postgresql")
def _contains(element: _HasGrams, compiler: SQLCompiler, **options: Any) -> str:
    text, query = (compiler.process(clause, **options) for clause in element.clauses)
    # As the result of a query: whatever the grams are, the planner then thinks that 1 of 200 files has them, so that it
    # reads the index, and reads no file that is not also in a small range of an order.
    return f"grams_of_text({text}) @> (SELECT string_to_array(replace({query}, '\"', ''), ' '))"

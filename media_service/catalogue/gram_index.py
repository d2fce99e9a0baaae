"""The index of grams, by which a search finds files. Both engines call it `file_grams`, with a `rowid` for each file.

In SQLite it is a table of FTS5 that stores only which files have a gram: no texts (`content=''`), no positions
(`detail=none`) and no lengths (`columnsize=0`). The trigram tokenizer of SQLite would store the same for three letters,
but finds no word of two, which is a common length in Korean. A file whose text changes is entered a second time, and
what its old text had stays: whoever finds a file compares its text.

In PostgreSQL it is a table of arrays with a GIN index. `pg_trgm` has no grams of two letters either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Text,
    bindparam,
    column,
    func,
    literal_column,
    select,
    table,
)
from sqlalchemy.ext.compiler import compiles

from media_service.catalogue.compiled import CompiledStatement
from media_service.catalogue.constructs import Condition, insert
from media_service.catalogue.tables import listed_files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.sql.compiler import SQLCompiler

    from media_service.catalogue.compiled import Statement

_file_grams = table("file_grams", column("rowid", BigInteger), column("grams", Text))
_BLANK: ColumnElement[str] = literal_column("' '")


def _save_grams() -> CompiledStatement:
    listed = select(listed_files.c.number).where(listed_files.c.file_id == bindparam("file_id"))
    grams = bindparam("grams", type_=Text())
    entering = insert(_file_grams).from_select(["rowid", "grams"], listed.add_columns(grams))
    array = func.string_to_array(grams, _BLANK, type_=ARRAY(Text))
    replacing = insert(_file_grams).from_select(["rowid", "grams"], listed.add_columns(array))
    replaced = {"grams": replacing.excluded.grams}
    return CompiledStatement(
        entering, postgresql=replacing.on_conflict_do_update(index_elements=["rowid"], set_=replaced)
    )


_SAVE_GRAMS = _save_grams()


def save_grams(file_id: str, grams: Iterable[str]) -> Statement:
    """Enter the grams of a listed file."""
    return _SAVE_GRAMS.bind({"file_id": file_id, "grams": " ".join(grams)})


def grams_query(grams: Iterable[str]) -> str:
    """Return the grams of a search as `files_with_grams` takes them."""
    return " ".join(f'"{gram}"' for gram in grams)


def files_with_grams(query: Any) -> Select[tuple[int]]:
    """Read the numbers of the files that have all of these grams."""
    return select(_file_grams.c.rowid.label("number")).where(_HasGrams(_file_grams.c.grams, query))


class _HasGrams(Condition):
    inherit_cache = True


@compiles(_HasGrams, "sqlite")
def _match(element: _HasGrams, compiler: SQLCompiler, **options: Any) -> str:
    _, query = (compiler.process(clause, **options) for clause in element.clauses)
    # Without a column, because `detail=none` stores none.
    return f"file_grams MATCH {query}"


@compiles(_HasGrams, "postgresql")
def _contains(element: _HasGrams, compiler: SQLCompiler, **options: Any) -> str:
    grams, query = (compiler.process(clause, **options) for clause in element.clauses)
    return f"""{grams} @> string_to_array(replace({query}, '"', ''), ' ')"""

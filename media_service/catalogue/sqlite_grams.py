"""The index of grams in SQLite; another engine gets a module with the same names.

It is a table of FTS5 that stores only which files have a gram: no texts (`content=''`), no positions (`detail=none`)
and no lengths (`columnsize=0`). The trigram tokenizer of SQLite would store the same for three letters, but finds no
word of two, which is a common length in Korean. A file whose text changes is entered a second time, and what
its old text had stays: whoever finds a file compares its text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import DDL, BigInteger, Text, bindparam, column, event, func, insert, literal_column, select, table

from media_service.catalogue.tables import listed_files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Insert, Select

_CREATE = "CREATE VIRTUAL TABLE file_grams USING fts5(grams, content='', columnsize=0, detail=none, tokenize='ascii')"
event.listen(listed_files, "after_create", DDL(_CREATE))  # type: ignore[no-untyped-call]  # SQLAlchemy gives it no types

_file_grams = table("file_grams", column("rowid", BigInteger), column("grams", Text))


def grams_column(grams: Iterable[str]) -> str:
    """Return the grams of a file as `save_grams` takes them."""
    return " ".join(grams)


def save_grams() -> Insert:
    """Enter the `grams` of the listed file `file_id`."""
    listed = select(listed_files.c.number, bindparam("grams")).where(listed_files.c.file_id == bindparam("file_id"))
    return insert(_file_grams).from_select(["rowid", "grams"], listed)


def grams_query(grams: Iterable[str]) -> str:
    """Return the grams of a search as `files_with_grams` takes them."""
    return " ".join(f'"{gram}"' for gram in grams)


def files_with_grams(query: Any) -> Select[tuple[int]]:
    """Read the numbers of the files that have all of these grams."""
    # Without a column, because `detail=none` stores none.
    matching = literal_column("file_grams").op("MATCH")(query)
    return select(_file_grams.c.rowid.label("number")).where(matching)


def contains(text: ColumnElement[str], word: ColumnElement[str]) -> ColumnElement[bool]:
    """Return whether the text contains the word."""
    return func.instr(text, word) > 0


def numbers_column(numbers: Iterable[int]) -> str:
    """Return numbers as `is_among` takes them: as one parameter, so that one statement fits any count."""
    return json.dumps([*numbers])


def is_among(number: ColumnElement[int], numbers: ColumnElement[str]) -> ColumnElement[bool]:
    """Return whether a number is one of these."""
    return number.in_(select(func.json_each(numbers).table_valued("value").c.value))

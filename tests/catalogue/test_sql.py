"""The statements' text: it is what SQLAlchemy makes of them, all of it is used, and the server needs no more."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import literal, select

from media_service.catalogue import reads, writes
from media_service.catalogue.orders import FILE_SORT_KEYS, name_of
from media_service.catalogue.sql import SQL
from media_service.catalogue.write_sql import WRITTEN, Unfinished, module, text_of

LISTINGS = {name_of("uploads_page", *flags) for flags in product((False, True), repeat=3)} | {
    name_of(f"files_by_{order}", *flags) for order in FILE_SORT_KEYS for flags in product((False, True), repeat=2)
}


def test_the_text_is_what_the_expressions_come_to() -> None:
    assert WRITTEN.read_text() == module(), "run `make sql`"


def test_every_statement_is_used_and_there() -> None:
    sources = "".join(Path(str(room.__file__)).read_text() for room in (reads, writes))
    assert set(re.findall(r'SQL\["(\w+)"\]', sources)) == SQL.keys() - LISTINGS
    assert SQL.keys() >= LISTINGS


def test_a_statement_with_a_value_of_its_own_is_not_written() -> None:
    with pytest.raises(Unfinished, match="answer"):
        text_of("answer", select(literal(42)))


@pytest.mark.parametrize("module_of_ours", ["media_service.server.serve", "media_service.sidecar"])
def test_what_serves_does_not_load_what_writes_sql(module_of_ours: str) -> None:
    asked = f"import sys, {module_of_ours}; print('sqlalchemy' in sys.modules, 'sqlite3' in sys.modules)"
    answered = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert answered.stdout.split() == ["False", "True"]

"""Whatever SQLite has stored in a row, PostgreSQL takes what becomes of it, and nothing that is right is changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from media_service.catalogue.access_tables import links, owners, tokens
from media_service.catalogue.postgresql.migrate import migrate
from media_service.catalogue.tables import files, listed_files, slices, uploads
from media_service.catalogue.text_index import SIGNATURE_COLUMNS
from media_service.catalogue.transfer import TABLES, RowFitter
from tests.support.new_catalogue import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Table

    from tests.services.postgresql import Databases

pytestmark = pytest.mark.once

ANYTHING = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=80),
    st.text("a\0é\ud800", max_size=5),
    st.binary(max_size=40),
)


def row_of(table: Table, **values: Any) -> tuple[Any, ...]:
    """Return a row with these values; texts are "x", numbers 1, digests 32 bytes, and what may be missing is."""
    kinds = {"INTEGER": 1, "BIGINT": 1, "FLOAT": 1.5, "BLOB": bytes(32)}
    plain = {
        column.name: None if column.nullable else kinds.get(str(column.type).partition("(")[0], "x")
        for column in table.columns
    }
    return tuple((plain | values).values())


@pytest.fixture(scope="module")
def connection(postgresql: Databases) -> Iterator[psycopg.Connection[Any]]:
    """Yield a connection to a catalogue in which rows need no parents."""
    url = postgresql.create(postgresql.template("template_of_migrations", lambda url: migrate(url, MIGRATIONS)))
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.commit()
        yield connection
    postgresql.drop(url)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_postgresql_takes_every_row_that_is_left(connection: psycopg.Connection[Any], data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(TABLES))
    row = tuple(data.draw(st.tuples(*[ANYTHING for _ in table.columns])))
    fitted = RowFitter().fit(table, row, has_parents=True)
    assert (fitted.values is not None) or fitted.unfit
    if fitted.values is None:
        return
    names = sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Identifier, table.columns.keys())))
    copy = sql.SQL("COPY {} {} FROM STDIN").format(sql.Identifier(table.name), names)
    try:
        connection.execute("DELETE FROM usage")
        with connection.cursor() as cursor, cursor.copy(copy) as copying:
            copying.write_row(fitted.values)
        read = sql.SQL("SELECT {} FROM {}").format(
            sql.SQL(", ").join(map(sql.Identifier, table.columns.keys())), sql.Identifier(table.name)
        )
        assert connection.execute(read).fetchall() == [fitted.values]
    finally:
        connection.rollback()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_row_that_is_right_stays_as_it_is(table: Table) -> None:
    row = row_of(table)
    fitted = RowFitter().fit(table, row, has_parents=True)
    assert (fitted.values, fitted.unfit) == (row, ())


def test_values_that_mean_nothing_are_replaced_and_named() -> None:
    row = row_of(uploads, filename="a\0b", length="long", sender=b"\0", created_at="then", version=2**31)
    fitted = RowFitter().fit(uploads, row, has_parents=True)
    assert fitted.unfit == ("filename", "length", "sender", "created_at", "version")
    assert fitted.values is not None
    named = dict(zip(uploads.columns.keys(), fitted.values, strict=True))
    assert (named["filename"], named["length"], named["sender"]) == ("ab", None, None)
    assert (named["created_at"], named["version"]) == (0, 0)


@pytest.mark.parametrize("odd", [{"text": "foo\0bar"}, {"signature_2": "many"}, {"signature_6": 1.5}])
def test_signature_that_may_be_of_another_text_rules_nothing_out(odd: dict[str, Any]) -> None:
    fitted = RowFitter().fit(listed_files, row_of(listed_files, **odd), has_parents=True)
    assert fitted.values is not None
    named = dict(zip(listed_files.columns.keys(), fitted.values, strict=True))
    assert {named[name] for name in SIGNATURE_COLUMNS} == {-1}


def test_bytes_that_are_no_text_become_replacement_characters() -> None:
    with closing(sqlite3.connect(":memory:")) as sqlite:
        sqlite.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
        ((text,),) = sqlite.execute("SELECT CAST(x'c3a9ff' AS TEXT)").fetchall()
    fitted = RowFitter().fit(files, row_of(files, genre=text), has_parents=True)
    assert fitted.values is not None
    assert dict(zip(files.columns.keys(), fitted.values, strict=True))["genre"] == "é\ufffd"


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (tokens, {"expires_at": "never"}),
        (tokens, {"collection": b"c"}),
        (links, {"passphrase": b"hash"}),
        (owners, {"disabled_at": "yes"}),
    ],
)
def test_nothing_that_permits_less_is_lost(table: Table, values: dict[str, Any]) -> None:
    fitted = RowFitter().fit(table, row_of(table, **values), has_parents=True)
    assert (fitted.values, fitted.unfit) == (None, tuple(values))


def test_rows_without_parents_are_left_out() -> None:
    fitter = RowFitter()
    assert fitter.fit(uploads, row_of(uploads, id="a\0"), has_parents=True).values is None
    assert fitter.fit(slices, row_of(slices, upload_id="a\0"), has_parents=True).values is None
    assert fitter.fit(slices, row_of(slices, upload_id="b"), has_parents=False).values is None
    assert fitter.fit(slices, row_of(slices, upload_id="b"), has_parents=True).values is not None

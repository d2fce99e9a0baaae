"""The index of grams on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st

from media_service.catalogue.file_conditions import Conditions
from media_service.catalogue.file_orders import Range, order_named
from media_service.catalogue.file_statements import sorted_finds
from media_service.catalogue.postgresql.dialect import sql_of
from media_service.catalogue.text_index import fold, grams_of_text
from tests.support.postgres_catalogue import empty_catalogue

if TYPE_CHECKING:
    from tests.services.postgresql import Databases

letters = st.one_of(
    st.characters(codec="utf-8", exclude_characters="\0"),
    st.sampled_from("aAáŁ가각か밤%_/\"'\\*- \n\t\x1c\x85\u1680\u3000\ue020\U0001f600"),
)


@settings(deadline=None)
@given(st.lists(st.text(letters, max_size=20), min_size=1))
def test_the_database_cuts_texts_into_the_same_grams(postgresql: Databases, texts: list[str]) -> None:
    texts = [fold(text) for text in texts]
    with psycopg.connect(empty_catalogue(postgresql)) as connection:
        query = "SELECT grams_of_text(text) FROM unnest(%s::text[]) WITH ORDINALITY AS texts (text, n) ORDER BY n"
        cut = [set(grams or ()) for (grams,) in connection.execute(query, (texts,))]
    assert cut == [grams_of_text(text) for text in texts]


def test_files_are_found_by_the_index_of_grams(postgresql: Databases) -> None:
    statement = sorted_finds(order_named("-title"), (Range.ALL,), Conditions())
    sql, values = sql_of(statement.bind({"grams": '"ab" "c"', "most": 3, "rows": 3}))
    with psycopg.connect(empty_catalogue(postgresql)) as connection:
        # Else an empty table is read from its beginning to its end.
        connection.execute("SET enable_seqscan = off")
        plan = [step.strip() for (step,) in connection.execute(f"EXPLAIN {sql}".encode(), values)]
    assert any("Bitmap Index Scan on ix_listed_files_grams" in step for step in plan)
    assert any(step.startswith("Index Cond: (grams_of_text") for step in plan)

"""Secrets that nodes share: the first one's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from media_service.catalogue.postgresql.connections import UnusableDatabase
from media_service.catalogue.postgresql.secrets import shared_secret
from tests.support.postgresql import execute

TABLE = "CREATE TABLE secrets (name text PRIMARY KEY, value text NOT NULL)"


def test_every_node_gets_the_secret_of_the_first(database: str) -> None:
    execute(database, TABLE)
    with ThreadPoolExecutor(8) as nodes:
        found = set(nodes.map(lambda number: shared_secret(database, "token", f"of {number}"), range(8)))
    (secret,) = found
    assert shared_secret(database, "token", "late") == secret
    assert shared_secret(database, "other", "its own") == "its own"


def test_a_database_without_the_table_is_named(database: str) -> None:
    with pytest.raises(UnusableDatabase, match="secrets"):
        shared_secret(database, "token", "of one")

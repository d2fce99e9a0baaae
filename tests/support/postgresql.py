"""Statements that a test executes in a database beside the code that it tests."""

from __future__ import annotations

from typing import Any

import psycopg


def execute(url: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Execute one statement as another program; return its rows."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description else []


def terminate_others(url: str) -> int:
    """End the server's processes for all other connections to this database; return how many there were."""
    ended = execute(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    return len(ended)

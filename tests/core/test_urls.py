"""Passwords in URLs of databases are never shown."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core.urls import without_password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://media:secret@db.example:5432/media", "postgresql://media:…@db.example:5432/media"),
        ("postgres://:secret@/media", "postgres://:…@/media"),
        ("postgresql://media:p@ss/word@db/media?sslmode=require", "postgresql://media:…@db/media?sslmode=require"),
        (
            "postgresql://media@db/media?password=s@cret&sslpassword=x",
            "postgresql://media@db/media?password=…&sslpassword=…",
        ),
        ("cannot connect to postgresql://a:b@c/d: timeout", "cannot connect to postgresql://a:…@c/d: timeout"),
        ("postgresql://media@db.example:5432/media", "postgresql://media@db.example:5432/media"),
        ("postgresql:///media", "postgresql:///media"),
        ("mailto:person@radio.example", "mailto:person@radio.example"),
    ],
)
def test_password_is_left_out_and_the_rest_stays(url: str, shown: str) -> None:
    assert without_password(url) == shown
    assert without_password(shown) == shown


@given(st.text(string.ascii_letters + string.digits + "@:/%#+=", min_size=1), st.sampled_from(["user", "query"]))
def test_no_password_is_shown(password: str, place: str) -> None:
    user = f":<{password}>" if place == "user" else ""
    query = f"?password=<{password}>" if place == "query" else ""
    assert f"{password}>" not in without_password(f"postgresql://media{user}@db.example/media{query}")

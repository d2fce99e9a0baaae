"""An old installation, of which each test has a copy, and a place to move it to."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from media_service.catalogue.postgresql.migrate import migrate
from tests.migration.old import Old, make_old
from tests.support.backend import Backend
from tests.support.databases import PostgresDatabase
from tests.support.new_catalogue import MIGRATIONS
from tests.support.stores import ObjectStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services.postgresql import Databases
    from tests.services.s3 import Buckets


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Old:
    """Return an installation that no test changes."""
    return asyncio.run(make_old(tmp_path_factory.mktemp("original") / "data"))


@pytest.fixture
def old(original: Old, tmp_path: Path) -> Old:
    """Return a copy for this test alone."""
    data = tmp_path / "old"
    shutil.copytree(original.data, data, ignore=shutil.ignore_patterns("*.socket"))
    return replace(original, data=data)


@pytest.fixture(scope="session")
def bucket_of_all(versitygw: Buckets) -> Iterator[str]:
    """Yield a bucket, in which each test has a prefix of its own."""
    name = versitygw.create()
    yield name
    versitygw.drop(name)


@pytest.fixture
def place(postgresql: Databases, versitygw: Buckets, bucket_of_all: str) -> Iterator[Backend]:
    """Yield an empty database that has the newest schema, and an empty prefix."""
    url = postgresql.create(postgresql.template("template_of_migrations", lambda url: migrate(url, MIGRATIONS)))
    yield Backend(PostgresDatabase(url), ObjectStore(versitygw, bucket_of_all, secrets.token_hex(8)))
    postgresql.drop(url)

"""`DatabaseClock`: the database's time, whatever this machine's clock says."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from media_service.catalogue.postgresql.clock import DatabaseClock
from media_service.core.errors.service import CatalogueError
from tests.support.postgresql import execute

if TYPE_CHECKING:
    from media_service.catalogue.postgresql.session import Session

NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


async def test_clock_is_that_of_the_database(session: Session, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    clock = DatabaseClock(session)
    await clock.measure()
    ((before,),) = execute(database, NOW)
    now = clock.now()
    ((after,),) = execute(database, NOW)
    # The offset is right to half the time of a round trip.
    assert before - 500_000 <= now <= after + 500_000
    assert clock.now() >= now


async def test_a_measurement_that_fails_leaves_the_clock_as_it_was(session: Session) -> None:
    clock = DatabaseClock(session)
    await clock.measure()
    now = clock.now()
    await session.close()
    with pytest.raises(CatalogueError):
        await clock.measure()
    assert now <= clock.now() < now + 60_000_000

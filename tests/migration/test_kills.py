"""A migration is killed at every step, and goes on when it is repeated."""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import TYPE_CHECKING

import pytest

from media_service.config.loading import load
from media_service.migration.installation import move_installation
from media_service.startup import StartupError, check_moved
from media_service.storage.data_folder import DataFolder
from tests.migration.command import environment, moved
from tests.migration.old import DIALECTS, Old, contents
from tests.support.databases import SqliteDatabase
from tests.support.stores import ObjectStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.backend import Backend

pytestmark = pytest.mark.once

STEPS = [
    *(("preparing", 0), ("moving files", 0), ("moving files", 1), ("moving files", 4), ("moving files", 7)),
    # Of all tables two are enough: one transaction has them all.
    *(("moving collections", 0), ("moving uploads", 3), ("moving listed_files", 0), ("entering words", 0)),
    *(("committing", 0), ("committing now", 0), ("ending", 0), ("marking the folder", 0)),
]
"""When a run is killed: in which phase, after how many objects or rows."""

REFUSED_FROM = STEPS.index(("committing now", 0))
"""From then on nothing may start."""

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(
    [f"media_service.{name}" for name in ("migration.installation", "cli", "postgresql_adapters", "s3_adapters")]
)


class Killer:
    """`Progress` that kills the process."""

    def __init__(self, phase: str, done: int) -> None:
        self._step = phase, done
        self._phase, self._done = "", 0

    def begin(self, phase: str, total: int = 0, unit: str = "") -> None:
        self._phase, self._done = phase, 0
        self._kill_if_due()

    def advance(self, amount: int) -> None:
        self._done += 1
        self._kill_if_due()

    def _kill_if_due(self) -> None:
        if (self._phase, self._done) == self._step:
            os.kill(os.getpid(), signal.SIGKILL)


def _move(data: str, variables: Mapping[str, str], step: tuple[str, int]) -> None:
    os.environ.update(variables)
    move_installation(load(data_dir=data), Killer(*step))


def _kill_at(data: Path, place: Backend, step: tuple[str, int]) -> None:
    process = _processes.Process(target=_move, args=(str(data), environment(place), step))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL, f"it did not come to {step}"


def test_a_run_that_is_killed_at_any_step_is_ended_by_the_next(old: Old, place: Backend) -> None:
    before, source = contents(old.data), SqliteDatabase(old.data)
    assert isinstance(place.store, ObjectStore)
    ((uploads,),) = source.rows("SELECT count(*) FROM uploads")
    for number, step in enumerate(STEPS):
        _kill_at(old.data, place, step)
        assert contents(old.data) == before
        expected = uploads if number > REFUSED_FROM else 0
        assert place.database.rows("SELECT count(*) FROM uploads") == [(expected,)], "all rows or none"
        if number >= REFUSED_FROM:
            _check_that_nothing_starts(old)
        else:
            check_moved(DataFolder(old.data), catalogue="", store="")
    assert moved(old.data, place).startswith("moved")
    check_moved(DataFolder(old.data), catalogue="postgresql://", store="s3://")
    _check_objects(old, place.store, before)
    slices = place.database.rows("SELECT upload_id, start, stop, object FROM slices")
    assert len(slices) > len(DIALECTS)
    for upload_id, start, stop, name in slices:
        part = before[f"partials/{upload_id}.partial"][start:stop]
        assert place.store.read_slice(upload_id, start, stop, name) == part


def _check_objects(old: Old, store: ObjectStore, before: Mapping[str, bytes]) -> None:
    assert store.names() == sorted(path.split("/")[2] for path in before if path.startswith("spool/mp3/"))
    assert store.unfinished() == sorted([*old.begun.values(), old.waiting])
    assert store.rejected() == [old.rejected]
    assert store.multipart_uploads() == []
    assert store.buckets.keys(store.bucket, f"{store.prefix}/migration") == []


def _check_that_nothing_starts(old: Old) -> None:
    for catalogue, store in (("", ""), ("postgresql://", "s3://")):
        with pytest.raises(StartupError, match="is moving to"):
            check_moved(DataFolder(old.data), catalogue=catalogue, store=store)

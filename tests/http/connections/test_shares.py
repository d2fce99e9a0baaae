"""Shares: a process knows whether another one has fewer connections."""

from __future__ import annotations

import os

import pytest

from media_service.http.connections.shares import MAX_PROCESSES, Shares

pytestmark = pytest.mark.once


def test_only_the_process_with_fewest_connections_is_not_ahead() -> None:
    shares = Shares()
    first, second, third = (shares.take() for _ in range(3))
    for share, count in ((first, 2), (second, 1), (third, 1)):
        share.publish(count)
    assert [share.is_ahead() for share in (first, second, third)] == [True, False, False]


def test_processes_that_start_or_retire_or_ended_do_not_count() -> None:
    shares = Shares()
    first, second = shares.take(), shares.take()
    first.publish(5)
    assert not first.is_ahead()
    second.publish(0)
    assert first.is_ahead()
    second.leave()
    second.publish(0)
    assert not first.is_ahead()
    second.free()
    assert not first.is_ahead()
    third = shares.take()
    assert not first.is_ahead()
    third.publish(1)
    assert first.is_ahead()


def test_counts_are_those_of_other_processes() -> None:
    shares = Shares()
    mine, other = shares.take(), shares.take()
    mine.publish(1)
    if (pid := os.fork()) == 0:
        other.publish(0)
        os._exit(0)
    os.waitpid(pid, 0)
    assert mine.is_ahead()


def test_number_of_processes_is_limited() -> None:
    shares = Shares()
    first, *_ = [shares.take() for _ in range(MAX_PROCESSES)]
    with pytest.raises(BlockingIOError):
        shares.take()
    first.free()
    shares.take()

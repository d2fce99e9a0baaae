"""Locks on the bytes of partials, between real processes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.support.store_process import StoreProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LENGTH = 40
Processes = tuple[StoreProcess, StoreProcess]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.partial").write_bytes(bytes(LENGTH))
    return tmp_path


@pytest.fixture
def processes(folder: Path) -> Iterator[tuple[StoreProcess, StoreProcess]]:
    with StoreProcess(folder) as one, StoreProcess(folder) as other:
        yield one, other


@pytest.mark.parametrize("size", [10, None])
def test_bytes_of_a_killed_process_are_free_at_once(processes: Processes, size: int | None) -> None:
    one, other = processes
    assert one.call("lock", "a", "w", 10, size)
    assert one.call("lock", "a", "beside", 30, 10)
    assert size is not None or one.call("extend", "w", 20)
    one.call("write", "w", "0123456789")
    assert not other.call("lock", "a", "w", 19, 5)
    one.kill()
    assert other.call("lock", "a", "w", 0, LENGTH)


def test_exclusive_lock_of_a_killed_process_is_free_at_once(processes: Processes) -> None:
    one, other = processes
    assert one.call("try_exclusive", "a")
    assert not other.call("lock", "a", "w", 0, 1)
    assert not other.call("try_exclusive", "a")
    one.kill()
    assert other.call("try_exclusive", "a")


def test_spans_beside_each_other_do_not_meet(processes: Processes) -> None:
    one, other = processes
    for start in range(0, LENGTH, 2):
        assert one.call("lock", "a", str(start), start, 1)
        assert other.call("lock", "a", str(start), start + 1, 1)
        one.call("write", str(start), "1")
        other.call("write", str(start), "2")


def test_bytes_do_not_change_while_they_are_locked(folder: Path, processes: Processes) -> None:
    for process, mark in zip(processes, "12", strict=True):
        process.send("contend", "a", 20, 200, mark)
    assert [process.result() for process in processes] == [0, 0]
    assert (folder / "a.partial").read_bytes()[20:] == bytes(20)


class TwoProcesses(RuleBasedStateMachine):
    """Any order of locks in two processes: a byte never has two holders, and a free one can be had."""

    processes: Processes
    folder: Path
    numbers = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.upload_id = f"u{next(self.numbers)}"
        (self.folder / f"{self.upload_id}.partial").touch()
        self.held: list[dict[str, range]] = [{}, {}]
        self.exclusive: int | None = None

    @rule(number=st.integers(0, 1), start=st.integers(0, LENGTH), size=st.integers(1, 12))
    def lock(self, number: int, start: int, size: int) -> None:
        span = range(start, start + size)
        # The writers of one process are kept apart by leases.
        if not any(map(_meeting(span), self.held[number].values())):
            name = str(next(self.numbers))
            got = self.processes[number].call("lock", self.upload_id, name, start, size)
            assert got is self._is_free(number, span)
            if got:
                self.held[number][name] = span

    @rule(number=st.integers(0, 1), data=st.data(), size=st.integers(1, 12))
    def extend(self, number: int, data: Any, size: int) -> None:
        if held := self.held[number]:
            name = data.draw(st.sampled_from(sorted(held)))
            span = range(held[name].start, held[name].stop + size)
            if not any(map(_meeting(span), (other for key, other in held.items() if key != name))):
                got = self.processes[number].call("extend", name, span.stop)
                assert got is self._is_free(number, span)
                if got:
                    held[name] = span

    @rule(number=st.integers(0, 1), data=st.data())
    def close(self, number: int, data: Any) -> None:
        if held := self.held[number]:
            name = data.draw(st.sampled_from(sorted(held)))
            self.processes[number].call("close", name)
            del held[name]

    @rule(number=st.integers(0, 1))
    def try_exclusive(self, number: int) -> None:
        got = self.processes[number].call("try_exclusive", self.upload_id)
        assert got is (self.exclusive is None and not any(self.held))
        if got:
            self.exclusive = number

    @rule()
    def end_exclusive(self) -> None:
        if self.exclusive is not None:
            self.processes[self.exclusive].call("end_exclusive", self.upload_id)
            self.exclusive = None

    def teardown(self) -> None:
        self.end_exclusive()
        for process, held in zip(self.processes, self.held, strict=True):
            for name in held:
                process.call("close", name)

    def _is_free(self, number: int, span: range) -> bool:
        return self.exclusive is None and not any(map(_meeting(span), self.held[1 - number].values()))


def _meeting(span: range) -> Any:
    return lambda other: other.start < span.stop and span.start < other.stop


def test_a_byte_never_has_two_holders(tmp_path: Path, processes: Processes) -> None:
    TwoProcesses.folder, TwoProcesses.processes = tmp_path, processes
    run_state_machine_as_test(TwoProcesses, settings=settings(max_examples=60, stateful_step_count=30, deadline=None))

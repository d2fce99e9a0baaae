"""Run a scenario: start every server once, then measure them in turn, round by round.

So a change of the machine's speed changes all of them, and their ratios least.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bench.generator import Generator, Load, NoGenerator
from bench.payload import make_payload
from bench.processes import cpu_seconds, peak_bytes, reset_peak, sample_memory, thread_seconds
from bench.target import RunningServer, StartFailed, Target
from bench.verify_received import SentPayload
from bench.workspace import touch_memory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.scenarios import Scenario


READ_AHEAD_THREAD = "read-ahead"
"""The thread of our service that reads files while they arrive, so that finishing them takes no time."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One counted run. Seconds, bytes and milliseconds.

    `cpu` is until the last acknowledgement, `cpu_all` until the server had finished the files. The read-ahead thread
    does part of finishing early, so its time is in `cpu_all` alone. `finish` is the wall time from the last
    acknowledgement until then. `held` is 0 if the scenario does not show it. Percentiles are maps of p50, p99 and max.
    """

    cpu: float
    cpu_all: float
    wall: float
    finish: float
    bytes: int
    uploads: int
    pieces: int
    peak: int
    held: int
    piece_ms: dict[str, float]
    probe_ms: dict[str, float]


@dataclass(slots=True)
class Outcome:
    """The samples of one target in one scenario. `trouble` is the first error, after which it is not measured."""

    target: Target
    samples: list[Sample] = field(default_factory=list)
    trouble: str = ""


class Bench:
    """Run scenarios. `payloads` is a folder on tmpfs, `data` one on the file system that is measured."""

    def __init__(self, program: Path, payloads: Path, data: Path, *, warm: int, rounds: int) -> None:
        self._program = program
        self._payloads = payloads
        self._data = data
        self._warm = warm
        self._rounds = rounds
        self._runs = 0

    def run(self, scenario: Scenario, targets: Sequence[Target]) -> list[Outcome]:
        """Measure the targets; return their samples, or why they could not be measured."""
        payload = self._payloads / f"{scenario.size}.mp3"
        make_payload(payload, scenario.size)
        sent = SentPayload(payload)
        outcomes = [Outcome(target, trouble=target.missing()) for target in targets]
        started: list[tuple[Outcome, RunningServer]] = []
        try:
            for outcome in outcomes:
                self._start(scenario, outcome, started)
            warm = self._warm if scenario.warm is None else scenario.warm
            for number in range(warm + (scenario.rounds or self._rounds)):
                for outcome, running in started:
                    if not outcome.trouble:
                        self._drive(scenario, outcome, running, sent, counts=number >= warm)
        finally:
            for _, running in started:
                running.stop()
            payload.unlink()
        return outcomes

    def _start(self, scenario: Scenario, outcome: Outcome, started: list[tuple[Outcome, RunningServer]]) -> None:
        if outcome.trouble:
            return
        folder = self._data / f"{scenario.name}-{outcome.target.name}"
        folder.mkdir()
        try:
            started.append((outcome, outcome.target.start(folder)))
        except StartFailed as error:
            outcome.trouble = str(error)

    def _drive(
        self, scenario: Scenario, outcome: Outcome, running: RunningServer, sent: SentPayload, *, counts: bool
    ) -> None:
        """Run the load once, verify what arrived, and delete it."""
        _progress(f"{scenario.name} {outcome.target.name} {'run' if counts else 'warm'}")
        self._runs += 1
        try:
            sample, fault = self._sample(scenario, outcome.target, running, sent.payload)
        except NoGenerator as error:
            outcome.trouble = str(error)
            return
        wrong = fault or sent.mismatch(outcome.target.received_files(running.folder), scenario.load.uploads)
        if wrong:
            outcome.trouble = wrong
        elif counts:
            outcome.samples.append(sample)
        outcome.target.clear(running.folder)

    def _sample(self, scenario: Scenario, target: Target, running: RunningServer, payload: Path) -> tuple[Sample, str]:
        """Return the figures of one run, and its first error."""
        load, dialect = _load(scenario, target), target.dialect
        if scenario.whole:
            dialect = target.whole_dialect
        name = f"bench-{self._runs}"
        touch_memory(scenario.size * scenario.load.uploads * 5 // 4)
        with ExitStack() as stack:
            generator = stack.enter_context(
                Generator(self._program, load, dialect=dialect, payload=payload, url=running.url, name=name)
            )
            held = stack.enter_context(sample_memory(running.pid)) if "held" in scenario.shows else [0]
            reset_peak(running.pid)
            before, ahead = cpu_seconds(running.pid), thread_seconds(running.pid, READ_AHEAD_THREAD)
            received = generator.step("received")
            after = cpu_seconds(running.pid)
            ahead = thread_seconds(running.pid, READ_AHEAD_THREAD) - ahead
            peak = peak_bytes(running.pid)
            finished = generator.step("finished")
            end = cpu_seconds(running.pid)
        sample = Sample(
            cpu=after - before - ahead,
            cpu_all=end - before,
            wall=received["seconds"],
            finish=finished["seconds"],
            bytes=received["bytes"],
            uploads=received["uploads"],
            pieces=received["pieces"],
            peak=max(peak, peak_bytes(running.pid)),
            held=held[0],
            piece_ms=received["piece_ms"] or {},
            probe_ms=received["probe_ms"] or {},
        )
        return sample, finished["first_error"]


def _load(scenario: Scenario, target: Target) -> Load:
    """Return the load for the target. Of a file that is one request nothing is withheld: no later one could end it."""
    withhold = 0 if scenario.load.piece == 0 else target.withhold
    return replace(scenario.load, withhold=withhold)


def _progress(line: str) -> None:
    """Replace the line of progress, if this is a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)

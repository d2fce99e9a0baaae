"""Tables of medians: one for each scenario, a line for each target, with ratios to one of them."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from bench.scenarios import GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.measure import Outcome, Sample
    from bench.scenarios import Scenario

BASES = ("tusd", "rustus", "nginx", "copyparty", "ours-one-commit-each", "ours-slow-sync-one-commit-each")
"""Targets that ratios refer to: the first of these that was measured."""


def table(scenario: Scenario, outcomes: Sequence[Outcome]) -> str:
    """Return a scenario's results in Markdown."""
    base = _base(outcomes)
    columns = [_COLUMNS[name] for name in scenario.shows]
    against = base.target.name if base else "-"
    head = ["server", *(title.format(base=against, counted=scenario.counted) for title, _ in columns)]
    lines = [f"### {scenario.title}", "", _line(head), _line(["---"] + ["--:"] * len(columns))]
    troubles = []
    for outcome in outcomes:
        if outcome.samples and not outcome.trouble:
            cells = [cell(outcome.samples, base.samples if base else [], scenario) for _, cell in columns]
            lines.append(_line([outcome.target.name, *cells]))
        else:
            troubles.append(f"- {outcome.target.name}: {outcome.trouble}")
    if scenario.note:
        lines += ["", scenario.note]
    if troubles:
        lines += ["", "Not measured:", "", *troubles]
    return "\n".join(lines) + "\n"


def _base(outcomes: Sequence[Outcome]) -> Outcome | None:
    measured = {outcome.target.name: outcome for outcome in outcomes if outcome.samples and not outcome.trouble}
    return next((measured[name] for name in BASES if name in measured), None)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _middle(samples: Sequence[Sample], of: Callable[[Sample], float]) -> float:
    return median(of(sample) for sample in samples)


def _per_gib(sample: Sample) -> float:
    return sample.cpu / sample.bytes * GIB


def _rate(sample: Sample) -> float:
    return sample.bytes / sample.wall / 1e6


def _counted(sample: Sample, scenario: Scenario) -> int:
    return sample.uploads if scenario.counted == "uploads" else sample.pieces


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def _percentiles(maps: Sequence[dict[str, float]]) -> str:
    """Return the medians of the p50 and p99 of each run, in milliseconds."""
    if not all(maps):
        return "-"
    return " / ".join(f"{median(seen[share] for seen in maps):.1f}" for share in ("p50", "p99"))


def _ratio(samples: Sequence[Sample], base: Sequence[Sample], of: Callable[[Sample], float]) -> str:
    below = _middle(base, of) if base else 0.0
    return f"{_middle(samples, of) / below:.2f}" if below else "-"


_COLUMNS: dict[str, tuple[str, Callable[[Sequence[Sample], Sequence[Sample], Scenario], str]]] = {
    "cpu": ("CPU s/GiB", lambda seen, _base, _scenario: _number(_middle(seen, _per_gib))),
    "cpu_ratio": ("CPU ÷ {base}", lambda seen, base, _scenario: _ratio(seen, base, _per_gib)),
    "cpu_all": (
        "… with finishing",
        lambda seen, _base, _scenario: _number(_middle(seen, lambda sample: sample.cpu_all / sample.bytes * GIB)),
    ),
    "cpu_seconds": ("CPU s", lambda seen, _base, _scenario: _number(_middle(seen, lambda sample: sample.cpu))),
    "rate": ("MB/s", lambda seen, _base, _scenario: _number(_middle(seen, _rate))),
    "rate_ratio": ("MB/s ÷ {base}", lambda seen, base, _scenario: _ratio(seen, base, _rate)),
    "peak": ("peak MiB", lambda seen, _base, _scenario: _number(_middle(seen, lambda sample: sample.peak / MIB))),
    "held": ("holds MiB", lambda seen, _base, _scenario: _number(_middle(seen, lambda sample: sample.held / MIB))),
    "piece": (
        "piece p50 / p99 ms",
        lambda seen, _base, _scenario: _percentiles([sample.piece_ms for sample in seen]),
    ),
    "probe": (
        "status p50 / p99 ms",
        lambda seen, _base, _scenario: _percentiles([sample.probe_ms for sample in seen]),
    ),
    "per_second": (
        "{counted}/s",
        lambda seen, _base, scenario: _number(_middle(seen, lambda sample: _counted(sample, scenario) / sample.wall)),
    ),
    "cpu_each": (
        "CPU ms each",
        lambda seen, _base, scenario: _number(
            _middle(seen, lambda sample: sample.cpu * 1000 / _counted(sample, scenario))
        ),
    ),
    "finish": ("finishing s", lambda seen, _base, _scenario: _number(_middle(seen, lambda sample: sample.finish))),
    "spread": (
        "slowest ÷ fastest",
        lambda seen, _base, _scenario: (
            f"{max(sample.wall for sample in seen) / min(sample.wall for sample in seen):.2f}"
        ),
    ),
}

"""`python -m bench`: the service and every peer on this machine, doing the same work."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar

from bench.generator import NoGenerator, build
from bench.machine import load_average, machine, versions
from bench.measure import Bench
from bench.peers import peers
from bench.report import table
from bench.scenarios import SCENARIOS, Scenario
from bench.this_service import service_targets
from bench.workspace import ROOT, memory, workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.target import Target

RESULTS = ROOT / "bench" / "RESULTS.md"
WARM, ROUNDS = 2, 3

Choice = TypeVar("Choice")


def main() -> int:
    """Measure what the command line names and print the tables; return the exit status, 1 without a generator."""
    options = _options()
    # On a signal too, stop the servers and delete their data. SIGTERM too: a background job of a shell ignores SIGINT.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        program = build()
    except NoGenerator as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    known = {target.name: target for target in (*service_targets(), *peers())}
    scenarios = _chosen(options.scenarios, {scenario.name: scenario for scenario in SCENARIOS})
    wanted = _chosen(options.servers, known)
    if options.quick:
        scenarios = [scenario.smaller() for scenario in scenarios]
    head = f"{machine(options.place)}- load before: {load_average():.1f}\n\n{versions(wanted)}"
    print(head)
    tables, raw = [], {}
    with memory() as payloads, workspace(options.place) as data:
        warm, rounds = (0, 1) if options.quick else (options.warm, options.runs)
        bench = Bench(program, payloads, data, warm=warm, rounds=rounds)
        for scenario in scenarios:
            targets = _taking_part(scenario, wanted)
            if targets:
                outcomes = bench.run(scenario, targets)
                tables.append(table(scenario, outcomes))
                raw[scenario.name] = {one.target.name: [asdict(sample) for sample in one.samples] for one in outcomes}
                print(f"\r{tables[-1]}", flush=True)
    if options.json:
        options.json.write(json.dumps(raw, indent=1))
    if options.write:
        RESULTS.write_text(f"# Results\n\nHow to read them: README.md.\n\n{head}\n" + "\n".join(tables))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "scenarios",
        nargs="?",
        help=f"with commas between them, of {', '.join(scenario.name for scenario in SCENARIOS)}; default all",
    )
    parser.add_argument("--servers", help="names as in the tables; default all that are on this machine")
    parser.add_argument("--runs", type=int, default=ROUNDS, help=f"counted rounds [{ROUNDS}]")
    parser.add_argument("--warm", type=int, default=WARM, help=f"throw-away rounds before them [{WARM}]")
    parser.add_argument("--place", default="tmpfs", help="where data lies: tmpfs, disk, or a folder [tmpfs]")
    parser.add_argument("--quick", action="store_true", help="an eighth of the work, once: does everything work?")
    parser.add_argument("--write", action="store_true", help="write the tables to bench/RESULTS.md")
    parser.add_argument("--json", type=argparse.FileType("w"), help="a file for every sample")
    return parser.parse_args()


def _chosen(names: str | None, known: dict[str, Choice]) -> list[Choice]:
    """Return those with these names, or all. Exit if a name is unknown."""
    if names is None:
        return list(known.values())
    unknown = set(names.split(",")) - known.keys()
    if unknown:
        sys.exit(f"bench: there is no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return [known[name] for name in names.split(",")]


def _taking_part(scenario: Scenario, wanted: Sequence[Target]) -> list[Target]:
    """Return the wanted targets of the scenario, in its order."""
    by_name = {target.name: target for target in wanted}
    return [by_name[name] for name in scenario.targets if name in by_name]


if __name__ == "__main__":
    sys.exit(main())

"""The load generator: built once from `load/`, then driven phase by phase over its input and output."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

from bench.workspace import ROOT, cache

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

SOURCE = ROOT / "bench" / "load"


class NoGenerator(Exception):
    """The load generator cannot be built or ended early; the message says why, in one line."""


@dataclass(frozen=True, slots=True)
class Load:
    """Describe what is sent, by the generator's flags of the same names. Sizes in bytes, `piece` 0 is the file."""

    uploads: int = 1
    at_once: int = 1
    parallel: int = 1
    piece: int = 8 << 20
    withhold: int = 0
    probes: float = 0.0
    pace_bytes: int = 0
    pace_rest: str = "0s"

    def flags(self) -> list[str]:
        """Return the arguments of the command line."""
        return [f"-{field.name.replace('_', '-')}={getattr(self, field.name)}" for field in fields(self)]


def build() -> Path:
    """Return the program, built anew if its source has changed. Raise NoGenerator."""
    sources = sorted((*SOURCE.glob("*.go"), SOURCE / "go.mod"))
    mark = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    program = cache() / "load" / mark
    if program.exists():
        return program
    go = shutil.which("go")
    if go is None:
        raise NoGenerator("the load generator is written in Go, and there is no `go` on this machine")
    program.parent.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        [go, "build", "-o", str(program), "."], cwd=SOURCE, capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise NoGenerator(f"the load generator does not build: {made.stderr.strip()}")
    return program


class Generator:
    """One run of the generator, which waits after each phase until `step` starts the next one."""

    def __init__(self, program: Path, load: Load, *, dialect: str, payload: Path, url: str, name: str) -> None:
        self._command = [
            *(str(program), f"-dialect={dialect}", f"-payload={payload}", f"-url={url}", f"-name={name}"),
            *load.flags(),
        ]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._report("ready")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        if error is not None:
            self._process.kill()
        self._process.communicate()

    def step(self, phase: str) -> dict[str, Any]:
        """Start the next phase, which has this name; return the generator's report of it. Raise NoGenerator."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._report(phase)

    def _report(self, phase: str) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise NoGenerator(f"the load generator ended before {phase!r}")
        report: dict[str, Any] = json.loads(line)
        assert report["phase"] == phase, f"{report} instead of {phase!r}"
        return report

"""Table of scenarios: what is sent, who takes part, and which columns are reported."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bench.generator import Load

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

ALL = ("ours-raw", "ours-raw-sha", "ours-multipart", "ours-multipart-sha", "ours-tus", "ours-tus-slice")
TUS = ("tusd", "rustus", "tus-node")
PEERS = (*TUS, "copyparty", "nginx", "nginx-512k")
BYTES = ("cpu", "cpu_ratio", "cpu_all", "rate", "rate_ratio", "peak", "piece", "spread")
COUNTS = ("per_second", "cpu_each", "peak", "piece", "finish", "spread")


@dataclass(frozen=True, slots=True)
class Scenario:
    """`size` is bytes of a file; `shows` are columns of `report.py`; `counted` is what a rate is a rate of.

    `whole`: the file goes in one request, in the dialect that a target has for that.
    `warm`: throw-away rounds before the counted ones; None takes the bench's own.
    """

    name: str
    title: str
    size: int
    load: Load
    targets: tuple[str, ...]
    shows: tuple[str, ...] = BYTES
    counted: str = "pieces"
    whole: bool = False
    warm: int | None = None
    rounds: int | None = None
    note: str = field(default="")

    def smaller(self) -> Scenario:
        """Return the scenario with an eighth of the work: to see that it works, not to measure."""
        load = self.load
        if load.uploads > 1:
            return replace(self, load=replace(load, uploads=max(2, load.uploads // 8)))
        return replace(self, size=self.size // 8)


SCENARIOS = (
    Scenario(
        "one",
        "1 GiB in 8 MiB pieces",
        GIB,
        Load(),
        (*ALL, "ours-raw-2", *PEERS),
    ),
    Scenario(
        "tus",
        "1 GiB in 8 MiB pieces, by tus alone",
        GIB,
        Load(),
        ("ours-tus", "ours-tus-slice", *TUS),
    ),
    Scenario(
        "whole",
        "1 GiB in one request",
        GIB,
        Load(piece=0),
        ("ours-multipart", *PEERS[:-1]),
        whole=True,
        note="Ours is the plain form; copyparty a PUT.",
    ),
    Scenario(
        "mebibytes",
        "1 GiB in 1 MiB pieces",
        GIB,
        Load(piece=MIB),
        ("ours-raw", "ours-multipart-sha", "tusd", "copyparty"),
        note="What `many` asks, one after the other; copyparty's own rule makes its pieces of 1 GiB 4 MiB.",
    ),
    Scenario(
        "many",
        "16 x 64 MiB in 1 MiB pieces, all at once",
        64 * MIB,
        Load(uploads=16, at_once=16, piece=MIB),
        (*ALL, "ours-raw-2", "ours-raw-4", *PEERS),
    ),
    Scenario(
        "parallel",
        "1 GiB in 4 MiB pieces, three at once where the protocol can",
        GIB,
        Load(piece=4 * MIB, parallel=3),
        (
            "ours-raw",
            "ours-raw-2",
            "ours-raw-sha",
            "ours-multipart",
            "ours-multipart-sha",
            "ours-multipart-sha-2",
            "ours-multipart-sha-4",
            "copyparty",
            "nginx",
        ),
        note="copyparty's own rule makes its pieces of 1 GiB 4 MiB, too.",
    ),
    Scenario(
        "eight",
        "8 x 128 MiB in 4 MiB pieces, three at once each where the protocol can",
        128 * MIB,
        Load(uploads=8, at_once=8, piece=4 * MIB, parallel=3),
        ("ours-multipart-sha", "ours-multipart-sha-2", "ours-multipart-sha-4", *TUS, "copyparty", "nginx"),
        note="Several connections, so that several receivers have work.",
    ),
    Scenario(
        "small",
        "2,000 x 4 KiB, 16 at once: create and one slice",
        4 * KIB,
        Load(uploads=2000, at_once=16, piece=0),
        ("ours-raw", "ours-raw-2", "ours-raw-sha", "ours-multipart-sha", "ours-tus", *PEERS[:-1]),
        shows=COUNTS,
        counted="uploads",
        note="Nothing is withheld here: our finishing runs beside the receiving, as it would.",
    ),
    Scenario(
        "crowd",
        "64 KiB pieces from 64 connections, an upload of 4 MiB on each",
        4 * MIB,
        Load(uploads=64, at_once=64, piece=64 * KIB),
        (
            "ours-raw",
            "ours-raw-slice",
            "ours-raw-slice-2",
            "ours-raw-slice-4",
            "ours-raw-sha",
            "ours-tus",
            "ours-one-commit-each",
            "ours-one-by-one",
            *TUS,
            "nginx",
        ),
        shows=COUNTS,
    ),
    Scenario(
        "crowd-slow-sync",
        "the same, with every sync 10 ms slower",
        1 * MIB,
        Load(uploads=64, at_once=64, piece=64 * KIB),
        ("ours-slow-sync", "ours-slow-sync-one-commit-each"),
        shows=("per_second", "piece", "spread"),
        warm=0,
    ),
    Scenario(
        "slow",
        "200 slow uploads at once: 1 MiB each, 16 KiB every 100 ms",
        MIB,
        Load(uploads=200, at_once=200, piece=0, pace_bytes=16 * KIB, pace_rest="100ms"),
        ("ours-raw", "ours-multipart-sha", "ours-multipart-sha-2", "ours-tus", *TUS, "copyparty", "nginx"),
        shows=("held", "peak", "cpu_seconds", "piece"),
        warm=0,
        rounds=1,
    ),
    Scenario(
        "status",
        "GET of an upload, 100 a second, while 8 x 256 MiB come in 4 MiB pieces, three at once each",
        256 * MIB,
        Load(uploads=8, at_once=8, piece=4 * MIB, parallel=3, probes=100.0),
        ("ours-multipart-sha", "ours-multipart-sha-2", "ours-raw"),
        shows=("probe", "rate", "cpu", "piece", "peak"),
    ),
    Scenario(
        "status-tus",
        "HEAD of an upload, 100 a second, while 8 x 256 MiB come in 4 MiB pieces",
        256 * MIB,
        Load(uploads=8, at_once=8, piece=4 * MIB, probes=100.0),
        TUS,
        shows=("probe", "rate", "cpu", "piece", "peak"),
        note="Not ours: its HEAD cancels the append that runs, because the client may come over a new connection.",
    ),
    Scenario(
        "status-slow-write",
        "GET of an upload while 8 x 32 MiB come in, with every pwrite 50 ms slower",
        32 * MIB,
        Load(uploads=8, at_once=8, piece=4 * MIB, parallel=3, probes=50.0),
        ("ours-slow-write",),
        shows=("probe", "rate", "piece"),
        warm=0,
        rounds=1,
    ),
)

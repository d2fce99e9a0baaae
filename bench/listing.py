"""Listings of a large library: every order and kind of search, over HTTP from the real server.

`python -m bench.listing [--files 1000000] [--place disk] [--requests 100] [--catalogue postgresql://…]`. It fills a
catalogue through the project's own tables, which takes some minutes for a million files, starts the server on it and
asks one request after another, the kinds in turn. A page has 50 rows, as the admin's has. A database of PostgreSQL is
kept with the folder `--data`, and filled only if it is empty.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from bench import library_copy, listing_filters
from bench.library import EDITORS, RARE, cookie_of, fill, token_of
from bench.machine import load_average, machine
from bench.workspace import workspace
from media_service.catalogue.file_orders import FILE_SORT_KEYS
from media_service.catalogue.postgresql.connections import connected
from media_service.core.upload_states import State
from media_service.storage.data_folder import DataFolder
from tests.support.backend import folder_backend
from tests.support.databases import PostgresDatabase
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ORDERS = [direction + column for column in FILE_SORT_KEYS for direction in ("", "-")]
PAGES_ON = 5
"""Pages of each kind that are asked for after the first one."""

SEARCHES = {
    "in 30 % of the titles": ["radio"],
    "in 10 %": ["night"],
    "in 5 %, and part of others": ["show"],
    "in 2 %": ["음악"],
    "in 0.5 %": ["일요일", "요일"],
    "in three files": RARE,
    "no file": ["qxqzk", "radionight", "삵곰뱀"],
    "one character": ["a", "z", "w", "국", "0"],
    "two characters": ["ra", "zö", "wx", "일본", "7."],
    "several words": ["radio night", "kim radio", "show 음악", "night radio show 일요일", "kim 7.mp3"],
    "together in few": ["xylograph radio", "일요일 日本 음악", "kim 日本 night"],
    "at one end of an order": ["kim"],
}
"""Kinds of searches, with what is searched for in turn."""


SHOWN_SEARCHES = ["in 30 % of the titles", "in 2 %", "in three files", "no file", "one character"]
"""Kinds of searches of an editor."""


class Cost(NamedTuple):
    """Seconds on the clock and of the server's processor time that a request took."""

    clock: float
    cpu: float
    path: str


@dataclass
class Kind:
    """Requests of one kind: their paths and headers, and what each cost, with its path."""

    group: str
    name: str
    paths: list[str]
    headers: list[dict[str, str]]
    first: list[Cost] = field(default_factory=list)
    later: list[Cost] = field(default_factory=list)

    def ask(self, to: Line, number: int) -> None:
        """Ask for a first page and some after it; keep what each cost."""
        path, headers = self.paths[number % len(self.paths)], self.headers[number % len(self.headers)]
        page, cost = to.ask(path, headers)
        self.first.append(cost)
        for _ in range(PAGES_ON):
            if page["next"] is None:
                return
            page, cost = to.ask(f"{path}&{urlencode({'cursor': page['next']})}", headers)
            self.later.append(cost)


class Line:
    """A connection to a server, which measures it. `database`: returns the processes that serve its queries."""

    def __init__(self, server: Server, database: Callable[[], Sequence[int]]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self._server = server.receivers
        self._database = database

    def ask(self, path: str, headers: dict[str, str]) -> tuple[dict[str, str | None], Cost]:
        """Return an answer, and what it cost."""
        processes = [*self._server, *self._database()]
        before, began = _cpu(processes), time.perf_counter()
        self._connection.request("GET", path, headers=headers)
        answer = self._connection.getresponse()
        body = answer.read()
        seconds = time.perf_counter() - began
        assert answer.status == 200, (path, body)
        return json.loads(body), Cost(seconds, _cpu(processes) - before, path)


def _cpu(processes: Sequence[int]) -> float:
    """Return processor seconds of these processes: other programs disturb them less than seconds on the clock."""
    threads = (thread for pid in processes for thread in Path(f"/proc/{pid}/task").iterdir())
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def main() -> None:
    """Print a table for each group of listings."""
    parser = argparse.ArgumentParser(prog="python -m bench.listing")
    parser.add_argument("--files", type=int, default=1_000_000, help="files, each with an upload [1000000]")
    parser.add_argument("--place", default="disk", help="where data lies: tmpfs, disk, or a folder [disk]")
    parser.add_argument("--requests", type=int, default=100, help="first pages of each kind [100]")
    parser.add_argument("--slowest", type=int, default=0, help="of each kind, requests to name by processor time [0]")
    parser.add_argument("--data", type=Path, help="a data folder that is kept, and filled only if it is new")
    parser.add_argument("--catalogue", default="", help="URL of a database of PostgreSQL on this machine")
    options = parser.parse_args()
    if options.catalogue and options.data is None:
        parser.error("--catalogue needs --data: the database belongs to the service of one folder")
    print(f"{machine(options.place)}- load before: {load_average():.1f}\n", flush=True)
    with workspace(options.place) as place:
        data = DataFolder(options.data or place / "data")
        data.make()
        began = time.perf_counter()
        if _filled(data, options.catalogue, options.files):
            print(f"{options.files:,} files in {time.perf_counter() - began:.0f} s", end=", ")
        print(f"the catalogue has {_size(data, options.catalogue) / 1e6:,.0f} MB", flush=True)
        with ExitStack() as opened:
            backend, database = folder_backend(data.root), _no_processes
            if options.catalogue:
                backend = replace(backend, database=PostgresDatabase(options.catalogue))
                database = opened.enter_context(_processes(options.catalogue))
            server = opened.enter_context(Server(data.root, measure_loudness=False, backend=backend))
            for line in _measured(server, Line(server, database), options.requests, options.slowest):
                print(line, flush=True)


def _filled(data: DataFolder, catalogue: str, files: int) -> bool:
    """Fill a catalogue that is empty; return whether it was."""
    if catalogue:
        return library_copy.fill(catalogue, files)
    if data.catalogue.exists():
        return False
    fill(data.catalogue, files)
    return True


def _size(data: DataFolder, catalogue: str) -> int:
    if not catalogue:
        return data.catalogue.stat().st_size
    with connected(catalogue) as connection:
        ((size,),) = connection.execute("SELECT pg_database_size(current_database())")
    return int(size)


def _no_processes() -> Sequence[int]:
    return ()


@contextmanager
def _processes(catalogue: str) -> Iterator[Callable[[], Sequence[int]]]:
    """Yield a function that returns the processes of PostgreSQL that serve this database."""
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with connected(catalogue) as connection:
        yield lambda: [pid for (pid,) in connection.execute(f"{query} AND backend_type = 'client backend'")]


def _measured(server: Server, to: Line, requests: int, slowest: int) -> Iterator[str]:
    kinds = [*_orders(server), *_searches(server), *_filters(server), *_shows(), *_uploads(server)]
    for kind in kinds:  # so that statements are compiled, and the machine has read what all of them need
        kind.ask(to, 0)
        kind.first.clear()
        kind.later.clear()
    for number in range(requests):
        for kind in kinds:
            kind.ask(to, number)
    group = ""
    for kind in kinds:
        if kind.group != group:
            group = kind.group
            columns = "p50 ms | p99 | CPU p50 | p99"
            yield f"\n| {group} | first page: {columns} | later pages: {columns} |"
            yield f"| --- |{' --: |' * 8}"
        yield f"| {kind.name} | {_figures(kind.first)} | {_figures(kind.later)} |"
        for cost in sorted(kind.first + kind.later, key=lambda cost: -cost.cpu)[:slowest]:
            yield f"{1000 * cost.cpu:.1f} ms: {cost.path}"


def _orders(server: Server) -> list[Kind]:
    return [Kind("order", order, [_files(sort=order)], [_admin(server)]) for order in ORDERS]


def _searches(server: Server) -> list[Kind]:
    return [Kind("search, in all orders", name, _in_turn(words), [_admin(server)]) for name, words in SEARCHES.items()]


def _shows() -> list[Kind]:
    """Return what editors ask for: their files, and searches in them."""
    group = "an editor, in all orders"
    words = [word for name in SHOWN_SEARCHES for word in SEARCHES[name]]
    kinds = []
    for name, (person, _) in EDITORS.items():
        headers = [{"Authorization": f"Bearer {token_of(person)}"}]
        kinds += [Kind(group, name, _in_turn([""]), headers), Kind(group, f"{name}, words", _in_turn(words), headers)]
    return kinds


def _in_turn(words: Sequence[str]) -> list[str]:
    return _shuffled([_files(sort=order, q=word) for order in ORDERS for word in words])


def _shuffled(paths: list[str]) -> list[str]:
    random.Random(len(paths)).shuffle(paths)
    return paths


def _filters(server: Server) -> list[Kind]:
    asked = listing_filters.queries(server.url, _admin(server))
    return [
        Kind(
            "filters, in all orders",
            name,
            _shuffled([f"{_files(sort=order)}&{query}" for order in ORDERS for query in queries]),
            [_admin(server)],
        )
        for name, queries in asked.items()
    ]


def _uploads(server: Server) -> list[Kind]:
    admin = {"scope": "all"}
    owners = [{"Cookie": f"media_service_owner={cookie_of(number)}"} for number in (0, 1, 100, 500, 1500)]
    open_states = f"{State.RECEIVING},{State.RECEIVED},{State.VERIFIED}"
    asked = {
        "all": admin,
        "all that are open": admin | {"state": open_states},
        "all that were rejected": admin | {"state": State.REJECTED},
        "all in two states": admin | {"state": f"{State.SPOOLED},{State.CANCELLED}"},
    }
    return [
        *(Kind("uploads", name, [_listing("uploads", query)], [_admin(server)]) for name, query in asked.items()),
        Kind("uploads", "of an owner", [_listing("uploads", {})], owners),
        Kind("uploads", "rejected, of an owner", [_listing("uploads", {"state": State.REJECTED})], owners),
    ]


def _files(**query: str) -> str:
    return _listing("files", query)


def _listing(name: str, query: dict[str, str]) -> str:
    return f"/api/v1/{name}?{urlencode({'limit': '50'} | query)}"


def _admin(server: Server) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.token}"}


def _figures(costs: list[Cost]) -> str:
    if len(costs) < 2:
        return " | | | "
    clock, cpu = [cost.clock for cost in costs], [cost.cpu for cost in costs]
    return " | ".join(f"{1000 * seconds:.1f}" for seconds in (median(clock), _p99(clock), median(cpu), _p99(cpu)))


def _p99(seconds: list[float]) -> float:
    return quantiles(seconds, n=100, method="inclusive")[98]


if __name__ == "__main__":
    main()

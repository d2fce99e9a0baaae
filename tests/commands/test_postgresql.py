"""Commands with a catalogue in PostgreSQL: they need no service, no sidecar and no folder of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import run as run_command
from tests.support.postgres_catalogue import empty_catalogue
from tests.support.postgresql import execute

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.services.postgresql import Databases

    Run = Callable[..., str]

pytestmark = [pytest.mark.slow, pytest.mark.once]


def run_with(environment: dict[str, str], *arguments: str, status: int = 0) -> str:
    """Return what `media-service` prints."""
    ended = run_command(*arguments, **environment)
    assert ended.returncode == status, ended
    return ended.stdout if status == 0 else ended.stderr


@pytest.fixture
def url(postgresql: Databases) -> str:
    return empty_catalogue(postgresql)


@pytest.fixture
def run(url: str, tmp_path: Path) -> Run:
    return partial(run_with, {"MEDIA_SERVICE_CATALOGUE": url, "MEDIA_SERVICE_DATA_DIR": str(tmp_path / "data")})


def test_people_collections_tokens_and_links_are_in_the_database(run: Run, url: str, tmp_path: Path) -> None:
    assert run("show", "add", "night", "--title", "Sunday Night") == "night\n"
    assert "#invitation=" in run("person", "add", "Kim", "--role", "editor", "--collection", "night")
    assert run("person", "list") == "Kim\teditor\tactive\n"
    assert run("token", "add", "kim", "--name", "studio", "--scope", "upload").startswith("ms_")
    assert "/u/ms_" in run("link", "add", "Guests", "--collection", "night")
    assert run("show", "list") == "night\tSunday Night\topen\t0\t0\n"
    assert execute(url, "SELECT count(*) FROM audit WHERE actor_name = 'command line'") == [(5,)]
    assert not (tmp_path / "data" / "catalogue.sqlite3").exists()


def test_concurrent_commands_change_all_they_say(run: Run) -> None:
    names = [f"Person {number}" for number in range(3)]
    with ThreadPoolExecutor(len(names)) as threads:
        urls = [*threads.map(lambda name: run("person", "add", name), names)]
    assert len({*urls}) == len(names)
    assert sorted(run("person", "list").splitlines()) == [f"{name}\tsender\tactive" for name in names]
    assert run("person", "add", "person 1", status=1).count("\n") == 1


def test_wrong_sums_of_usage_are_found_and_corrected(run: Run, url: str) -> None:
    right = run("usage", "--check")
    execute(url, "UPDATE usage SET bytes = 5")
    assert "sums are wrong" in run("usage", "--check", status=1)
    assert "wrong: 0" in run("usage", "--repair")
    assert run("usage", "--check") == right
    assert execute(url, "SELECT action FROM audit") == [("usage_repaired",)]


def test_a_new_database_gets_the_schema(database: str, tmp_path: Path) -> None:
    run = partial(run_with, {"MEDIA_SERVICE_CATALOGUE": database, "MEDIA_SERVICE_DATA_DIR": str(tmp_path / "data")})
    assert "media-service migrate" in run("usage", status=1)
    run("person", "add", "Kim")
    assert "\nservice: files 0" in run("usage", "--check")


@pytest.mark.parametrize("command", [("person", "list"), ("usage",), ("migrate",)])
def test_a_database_that_is_away_is_named_in_one_line(tmp_path: Path, command: tuple[str, ...]) -> None:
    url = "postgresql://media:secret@127.0.0.1:1/none"
    environment = {"MEDIA_SERVICE_CATALOGUE": url, "MEDIA_SERVICE_DATA_DIR": str(tmp_path / "data")}
    said = run_with(environment, *command, status=1)
    assert said.startswith("media-service: the database 127.0.0.1:1/none cannot be used")
    assert said.count("\n") == 1
    assert "secret" not in said

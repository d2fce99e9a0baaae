"""`media-service link`: the URL alone on standard output."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from tests.commands.test_people import SECRET, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def test_a_link_is_made_listed_and_closed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    terms = ("--ask", "name", "--files", "3", "--bytes", "2GiB", "--expires", "14d")
    url = run(data, "link", "add", "Sunday Night", *terms)
    assert re.fullmatch(rf"http://127\.0\.0\.1:8080/u/{SECRET}\n", url)
    link_id, *shown = run(data, "link", "list").rstrip("\n").split("\t")
    assert (shown[:2], shown[3]) == (["Sunday Night", "open"], "0")
    assert run(data, "link", "revoke", link_id) == ""
    assert run(data, "link", "list").split("\t")[2] == "closed"


def test_a_link_without_a_deadline_of_its_own_has_that_of_the_settings(tmp_path: Path) -> None:
    data, config = tmp_path / "data", tmp_path / "settings.toml"
    config.write_text("link_lifetime = 1\n")
    run(data, "link", "add", "Sunday Night", "--config", str(config))
    time.sleep(1)
    assert run(data, "link", "list").split("\t")[2] == "expired"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("add", "Night", "--ask", "phone"), 1),
        (("add", "Night", "--bytes", "much"), 2),
        (("add", "Night", "--expires", "soon"), 2),
        (("revoke", "A" * 22), 1),
    ],
)
def test_what_makes_no_sense_is_one_line(tmp_path: Path, arguments: tuple[str, ...], status: int) -> None:
    assert re.fullmatch(r"media-service: [^\n]+\n", run(tmp_path / "data", "link", *arguments, status=status))

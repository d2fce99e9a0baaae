"""The pages for readers of the code draw the imports that are allowed, and name files that exist."""

from __future__ import annotations

import re

import pytest

from tests.support.imports import PACKAGE
from tests.support.server import ROOT
from tests.test_imports import FOLDERS, PARTS

PAGE = (ROOT / "docs" / "architecture.md").read_text()


def test_picture_of_imports_is_the_table_of_folders() -> None:
    (picture,) = re.findall(r"```mermaid\nflowchart BT\n(.*?)```", PAGE, re.DOTALL)
    drawn = set(re.findall(r"^    (\w+) --> (\w+)$", picture, re.MULTILINE))
    allowed = {(folder, other) for folder in FOLDERS for other in FOLDERS[folder]}
    assert drawn == allowed, "Draw the imports of FOLDERS in docs/architecture.md."


@pytest.mark.parametrize("part", PARTS)
def test_table_of_parts_is_that_of_the_checked_imports(part: str) -> None:
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (.*?) \|$", PAGE, re.MULTILINE))
    assert part in rows, f"Put {part} into the table of parts in docs/architecture.md."
    stated = set(re.findall(r"`([\w.]+)`", rows[part]))
    assert stated == PARTS[part], f"The table of parts in docs/architecture.md must say what {part} imports."


@pytest.mark.parametrize("page", ["architecture.md", "changing.md"])
def test_every_named_file_exists(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    named = set(re.findall(r"`((?:[\w-]+/)*[\w-]+(?:\.(?:py|md|js|html|toml)|/))`", text))
    folders = (PACKAGE, ROOT / "tests")
    missing = {
        name
        for name in named
        if not any((folder / name).exists() for folder in (ROOT, PACKAGE))
        and not ("/" not in name and any(list(folder.rglob(name)) for folder in folders))
    }
    assert missing == set(), f"docs/{page} names files that do not exist."

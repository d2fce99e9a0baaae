"""The documentation says what the code does: settings, routes, problems, states."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from media_service.app import Receiver
from media_service.config.loading import load
from media_service.config.settings import Settings
from media_service.core.errors.registry import error_classes
from media_service.core.findings import CODES
from media_service.core.upload_states import TRANSITIONS
from media_service.http.problems import HTTP_STATUS
from media_service.storage.data_folder import DataFolder
from tests.conftest import missing
from tests.support.api_tables import API_PAGE, with_tables
from tests.support.mp3 import make_mp3
from tests.support.server import ROOT, Server

if TYPE_CHECKING:
    from pathlib import Path

DOCS = ROOT / "docs"


def test_every_setting_is_documented_with_its_default() -> None:
    documented = dict(re.findall(r"^\| `(\w+)` \| `?([^`|]+?)`? \|", (DOCS / "operator.md").read_text(), re.MULTILINE))
    documented = {name: value for name, value in documented.items() if name in Settings.model_fields}
    assert set(documented) == set(Settings.model_fields), "The table of docs/operator.md has a row for each setting."
    given = {name: value for name, value in documented.items() if value != "(none)"}
    assert load(**given).model_dump() == load().model_dump()


def test_unknown_setting_is_an_error(tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("prot = 8080\n")
    with pytest.raises(ValueError, match="prot"):
        load(config)


def test_flag_wins_over_environment_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "settings.toml"
    config.write_text('port = 1\nslice_limit = "1MiB"\nidle_timeout = 5\n')
    monkeypatch.setenv("MEDIA_SERVICE_PORT", "2")
    monkeypatch.setenv("MEDIA_SERVICE_SLICE_LIMIT", "2MiB")
    settings = load(config, port=3)
    assert (settings.port, settings.slice_limit, settings.idle_timeout) == (3, 2 * 1024 * 1024, 5)


async def test_every_route_is_documented(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    app = Receiver(load(data_dir=tmp_path), folder, folder.admin_token()).application()
    text = (DOCS / "api.md").read_text()
    for route in app.router.routes():
        resource = route.resource
        assert resource is not None
        if route.method == "HEAD":
            continue
        path = resource.canonical
        assert f"`{route.method} {path}`" in text, (route.method, path)


def test_tables_of_problems_and_findings_are_those_of_the_code() -> None:
    unmapped = [error.__name__ for error in error_classes() if error not in HTTP_STATUS]
    assert unmapped == [], f"Give {unmapped} a status in http/problems.py."
    page = API_PAGE.read_text()
    assert page == with_tables(page), "Run `make tables`: it writes the tables of docs/api.md."


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_finding_is_translated(language: str) -> None:
    words = (ROOT / "static" / "js" / "findings" / f"words.{language}.js").read_text()
    said = re.findall(r"^  'finding\.(\w+)': '.+',$", words, re.MULTILINE)
    file = f"static/js/findings/words.{language}.js"
    assert said == list(CODES), f"{file} must have the findings of core/findings.py, in their order."


def test_diagram_is_the_table_of_states() -> None:
    drawn = re.findall(r"^    (\w+) --> (\w+): (\w+)$", (DOCS / "architecture.md").read_text(), re.MULTILINE)
    assert set(drawn) == {(start.value, end.value, event.value) for (start, event), end in TRANSITIONS.items()}


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


def test_readmes_curl_commands_work_when_pasted(tmp_path: Path) -> None:
    for program in ("curl", "jq", "bash"):
        if shutil.which(program) is None:
            missing(program)
    (tmp_path / "file.mp3").write_bytes(make_mp3(700, seed=91))
    readme = (ROOT / "README.md").read_text()
    form, slices = re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)[1:3]
    with Server(tmp_path / "data", disk_reserve=0) as server:
        outputs = [
            subprocess.check_output(
                ["bash", "-euo", "pipefail", "-c", block.replace("http://127.0.0.1:8080", server.url)],
                cwd=tmp_path,
                env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)},
                text=True,
            )
            for block in (form, slices)
        ]
        assert re.search(r"file\.mp3 sized of \d+ successfully stored\.", outputs[0])
        assert '"state": "' in outputs[1]
        assert re.search(r'\["(received|spooled|verified)",\d+\]', outputs[1])


def test_readmes_commands_for_people_work_when_pasted(tmp_path: Path) -> None:
    (block,) = re.findall(r"```sh\n(\.venv/bin/media-service .*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    commands = block.replace(".venv/bin/media-service", f"{sys.executable} -m media_service")
    printed = subprocess.check_output(["bash", "-euc", commands], cwd=tmp_path, text=True)
    invitation, link = printed.splitlines()
    assert "#invitation=" in invitation
    assert "/u/ms_" in link


def test_the_documented_unit_is_one_for_systemd(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        missing("systemd-analyze")
    (unit,) = re.findall(r"```ini\n(.*?)```", (DOCS / "operator.md").read_text(), re.DOTALL)
    path = tmp_path / "media-service.service"
    path.write_text(unit.replace("/opt/media-service/bin/media-service", sys.executable))
    command = ("systemd-analyze", "verify", str(path))
    said = subprocess.check_output(command, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert path.name not in said, said

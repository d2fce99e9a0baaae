"""Languages of the pages: files of texts, which the server reads as a browser does."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from media_service.http.pages.assets import Assets
from media_service.http.pages.page_markup import PageMarkup
from media_service.http.pages.station import Station
from media_service.http.pages.translations import read_translations
from tests.conftest import missing
from tests.support.server import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.once

STATIC = ROOT / "static"


def test_adding_files_adds_a_language(tmp_path: Path) -> None:
    folder = shutil.copytree(STATIC, tmp_path / "static")
    for part in ("js", "js/findings", "js/people"):
        english = (folder / part / "words.en.js").read_text()
        (folder / part / "words.ja.js").write_text(english.replace("'English'", "'日本語'").replace("Send us", "送る"))
    markup = PageMarkup(Assets(folder), Station(), "")
    page = markup.page("index.html", "ja").plain.decode()
    assert '<html lang="ja">' in page
    assert '<button type="button" data-language="ja" lang="ja">日本語</button>' in page
    assert "送る your audio" in page
    assert re.search(r"static/index-ja-\w+/js/words.ja.js", page)
    # The library has no words in it yet, and goes on in the others.
    assert 'data-language="ja"' not in markup.page("admin.html", "ko").plain.decode()


@pytest.mark.parametrize(
    "path", sorted(STATIC.rglob("words.??.js")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_server_reads_translations_as_a_browser_does(path: Path) -> None:
    if shutil.which("node") is None:
        missing("node")
    script = f"const w = (await import({json.dumps(str(path))})).default; console.log(JSON.stringify(w))"
    texts = json.loads(
        subprocess.check_output(["node", "--input-type=module", "-e", script], stderr=subprocess.DEVNULL)
    )
    plain = {key: text if isinstance(text, str) else text["other"] for key, text in texts.items()}
    tag = path.name.split(".")[1]
    needed = {f"js/{part}/words.{tag}.js": "" for part in ("findings", "people")}
    files = {f"js/words.{tag}.js": path.read_text(), **needed}
    assert read_translations(files).texts[tag] == plain


@pytest.mark.parametrize("language", ["ko"])
@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in STATIC.rglob("words.en.js")), ids=lambda path: path.name
)
def test_every_language_has_every_text(folder: Path, language: str) -> None:
    def keys(tag: str) -> set[str]:
        return set(re.findall(r"^  '([\w.]+)':", (folder / f"words.{tag}.js").read_text(), re.MULTILINE))

    assert keys(language) == keys("en")

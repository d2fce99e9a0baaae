"""Files that browsers load for the pages: size, caching, packing and languages."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from media_service.http.pages.assets import Assets
from media_service.http.pages.comments import compacted, without_comments
from media_service.http.pages.inline_assets import with_inline_assets
from media_service.http.pages.module_pack import Modules, NotPackable, pack, read_module
from media_service.http.pages.page_markup import PageMarkup
from media_service.http.pages.station import Station
from tests.conftest import missing
from tests.support.registry import npm_package
from tests.support.server import ROOT

if TYPE_CHECKING:
    from media_service.http.pages.assets import Asset
    from tests.support.api import Api

pytestmark = pytest.mark.once

STATIC = ROOT / "static"
BUDGET = 48 * 1024
WINDOW_PACKETS, PACKET_BYTES, HEADER_BYTES = 10, 1448, 640
"""TCP's first window (RFC 6928), the payload of a packet, and an upper bound of a response's header."""

LATER = {
    *("id3-preview.js", "same-bytes.js", "copy.js"),
    *("queue-heading.js", "queue-totals.js", "page-speed.js", "summary.js", "notify.js"),
    *("sent-uploads.js", "history.js", "receipt.js"),
}
"""Modules that are loaded later: after a file was chosen, or after the page is usable."""
ELSEWHERE = {
    "admin": "only the admin page loads it",
    "people": "loaded for a sign-in, for a person, or on the page of a guest link",
    "plain": "only the server reads it",
}
"""Folders of `static/js` that a visitor without an account never loads, with the reason."""


@pytest.mark.parametrize("language", ["en", "ko"])
def test_first_visit_is_within_its_budget(language: str) -> None:
    assert sum(len(asset.gzipped) for asset in first_visit(STATIC, language).values()) <= BUDGET


def first_visit(folder: Path, language: str) -> dict[str, Asset]:
    """Return what a browser loads for the upload page, by name."""
    assets = Assets(folder)
    page = PageMarkup(assets, Station("Radio Example", "studio@radio.example", 1 << 36), "").page(
        "index.html", language
    )
    release = assets.release()
    loaded = {"index.html": page}
    for stem, version, name in re.findall(r'"static/([a-z-]+)-(\w{12})/([^"]+)"', page.plain.decode()):
        assert version == release.version
        loaded[name] = release.packed_asset(stem, name) or assets.find(name)
    return loaded


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_first_visit_s_responses_fit_into_what_tcp_sends_at_once(language: str) -> None:
    """A distant line adds its whole delay for each window. The modules come over the page's connection: what was
    acknowledged has widened its window."""
    loaded = first_visit(STATIC, language)
    page = packets(loaded["index.html"])
    assert page <= WINDOW_PACKETS
    assert packets(loaded["js/main.js"]) <= WINDOW_PACKETS + page
    assert packets(loaded[f"js/words.{language}.js"]) <= WINDOW_PACKETS


def packets(asset: Asset) -> int:
    """Return how many TCP packets a response with this file takes."""
    return -(-(len(asset.gzipped) + HEADER_BYTES) // PACKET_BYTES)


def test_page_preloads_everything_that_it_needs() -> None:
    loaded = first_visit(STATIC, "ko")
    assert set(loaded) == {"index.html", "icon.svg", "js/main.js", "js/worker.js", "js/words.ko.js"}
    texts = Assets(STATIC).release().texts
    modules = {name for name in texts if name.endswith(".js") and name.split("/")[1] not in ELSEWHERE}
    packed = {
        name for name in modules if any(f"$modules['{name}']" in asset.plain.decode() for asset in loaded.values())
    }
    assert {"js/words.ko.js", "js/findings/words.ko.js"} <= packed
    translations = {name for name in modules if re.search(r"/words\.\w\w\.js$", name)}
    assert modules - packed - translations == {"js/early-input.js", *(f"js/{name}" for name in LATER)}, (
        "A module that the page does not preload belongs to LATER or, as a folder, to ELSEWHERE."
    )
    page = loaded["index.html"].plain.decode()
    assert compacted(texts["js/early-input.js"])[-100:] in page
    assert compacted(texts["style.css"])[-100:] in page


def test_both_pages_are_packed() -> None:
    assert set(Assets(STATIC).release().packs) == {"index-en", "index-ko", "admin-en", "admin-ko"}


async def test_a_page_allows_its_own_styles_and_scripts_and_no_others(api: Api) -> None:
    for path in ("/", "/admin"):
        answer = await api.get(path)
        found = re.findall(r"<(style|script)>(.*?)</", answer.body.decode(), re.DOTALL)
        assert "style" in dict(found)
        policy = answer.headers["Content-Security-Policy"]
        for kind, text in found:
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert re.search(rf"{kind}-src 'self'[^;]* 'sha256-{re.escape(digest)}'", policy)
        assert policy.count("sha256-") == len(found)


def test_a_style_that_would_end_its_element_is_refused() -> None:
    page = '<link rel="stylesheet" href="static/a.css">'
    with pytest.raises(ValueError, match="ends its own element"):
        with_inline_assets(page, {"a.css": "a::after { content: '</STYLE>' }"})


@pytest.mark.parametrize("path", sorted(STATIC.rglob("*.js")), ids=lambda path: path.stem)
def test_stripping_comments_keeps_line_numbers_and_code(path: Path) -> None:
    text = path.read_text()
    sent = without_comments(text)
    assert sent.count("\n") == text.count("\n")
    for whole, bare in zip(text.splitlines(), sent.splitlines(), strict=True):
        if not re.match(r"\s*(/\*|\*|//)", whole) and "@type" not in whole:
            assert bare == whole


def test_scripts_without_comments_are_the_same_and_a_parser_finds_the_same_imports_and_exports(tmp_path: Path) -> None:
    """As acorn parses them: what the regular expressions take away is no code, and what they find is all there is."""
    names = {path.relative_to(STATIC).as_posix(): path.read_text() for path in sorted(STATIC.rglob("*.js"))}
    for folder, change in (("whole", str), ("bare", compacted)):
        for name, text in names.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(change(text))
    parsed = parse_modules(tmp_path, list(names))
    for name, text in names.items():
        module = read_module(name, text)
        assert parsed[name] == {"same": True, "imports": list(module.imports), "exports": sorted(module.exports)}, name


def parse_modules(folder: Path, names: list[str]) -> Any:
    """Return what acorn says of each module in `whole`: whether that in `bare` is the same, its imports and exports."""
    if shutil.which("node") is None:
        missing("node")
    environment = {**os.environ, "NODE_PATH": str(npm_package("acorn", "8.19.0"))}
    command = ["node", str(Path(__file__).with_name("parse_modules.cjs")), str(folder), *names]
    return json.loads(subprocess.check_output(command, env=environment))


async def test_versioned_files_are_immutable_and_others_are_revalidated(api: Api) -> None:
    page = (await api.get("/")).body.decode()
    names = re.findall(r'"(static/[a-z-]+-\w{12}/[^"]+)"', page)
    assert len(names) == 4
    for name in names:
        answer = await api.get(f"/{name}")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable", name
    again = re.sub(r"-(\w{12})/", r"-\1.2/", names[1])
    assert "immutable" in (await api.get(f"/{again}")).headers["Cache-Control"]
    other = re.sub(r"-\w{12}/", f"-{'0' * 12}/", names[-1])
    for name in (other, "static/js/main.js", "static/style.css"):
        answer = await api.get(f"/{name}")
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache"), name
    assert "no-cache" in (await api.get("/")).headers["Cache-Control"]


def test_changed_file_changes_the_version(tmp_path: Path) -> None:
    folder = shutil.copytree(STATIC, tmp_path / "static")
    assets = Assets(folder)
    markup = PageMarkup(assets, Station(), "")
    before, old = assets.release(), markup.page("index.html", "")
    assert assets.release() is before
    (folder / "js" / "row.js").write_text((folder / "js" / "row.js").read_text() + "\nconst changed = 1;\n")
    after = assets.release()
    assert after.version != before.version
    assert after.version in markup.page("index.html", "").plain.decode()
    assert after.version not in old.plain.decode()
    packed = after.packed_asset("index-en", "js/main.js")
    assert packed is not None
    assert b"const changed = 1;" in packed.plain


@pytest.mark.parametrize(
    "text",
    [
        "import * as all from './b.js';",
        "export { a };",
        "export * from './b.js';",
        "export let a = 1;",
        "import a from './b.js';",
        "const b = 1; import('./b' + '.js');",
        "const here = import.meta.url;",
        "`\nexport const a = `;\n  export const b = 1;",
        "import './a.js';",
        "import './c.js';",
    ],
)
def test_unpackable_modules_are_loaded_one_by_one(text: str, tmp_path: Path) -> None:
    with pytest.raises(NotPackable, match=r"js/a\.js"):
        pack(["js/a.js"], Modules({"js/a.js": f"{text}\n", "js/b.js": ""}))
    folder = shutil.copytree(STATIC, tmp_path / "static")
    with (folder / "js" / "announce.js").open("a") as module:
        module.write("export { announcer as other };\n")
    assets = Assets(folder)
    assert {name.partition("-")[0] for name in assets.release().packs} == {"admin"}
    page = PageMarkup(assets, Station(), "").page("index.html", "").plain.decode()
    assert f'src="static/v-{assets.release().version}/js/main.js"' in page


def test_packed_modules_run_once_in_order_with_the_same_exports(tmp_path: Path) -> None:
    if shutil.which("node") is None:
        missing("node")
    texts = {
        "js/part/main.mjs": "import { count as n, raise } from '../count.mjs';\nimport '../side.mjs';\n"
        "const other = await import(`../${'later'}.mjs`);\nraise();\nconsole.log(n(), other.default(), other.text);\n",
        "js/side.mjs": "import { raise } from './count.mjs';\nraise();\n",
        "js/count.mjs": "let at = 0;\nexport const count = () => at;\nexport function raise() { at += 1; }\n"
        "export default {\n  a: 1,\n};\n",
        "js/later.mjs": "import made, { count } from './count.mjs';\nexport const text = 'a' + made.a;\n"
        "export default () => count();\n",
    }
    packed = pack(["js/part/main.mjs"], Modules(texts))
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(packed.proxy(name) if name in packed.modules and name != packed.entry else text)
    # Later modules import proxies, which import the pack: it must not wait for them while it starts.
    (tmp_path / packed.entry).write_text(
        packed.text.replace(
            "const other = await", "const other = {}; setTimeout(async () => { const other = await"
        ).replace("other.text);", "other.text); });")
    )
    output = subprocess.check_output(["node", str(tmp_path / packed.entry)], text=True)
    assert output.split() == ["2", "2", "a1"]


async def test_gzip_is_sent_if_accepted(api: Api) -> None:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        url = f"{api.url}/static/js/main.js"
        async with session.get(url, headers={"Accept-Encoding": "gzip"}) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert answer.headers["Vary"] == "Accept-Encoding"
            small = await answer.read()
        async with session.get(url, headers={"Accept-Encoding": "identity"}) as answer:
            assert "Content-Encoding" not in answer.headers
            assert await answer.read() == gzip.decompress(small)


async def test_unchanged_file_is_not_sent_again(api: Api) -> None:
    first = await api.get("/static/style.css")
    again = await api.get("/static/style.css", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    assert (await api.get("/static/style.css", headers={"If-None-Match": '"other"'})).status == 200

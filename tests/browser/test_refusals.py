"""A refusal says what is wrong, where, what to do, and what happens to the file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.page_objects import button, pick, row, sign_in, state
from tests.support.mp3 import make_frames, make_mp3
from tests.support.server import Server

Make = Callable[..., Path]
BYTES_PER_SECOND = 16_000
"""Nearly: frames of 128 kbit/s are not padded."""


def holed(path: Path, *holes: tuple[int, int]) -> Path:
    """Return the file with zeros between these seconds."""
    content = bytearray(path.read_bytes())
    for start, stop in holes:
        at, to = start * BYTES_PER_SECOND, stop * BYTES_PER_SECOND
        content[at:to] = bytes(to - at)
    path.write_bytes(content)
    return path


def test_damage_is_shown_in_minutes_and_seconds_with_advice(server: Server, visitor: Visitor, mp3: Make) -> None:
    page = visitor.visit(server.url)
    file = holed(mp3("hole.mp3", 120), (62, 68))
    pick(page, file)
    rejected = state(page, file.name, "rejected")
    expect(rejected).to_contain_text("Not accepted: audio is missing from 1:02 to 1:08.")
    expect(rejected.locator("[data-ref=advice]")).to_have_text(
        "Please export it again and send that. The station keeps this file for 7 days; tell them if it is fine."
    )
    page.get_by_role("button", name="한국어").click()
    expect(row(page, file.name)).to_contain_text("받을 수 없는 파일입니다. 1:02~1:08에 소리가 빠져 있습니다.")
    expect(row(page, file.name)).to_contain_text("다시 내보내서 올려 주세요. 이 파일은 방송국에 7일 동안 보관됩니다.")


def test_places_of_damage_are_counted_and_a_missing_end_is_named(server: Server, visitor: Visitor, mp3: Make) -> None:
    page = visitor.visit(server.url)
    several, to_the_end = holed(mp3("several.mp3", 120), (20, 30), (60, 62), (90, 95)), mp3("to the end.mp3", 60)
    to_the_end.write_bytes(to_the_end.read_bytes() + bytes(200_000))
    pick(page, several, to_the_end)
    expect(state(page, several.name, "rejected")).to_contain_text("missing from 0:20 to 0:30 and in 2 more places.")
    expect(state(page, to_the_end.name, "rejected")).to_contain_text("audio is missing from 1:00 on.")


FOREIGN = {
    "interview.wav": (
        b"RIFF\0\0\0\0WAVEfmt ",
        "this is WAV audio, not MP3. Please export it as MP3 (192\u00a0kbit/s or more).",
    ),
    "interview.m4a": (b"\0\0\0\x20ftypM4A ", "this is M4A audio"),
    "interview.flac": (b"fLaC\0\0\0\x22", "this is FLAC audio"),
    "interview.ogg": (b"OggS\0\2", "this is Ogg audio"),
    "a wave.mp3": (b"RIFF\0\0\0\0WAVEfmt ", "this is WAV audio"),
    "cover.jpg": (b"\xff\xd8\xff\xe0", "this is a JPEG picture, not an MP3 file."),
    "cover.png": (b"\x89PNG\r\n\x1a\n", "this is a PNG picture"),
    "script.pdf": (b"%PDF-1.7\n\0", "this is a PDF file"),
    "unknown.bin": (b"\0\1\2\3", "this is not an MP3 file."),
}


def test_other_kinds_of_files_are_named_and_only_dismissed(server: Server, visitor: Visitor, tmp_path: Path) -> None:
    files = [tmp_path / name for name in FOREIGN]
    for file in files:
        file.write_bytes(FOREIGN[file.name][0] + bytes(5000))
    notes, good = tmp_path / "notes.txt", tmp_path / "good.mp3"
    notes.write_text("an interview\n한국어\n" * 20)
    good.write_bytes(make_mp3(10, seed=77_001))
    page = visitor.visit(server.url)
    # One at a time: of several, those that are not MP3 are left out.
    for file in (*files, notes, good):
        pick(page, file)
    for name, (_, words) in FOREIGN.items():
        refused = state(page, name, "refused")
        expect(refused).to_contain_text(f"Not sent: {words}")
        actions = refused.locator(".actions button").evaluate_all("all => all.map((one) => one.dataset.action)")
        assert actions == ["dismiss"]
    expect(state(page, "notes.txt", "refused")).to_contain_text("this is text, not an MP3 file.")
    state(page, "good.mp3", "ready")
    assert len(set(visitor.posted)) == 1
    page.get_by_role("button", name="한국어").click()
    expect(row(page, "interview.wav")).to_contain_text("MP3가 아니라 WAV 오디오입니다.")
    for width in (320, 390, 600, 896, 897, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width


@pytest.mark.parametrize("content", [make_frames(400, seed=77_002), make_mp3(10, {"title": "x"}, seed=77_003)])
def test_mp3_under_another_name_may_be_sent_anyway(
    server: Server, visitor: Visitor, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "park.bin"
    file.write_bytes(content)
    page = visitor.visit(server.url)
    pick(page, file)
    expect(state(page, file.name, "asking")).to_contain_text("the content looks like MP3")
    button(page, "Send anyway", file.name).click()
    state(page, file.name, "ready")


def test_words_of_the_page_and_the_admin_are_all_korean_in_korean(server: Server, visitor: Visitor, mp3: Make) -> None:
    visitor.failed_loads_expected = True
    page = visitor.visit(server.url, locale="ko-KR")
    cut = mp3("가.mp3")
    cut.write_bytes(cut.read_bytes()[:-100])
    pick(page, cut)
    state(page, cut.name, "rejected")
    page.goto(f"{server.url}/admin#rejected")
    sign_in(page, server.token)
    listed = page.locator(".row:visible").filter(has_text=cut.name)
    expect(listed).to_contain_text("0:10에서 끝이 잘려 있습니다.")
    expect(page.locator(".row [lang=en]")).to_have_count(0)


KIND = """async ([head, name]) => {
    const { kindOf, whatToDo } = await import('/static/js/file-kind.js');
    const kind = kindOf(new Uint8Array(head));
    return [kind && kind.group, whatToDo(kind, name)];
}"""
HEADS: list[tuple[bytes, str, list[Any]]] = [
    (b"", "a.mp3", [None, "send"]),
    (b"ID3\4\0\0", "a", ["mp3", "ask"]),
    (b"ID3\4\0\0", "A.MP3", ["mp3", "send"]),
    (b"\xff\xfb\x90\x64" + bytes(60), "a.mp2", ["mp3", "ask"]),
    (b"\xff\xfd\x90\x64" + bytes(60), "layer two.mp2", [None, "leave"]),
    (b"\xff\xf1\x50\x80" + bytes(60), "a.aac", ["audio", "leave"]),
    (bytes(64), "zeros.mp3", [None, "send"]),
    (b"junk in front of an MP3", "a.mp3", ["text", "send"]),
    (b"PK\3\4" + bytes(60), "a.mp3", ["other", "leave"]),
    (b"RIFF\0\0\0\0AVI ", "a.avi", [None, "leave"]),
]


def test_file_type_is_detected_by_the_first_bytes_alone(server: Server, visitor: Visitor) -> None:
    page = visitor.visit(server.url)
    for head, name, expected in HEADS:
        assert page.evaluate(KIND, [list(head), name]) == expected, (head, name)

"""File names from any text."""

from __future__ import annotations

import unicodedata
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathvalidate import is_valid_filename

from media_service.core.text import clean_line
from media_service.storage.filenames import MAX_FILENAME_BYTES, safe_filename

FOLDER = Path("/srv/spool/mp3")
RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in "123456789")}

piece = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=300),
    st.sampled_from(["..", ".", "/", "\\", ".mp3", ".MP3", " ", "CON", "nul", "COM1", "\x00", "가" * 200, "~"]),
    st.sampled_from(["-", "--help", "$(id)", "`", ";", "&", "|", "\u202e", "\ufeff", "\u200b", "\n", "\u2028", "\x1b"]),
)
names = st.lists(piece, max_size=6).map("".join)
copies = st.integers(1, 10_000)


@given(names, copies)
def test_any_text_becomes_a_visible_mp3_name_of_at_most_255_bytes(text: str, copy: int) -> None:
    name = safe_filename(text, copy)
    assert len(name.encode()) <= MAX_FILENAME_BYTES
    assert name.lower().endswith(".mp3")
    assert name[0] not in ". "
    assert len(name) > len(".mp3")
    assert not set(name) & set('/\\:*?"<>|\x00')


@given(names, copies)
def test_no_name_is_an_option_or_contains_shell_or_invisible_characters(text: str, copy: int) -> None:
    name = safe_filename(text, copy)
    assert not name.startswith("-")
    assert not set(name) & set("$`;&|\n\r")
    assert not {unicodedata.category(char) for char in name} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(names, copies)
def test_no_text_escapes_a_folder(text: str, copy: int) -> None:
    name = safe_filename(text, copy)
    assert (FOLDER / name).parent == FOLDER
    assert (FOLDER / name).resolve().parent == FOLDER.resolve()
    assert PurePosixPath(name).parts == PureWindowsPath(name).parts == (name,)


@given(names, copies)
def test_no_name_is_a_reserved_device(text: str, copy: int) -> None:
    name = safe_filename(text, copy)
    assert name.partition(".")[0].upper() not in RESERVED
    assert is_valid_filename(name, platform="universal", max_len=1000)


@given(names)
def test_a_cleaned_name_stays_in_nfc_and_without_controls(text: str) -> None:
    name = safe_filename(clean_line(text[:1000], "filename"))
    assert name == unicodedata.normalize("NFC", name)
    assert not {unicodedata.category(char) for char in name} & {"Cc", "Cs"}


@given(names, copies, copies)
def test_each_copy_has_a_different_name(text: str, one: int, other: int) -> None:
    assert (safe_filename(text, one) == safe_filename(text, other)) == (one == other)


@given(names)
def test_a_safe_name_stays_unchanged(text: str) -> None:
    assert safe_filename(safe_filename(text)) == safe_filename(text)


@given(names)
def test_every_name_can_be_created_on_this_disk(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / safe_filename(text, 9999)
    path.touch()
    path.unlink()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("../../etc/passwd", "passwd.mp3"),
        ("a/b.mp3", "b.mp3"),
        ("C:\\Users\\Kim\\일요일.mp3", "일요일.mp3"),
        ("CON", "CON_.mp3"),
        ("nul.mp3", "nul_.mp3"),
        ("aux.tar.mp3", "aux_.tar.mp3"),
        ("", "upload.mp3"),
        ("\x00", "upload.mp3"),
        ("...", "upload.mp3"),
        ("/", "upload.mp3"),
        (".hidden.mp3", "hidden.mp3"),
        (":.hidden", "hidden.mp3"),
        ("Show.MP3", "Show.MP3"),
        ("show.mp3.", "show.mp3"),
        ("show.txt", "show.txt.mp3"),
        ("가" * 300, "가" * 83 + ".mp3"),
        ("-rf.mp3", "_-rf.mp3"),
        ("--help", "_--help.mp3"),
        (" -x.mp3", "_-x.mp3"),
        ("\ufeff-x.mp3", "_-x.mp3"),
        ("$(touch x).mp3", "(touch x).mp3"),
        ("`id`.mp3", "id.mp3"),
        (";reboot;.mp3", "reboot.mp3"),
        ("a&b|c.mp3", "abc.mp3"),
        ("$", "upload.mp3"),
        ("\u200bshow\ufeff.mp3", "show.mp3"),
        ("C$ON", "CON_.mp3"),
        ("밤 & 낮.mp3", "밤  낮.mp3"),
    ],
)
def test_examples(text: str, name: str) -> None:
    assert safe_filename(text) == name


def test_second_file_of_a_name_gets_a_number() -> None:
    assert safe_filename("Show.mp3", 2) == "Show (2).mp3"
    assert safe_filename("가" * 300, 12) == "가" * 82 + " (12).mp3"

"""The text by which listings find a file: its words, and marked ones for what only filters and `by:` look for.

So the index of grams finds a grade or a sender as it finds a word. Marked words have characters that no searchable text
has (`text_index.marked`), and those of filters are of blanks, which no sender has: theirs are all U+0020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.catalogue.text_index import marked, searchable
from media_service.core.findings import Grade, Outcome, outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from media_service.core.file_filters import FileFilters
    from media_service.core.files import StoredFile

_GRADES = {Grade.PROVEN: marked("\t"), Grade.COMPLETE: marked("\v"), Grade.STRUCTURAL: marked("\f")}
_WARNINGS = marked("\r")


def text_of(file: StoredFile) -> str:
    """Return the text of the file."""
    facts = file.facts
    # Files of older versions, without the digest of the audio, have no verdict.
    warns = facts.audio_sha256 is not None and outcome(facts.findings) is Outcome.WARN
    terms = terms_with(file.sender, facts.grade, warns=warns)
    return joined([file.filename, file.sender or "", *file.tags.values()], terms)


def joined(texts: Iterable[str], terms: Iterable[str]) -> str:
    """Return the text of a file with these texts and marked words."""
    return "\n".join([*map(searchable, texts), *terms])


def terms_of(filters: FileFilters) -> list[str]:
    """Return what the texts of all files with these filters contain."""
    return terms_with(filters.sender, filters.grade, warns=filters.warnings)


def terms_with(sender: str | None, grade: Grade | None, *, warns: bool) -> list[str]:
    """Return the marked words of these."""
    # The whole name stands between characters that it cannot have.
    terms = [marked(f"\n{searchable(sender)}\n")] if sender else []
    terms += [_GRADES[grade]] if grade is not None else []
    return [*terms, _WARNINGS] if warns else terms

"""What people search for and filter by, drawn, and a plain model of what is found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from media_service.catalogue.text_index import fold
from media_service.core.file_filters import FileFilters
from media_service.core.files import Place
from media_service.core.findings import Grade, Outcome, outcome

if TYPE_CHECKING:
    from media_service.core.files import StoredFile

letters = st.sampled_from("aAáÁbBßñNŁ가각か が밤%_/\"'*- \U0001f600")
texts = st.text(letters, max_size=6)
senders = st.sampled_from([None, "", "Kim", "kim minho", "\uff2bim  Minho", "Minho", "김", "김민호", '\U0001f600 -"x'])
names = st.sampled_from(["", "night", "Night show", "Nìght", "밤", "일요일 밤", "일요일", "Zoë", "100%"])
words = st.one_of(
    st.sampled_from(
        ["", "night", "NIGHT", "ni", "n", "밤", "일요", "요일", "zoe", "night 일요", "show night", "%", "qqq"]
    ),
    texts,
    senders.filter(bool),
)


@dataclass(frozen=True)
class Term:
    """A part of a search."""

    text: str
    excluded: bool
    by_sender: bool
    quoted: bool

    def written(self) -> str:
        """Return what somebody types."""
        quote = '"' * self.quoted
        return f"{'-' * self.excluded}{'by:' * self.by_sender}{quote}{self.text}{quote}"

    def meets(self, file: StoredFile) -> bool:
        """Return whether the file is found."""
        sender, found = normal(file.sender or ""), normal(self.text)
        texts = [sender] if self.by_sender else [sender, normal(file.filename), *map(normal, file.tags.values())]
        return not found or any(found in text for text in texts) is not self.excluded


def normal(text: str) -> str:
    return " ".join(fold(text).split())


@st.composite
def terms(draw: st.DrawFn) -> Term:
    text, excluded, by_sender, quoted = draw(st.tuples(words, *[st.booleans()] * 3))
    # Without quotation marks these would begin something else, and a blank another term.
    plain = text.replace('"', "") if quoted else "".join(text.split()).lstrip('-"')
    return Term(plain, excluded, by_sender, quoted)


@st.composite
def filters(draw: st.DrawFn) -> FileFilters:
    """Draw filters, often none."""
    times = st.one_of(st.none(), st.integers(-1, 4))
    return FileFilters(
        sender=draw(st.one_of(st.none(), senders.filter(bool))),
        grade=draw(st.one_of(st.none(), st.none(), st.sampled_from(Grade))),
        warnings=draw(st.sampled_from([False, False, True])),
        taken=draw(st.sampled_from([False, False, True])),
        since=draw(times),
        until=draw(times),
    )


def passes(file: StoredFile, wanted: FileFilters) -> bool:
    """Return whether a file has what the filters want."""
    facts = file.facts
    warns = facts.audio_sha256 is not None and outcome(facts.findings) is Outcome.WARN
    return (
        (wanted.sender is None or (bool(file.sender) and normal(wanted.sender) == normal(file.sender or "")))
        and wanted.grade in (None, facts.grade)
        and (warns or not wanted.warnings)
        and (file.place is Place.TAKEN or not wanted.taken)
        and (wanted.since is None or file.uploaded_at >= wanted.since)
        and (wanted.until is None or file.uploaded_at < wanted.until)
    )

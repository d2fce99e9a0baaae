"""A catalogue of many files and uploads, through the project's own tables, for `bench.listing`."""

from __future__ import annotations

import base64
import hashlib
import random
from contextlib import closing
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from bench.workspace import ROOT
from media_service.access.credentials import token_digest
from media_service.catalogue import account_writes, collection_sql, quotas, writes
from media_service.catalogue.sqlite.commit_server import open_for_writing
from media_service.catalogue.sqlite.dialect import sql_of
from media_service.catalogue.sqlite.migrate import migrate
from media_service.core.access import Role
from media_service.core.accounts import Owner, OwnerKind, Token, TokenKind
from media_service.core.collections import Collection
from media_service.core.files import Place, SpoolEntry, StoredFile
from media_service.core.findings import Finding, Grade, Severity
from media_service.core.upload import Facts, Upload, Verdict
from media_service.core.upload_states import State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from media_service.catalogue.change import Change
    from media_service.catalogue.compiled import Statement

BATCH = 1000
OWNERS = 2000
VOCABULARY = 30_000
SECONDS_APART = 90
FIRST_DAY = 1_600_000_000_000_000
CACHE_KIB = 3 * 1024 * 1024

COMMON = (("radio", 0.3), ("night", 0.1), ("show", 0.05), ("日本", 0.01), ("음악", 0.02), ("일요일", 0.005))
"""Words of titles, and how many titles have them."""

RARE = "xylograph", "거북선", "물범"
"""Words of three titles each."""

KIM = 0.04
"""Artists whose name begins with it: all of a frequent word stands in one place of an order."""

BLANK = 0.1
"""Files without a title, and without an artist."""

COLLECTIONS = {f"{number:022}": share for number, share in enumerate((0.2, 0.1, 0.05, 0.02, 0.005, 0.001, 0.0001))}
"""Collections, and how many files they have."""

PEOPLE = [f"person:{number:022}" for number in range(5)]

ACCOUNTS = {PEOPLE[0]: 0.01, PEOPLE[1]: 0.0002}
"""How many files people have sent."""

_IDS = [*COLLECTIONS]
EDITORS = {
    "of 38 % of the files": (PEOPLE[0], _IDS[:4]),
    "of 5 %": (PEOPLE[2], _IDS[2:3]),
    "of 0.6 %": (PEOPLE[1], _IDS[4:6]),
    "of 0.1 %": (PEOPLE[3], _IDS[5:]),
    "of none": (PEOPLE[4], []),
}
"""Editors with their collections, by what they may see."""

GRADES = {Grade.COMPLETE: 0.7, Grade.PROVEN: 0.28, Grade.STRUCTURAL: 0.02}
WARNINGS = 0.1

TAKEN, NEWEST = 0.95, 0.1
"""Files that their reader has taken, but for the newest ones: so all of them stand at one end of the order by date."""

ENDED = 0.05
"""Uploads without a file beside each with one."""


class Words:
    """Words and names, the first ones far more frequent than the last, as in a language."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        syllables = [a + b for a in "bcdfghjklmnprstvw" for b in ("a", "e", "i", "o", "u", "é", "an", "er", "is", "ö")]
        hangul = [chr(0xAC00 + 28 * number) for number in range(399)]
        latin = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(VOCABULARY)]
        korean = ["".join(chance.choices(hangul, k=chance.randint(1, 3))) for _ in range(VOCABULARY // 10)]
        self._words = [*latin, *korean]
        chance.shuffle(self._words)
        self._weights = [*accumulate(1 / (rank + 10) for rank in range(len(self._words)))]

    def some(self, count: int) -> list[str]:
        """Return words, frequent ones more often."""
        return self._chance.choices(self._words, cum_weights=self._weights, k=count)

    def title(self) -> str:
        """Return a title; empty for some."""
        chance = self._chance
        if chance.random() < BLANK:
            return ""
        words = self.some(chance.randint(1, 4)) + [word for word, share in COMMON if chance.random() < share]
        chance.shuffle(words)
        return " ".join(words).capitalize()

    def artist(self) -> str:
        """Return a name; empty for some."""
        chance = self._chance.random()
        if chance < BLANK:
            return ""
        return " ".join(["Kim" if chance < BLANK + KIM else "", *self.some(2)]).strip().title()


class _Shares:
    """Names with a share each; None for the others."""

    def __init__(self, chance: random.Random, shares: Mapping[str, float]) -> None:
        self._chance = chance
        self._names = [*shares, None]
        self._weights = [*accumulate(shares.values()), 1.0]

    def draw(self) -> str | None:
        """Return one of the names, or None."""
        (name,) = self._chance.choices(self._names, cum_weights=self._weights)
        return name


def cookie_of(number: int) -> str:
    """Return the cookie of an owner."""
    return f"{number:043}"


def owner_of(number: int) -> str:
    """Return the owner with this cookie."""
    digest = hashlib.sha256(cookie_of(number).encode()).digest()
    return f"browser:{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def token_of(person: str) -> str:
    """Return the API token of an editor."""
    return f"ms_{person:_>43}"


def editors() -> Iterator[Statement]:
    """Yield the statements that insert the collections, and people with tokens."""
    for collection in COLLECTIONS:
        title = f"show {int(collection)}"
        slug = title.replace(" ", "-")
        yield from _writing(collection_sql.add(Collection(id=collection, slug=slug, title=title, created_at=0)))
    for name, (person, collections) in EDITORS.items():
        owner = Owner(
            id=person,
            kind=OwnerKind.PERSON,
            role=Role.EDITOR,
            name=name,
            created_at=0,
            collections=frozenset(collections),
        )
        token = Token(id=person[-22:], kind=TokenKind.API, owner=person, created_at=0, scopes=owner.scopes)
        yield from _writing(account_writes.add_owner(owner, name))
        yield from _writing(account_writes.add_token(token, token_digest(token_of(person))))


def fill(database: Path, files: int) -> None:
    """Create the database with so many files, an upload for each, and some without."""
    migrate(database, ROOT / "migrations")
    with closing(open_for_writing(str(database))) as connection:
        # One transaction in memory: the indexes of random ids would otherwise be written hundreds of times.
        for pragma in ("journal_mode=OFF", f"cache_size=-{CACHE_KIB}", "foreign_keys=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        for sql, values in map(sql_of, editors()):
            connection.execute(sql, values)
        statements: dict[str, list[dict[str, Any]]] = {}
        for number, (upload, file) in enumerate(uploads_and_files(files), 1):
            for sql, values in map(sql_of, _changes(upload, file)):
                statements.setdefault(sql, []).append(values)
            if number % BATCH == 0:
                _execute(connection, statements)
        _execute(connection, statements)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode=WAL")


def _execute(connection: sqlite3.Connection, statements: dict[str, list[dict[str, Any]]]) -> None:
    for sql, rows in statements.items():
        connection.executemany(sql, rows)
    statements.clear()


def uploads_and_files(files: int) -> Iterator[tuple[Upload, StoredFile | None]]:
    """Yield so many uploads with their files, and some without, the same ones each time."""
    chance = random.Random(15)
    words = Words(chance)
    rare = {chance.randrange(files): word for word in RARE for _ in range(3)}
    judging = random.Random(19)
    shares = _Shares(random.Random(17), COLLECTIONS), _Shares(random.Random(18), ACCOUNTS)
    for number in range(files):
        collection, account = (share.draw() for share in shares)
        file = replace(_file(number, chance, words, rare.get(number, "")), collection=collection, account=account)
        file = _judged(file, judging, is_old=number < files * (1 - NEWEST))
        upload = _upload(file.upload_id, file.owner, file.filename, file.uploaded_at, State.SPOOLED)
        yield replace(upload, collection=collection, account=account), file
        if chance.random() < ENDED:
            state = chance.choice([State.REJECTED, State.CANCELLED, State.EXPIRED])
            yield _upload(_id(chance), file.owner, file.filename, file.uploaded_at + 1, state), None


def _changes(upload: Upload, file: StoredFile | None) -> list[Statement]:
    """Return the statements of an upload, and of its file."""
    creating = _writing(quotas.create(upload))
    # Without the update of the upload, which is spooled from the beginning.
    return creating if file is None else [*creating, *_writing(writes.deliver(upload, file))[-4:]]


def _writing(change: Change) -> list[Statement]:
    """Return the statements of the change that write."""
    return [*change.statements[change.guard or 0 :]]


def _id(chance: random.Random) -> str:
    return f"{chance.getrandbits(128):022x}"[-22:]


def _file(number: int, chance: random.Random, words: Words, rare: str) -> StoredFile:
    title, artist = f"{words.title()} {rare}".strip(), words.artist()
    tags = {"title": title, "artist": artist, "album": " ".join(words.some(2)), "genre": words.some(1)[0]}
    filename = f"{artist or 'show'} - {title or words.some(1)[0]} {number % 1000}.mp3"
    duration = chance.choice([60.0, 3600.0, chance.random() * 7200])
    digest = chance.randbytes(32)
    facts = Facts(
        size=int(duration * 16_000),
        sha256=digest,
        content_hash=digest,
        duration=duration,
        bitrate=128_000,
        sample_rate=44_100,
        channels=2,
        audio_sha256=digest,
        grade=Grade.COMPLETE,
    )
    return StoredFile(
        id=_id(chance),
        upload_id=_id(chance),
        owner=owner_of(min(int(chance.expovariate(1 / 200)), OWNERS)),
        sender=words.some(1)[0],
        filename=filename,
        spool_entry=SpoolEntry(f"{filename[:-4]} {number:x}.mp3", facts.size + chance.choice([0, 4096]), digest),
        facts=facts,
        tags={name: value for name, value in tags.items() if value},
        uploaded_at=FIRST_DAY + (number * SECONDS_APART - chance.randrange(7200)) * 1_000_000,
        spooled_at=FIRST_DAY + number * SECONDS_APART * 1_000_000,
    )


def _judged(file: StoredFile, chance: random.Random, *, is_old: bool) -> StoredFile:
    """Return the file with a grade, perhaps with a warning, and perhaps taken."""
    (grade,) = chance.choices([*GRADES], [*GRADES.values()])
    findings = (Finding("leading_junk", Severity.WARN, 0),) if chance.random() < WARNINGS else ()
    place = Place.TAKEN if chance.random() < TAKEN and is_old else Place.SPOOL
    return replace(file, facts=replace(file.facts, grade=grade, findings=findings), place=place)


def _upload(upload_id: str, owner: str, filename: str, created_at: int, state: State) -> Upload:
    return Upload(
        id=upload_id,
        owner=owner,
        dialect="native",
        state=state,
        filename=filename,
        length=1000,
        verdict=Verdict("not_mp3", {"reason": "no frame"}) if state is State.REJECTED else None,
        tags={},
        created_at=created_at,
        updated_at=created_at,
    )

"""How listings can be asked for, and by which name each has its statement."""

from __future__ import annotations

FILE_SORT_KEYS: dict[str, type] = {
    "uploaded_at": int,
    "title": str,
    "artist": str,
    "duration": float,
    "size": int,
    "filename": str,
}
"""By what the listing of files can be sorted, and what its keys are; `-` before it turns the order round."""

TEXTS_THAT_MAY_MISS = frozenset({"title", "artist"})


def name_of(listing: str, *asked: bool) -> str:
    """A statement's name: its listing's, and a letter for each thing that may be asked for or not."""
    return listing + "_" + "".join("ny"[yes] for yes in asked)

"""Tags as a sender requests them."""

from __future__ import annotations

ALL = {
    "title": "일요일 밤",
    "artist": "AC/DC",
    "album": "Straße",
    "date": "2024-05-06",
    "genre": "Podcast",
    "comment": "첫째\n둘째",
}
"""The six common tags."""

MORE = {
    "album_artist": "여러 사람",
    "track": "3/12",
    "disc": "1/2",
    "composer": "Bach",
    "isrc": "GBAYE0000351",
    "label": "Label",
    "copyright": "2024 Kim",
    "language": "kor",
    "bpm": "120",
    "key": "Ebm",
    "mood": "calm",
    "grouping": "night",
    "description": "between",
    "lyrics": "첫째\n둘째",
}
"""The other tags."""

"""What a sender may ask for beside the six tags that everybody knows."""

from __future__ import annotations

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

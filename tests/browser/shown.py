"""Numbers in the texts that the page shows."""

import re

SIZES = {"B": 1, "KB": 1024, "MB": 1024**2}
UNITS = {"h": 3600, "min": 60, "s": 1}


def seconds_left(text: str) -> int | None:
    """Return the seconds of a text such as "1 min 20 s left"; None if there is no time in it."""
    left = re.search(r"((?:\d+\s(?:h|min|s)\s)+)left", text)
    return sum(int(count) * UNITS[unit] for count, unit in re.findall(r"(\d+)\s(h|min|s)", left[1])) if left else None


def told(text: str) -> tuple[int, int, float, float, int | None]:
    """Return files done, files, bytes sent, bytes and seconds left of the queue's heading."""
    files = re.search(r"(\d+) of (\d+)\sfiles?", text)
    amount = re.search(r"([\d.]+)\s(B|KB|MB) of ([\d.]+)\s(B|KB|MB)", text)
    assert files, text
    assert amount, text
    sent, length = float(amount[1]) * SIZES[amount[2]], float(amount[3]) * SIZES[amount[4]]
    return int(files[1]), int(files[2]), sent, length, seconds_left(text)

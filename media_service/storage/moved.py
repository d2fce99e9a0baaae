"""The marker of a data folder whose rows or files were moved elsewhere (`media-service migrate-to`)."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from media_service.storage.sync.fsync import fsync_directory

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.storage.data_folder import DataFolder


@dataclass(frozen=True, slots=True)
class Moved:
    """Where rows and files are now; empty for what is still in the folder. `ended`: nothing is left to do."""

    catalogue: str = ""
    store: str = ""
    ended: bool = False

    def __str__(self) -> str:
        places = {"the database": self.catalogue, "the store": self.store}
        return " and ".join(f"{kind} {place}" for kind, place in places.items() if place)


def marker(folder: DataFolder) -> Path:
    """Return the path of the marker."""
    return folder.root / "moved.json"


def read_moved(folder: DataFolder) -> Moved | None:
    """Return what the marker says, None without one. Raise OSError."""
    path = marker(folder)
    try:
        return Moved(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise OSError(f"{path} is not as `media-service migrate-to` writes it") from error


def write_moved(folder: DataFolder, moved: Moved) -> None:
    """Write the marker, durably and whole. Raise OSError."""
    path = marker(folder)
    new = path.with_suffix(".new")
    with new.open("w") as file:
        file.write(json.dumps(asdict(moved)) + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    fsync_directory(folder.root)

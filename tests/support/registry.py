"""Packages of third-party clients, fetched once from their registries into the user's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Callable

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "media-service-tests"


def npm_package(name: str, version: str) -> Path:
    """Return the `node_modules` with this package and its dependencies; skip the test if it cannot be had."""

    def install(folder: Path) -> list[str]:
        quiet = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts")
        return ["npm", "install", *quiet, "--prefix", str(folder), f"{name}@{version}"]

    return _cached(f"npm-{name}-{version}", "npm", install) / "node_modules"


def npm_files(name: str, version: str) -> Path:
    """Return the folder of the package's own files, without dependencies."""

    def pack(folder: Path) -> list[str]:
        return ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{name}@{version}"]

    folder = _cached(f"npm-{name}-{version}-files", "npm", pack)
    if not (folder / "package").is_dir():
        shutil.unpack_archive(next(folder.glob("*.tgz")), folder, filter="data")
    return folder / "package"


def pip_package(name: str, version: str) -> Path:
    """Return a folder with this package and its dependencies, for sys.path."""

    def install(folder: Path) -> list[str]:
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        return [*pip, "--target", str(folder), f"{name}=={version}"]

    return _cached(f"pip-{name}-{version}", sys.executable, install)


def _cached(name: str, program: str, command: Callable[[Path], list[str]]) -> Path:
    folder = CACHE / name
    if not folder.is_dir():
        if shutil.which(program) is None:
            missing(program)
        making = folder.with_name(f"{name}.{os.getpid()}")
        making.mkdir(parents=True)
        try:
            subprocess.run(command(making), check=True, capture_output=True, timeout=240)
            # Another run may have created it meanwhile.
            if not folder.is_dir():
                making.rename(folder)
        except (subprocess.SubprocessError, OSError) as error:
            missing(f"{name} from its registry ({error})")
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return folder

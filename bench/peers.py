"""The others, as `peers.sh` installs them, each set up as its documentation does it, its log kept quiet."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from bench.target import RunningServer, Target, free_port, launch, wait_until_it_responds
from bench.workspace import cache


def _installed(*parts: str) -> Path:
    return cache().joinpath("peers", *parts)


def _told(*command: str | Path) -> str:
    """Return what a command prints about itself, on either stream."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


def _up(command: list[str], folder: Path, port: int, path: str) -> RunningServer:
    process = launch(command, folder)
    wait_until_it_responds(process, port, folder)
    return RunningServer(process, f"http://127.0.0.1:{port}{path}", folder)


class _Installed(Target):
    """A peer that is one program in the cache."""

    program: tuple[str, ...]

    def missing(self) -> str:
        """Not installed, or not whole."""
        return "" if _installed(*self.program).exists() else "not installed, see bench/peers.sh"


class Tusd(_Installed):
    """The reference server of tus, in Go."""

    name, dialect, whole_dialect = "tusd", "tus", "tus"
    program = ("bin", "tusd")

    def version(self) -> str:
        """The module's version; a plain build stamps none into the program."""
        found = re.search(r"github\.com/tus/tusd/v2\s+(v\S+)", _told("go", "version", "-m", _installed(*self.program)))
        return f"tusd {found[1] if found else '?'}"

    def start(self, folder: Path) -> RunningServer:
        """Without its line a request, which costs it a quarter at small pieces."""
        port, store = free_port(), self.store(folder)
        store.mkdir()
        command = [str(_installed(*self.program)), "-host=127.0.0.1", f"-port={port}", f"-upload-dir={store}"]
        return _up([*command, "-verbose=false", "-show-startup-logs=false"], folder, port, "/files/")


class Rustus(_Installed):
    """tus in Rust, on actix."""

    name, dialect, whole_dialect = "rustus", "tus", "tus"
    program = ("bin", "rustus")

    def version(self) -> str:
        """As it says itself."""
        return _told(_installed(*self.program), "--version")

    def start(self, folder: Path) -> RunningServer:
        """No hooks, warnings only; the size limit of a body is lifted for the one-request scenario."""
        port, store = free_port(), self.store(folder)
        store.mkdir()
        (folder / "info").mkdir()
        command = [str(_installed(*self.program)), "--host=127.0.0.1", f"--port={port}", f"--data-dir={store}"]
        options = [f"--info-dir={folder / 'info'}", "--log-level=WARN", f"--max-body-size={2 << 30}"]
        return _up([*command, *options], folder, port, "/files/")

    def clear(self, folder: Path) -> None:
        """Its notes lie elsewhere than its data."""
        super().clear(folder)
        for note in (folder / "info").iterdir():
            note.unlink()


class TusNode(_Installed):
    """@tus/server, on Node."""

    name, dialect, whole_dialect = "tus-node", "tus", "tus"
    program = ("tus-node", "node_modules", "@tus", "server", "package.json")

    def version(self) -> str:
        """From its package, and Node's."""
        found = re.search(r'"version": *"([^"]+)"', _installed(*self.program).read_text())
        return f"@tus/server {found[1] if found else '?'}, node {_told('node', '--version')}"

    def start(self, folder: Path) -> RunningServer:
        """The script is put beside the packages, because Node looks for them from where a script lies."""
        port, store = free_port(), self.store(folder)
        store.mkdir()
        script = shutil.copy(Path(__file__).with_name("tus_node.mjs"), _installed("tus-node", "server.mjs"))
        return _up(["node", str(script), str(port), str(store)], folder, port, "/files/")


class Copyparty(_Installed):
    """A file server in Python threads, whose up2k checks the SHA-512 of every piece."""

    name, dialect, whole_dialect = "copyparty", "up2k", "put"
    program = ("copyparty", "bin", "copyparty")

    def version(self) -> str:
        """As pip knows it."""
        found = re.search(r"^Version: (\S+)", _told(_installed("copyparty", "bin", "pip"), "show", "copyparty"), re.M)
        return f"copyparty {found[1] if found else '?'}"

    def start(self, folder: Path) -> RunningServer:
        """One volume that anybody may write, also on tmpfs (`--wram`); without thumbnails and certificates."""
        port, store = free_port(), self.store(folder)
        store.mkdir()
        command = [str(_installed(*self.program)), "-q", "-i", "127.0.0.1", "-p", str(port)]
        return _up(
            [*command, "-v", f"{store}::rwmd", "--no-thumb", "--no-crt", "--wram", "-nc", "512"], folder, port, "/"
        )

    def is_file(self, path: Path) -> bool:
        """Its own folder of notes lies inside the volume."""
        return super().is_file(path) and ".hist" not in path.parts


_NGINX = """
daemon off;
user root;
worker_processes auto;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_max_body_size 0;
    client_body_temp_path {folder}/temporary;
    {buffer}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            root {folder}/files;
            dav_methods PUT;
            create_full_put_path on;
        }}
    }}
}}
"""


class Nginx(Target):
    """nginx with its DAV module: the floor in C. It cannot resume; every piece is a file."""

    dialect = whole_dialect = "pieces"

    def __init__(self, name: str, buffer: str) -> None:
        self.name = name
        self._buffer = buffer

    def missing(self) -> str:
        """It must be built with DAV."""
        if not shutil.which("nginx"):
            return "not installed, see bench/peers.sh"
        return "" if "http_dav_module" in _told("nginx", "-V") else "built without its DAV module"

    def version(self) -> str:
        """As it says itself."""
        return _told("nginx", "-v").rpartition("/")[2] + (f", {self._buffer}" if self._buffer else "")

    def start(self, folder: Path) -> RunningServer:
        """In the foreground; bodies are gathered on the same file system, so that the last step is a rename."""
        port = free_port()
        self.store(folder).mkdir()
        configuration = folder / "nginx.conf"
        configuration.write_text(_NGINX.format(folder=folder, port=port, buffer=self._buffer))
        command = ["nginx", "-c", str(configuration), "-p", str(folder), "-e", str(folder / "error.log")]
        return _up(command, folder, port, "/")

    def received_files(self, folder: Path) -> dict[str, list[Path]]:
        """A file is its pieces, whose names end in where they begin."""
        found: dict[str, list[Path]] = {}
        for path in sorted(self.store(folder).iterdir()):
            found.setdefault(path.stem, []).append(path)
        return found


def peers() -> list[Target]:
    """Every peer, whether it is on this machine or not."""
    return [
        Tusd(),
        Rustus(),
        TusNode(),
        Copyparty(),
        Nginx("nginx", ""),
        Nginx("nginx-512k", "client_body_buffer_size 512k;"),
    ]

"""Other servers, as `peers.sh` installs them, each set up as its documentation says, with few lines of log."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from bench.target import RunningServer, Target, free_port, launch, wait_until_it_responds
from bench.workspace import cache


def _installed(*parts: str) -> Path:
    return cache().joinpath("peers", *parts)


def _output(*command: str | Path) -> str:
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
        """Return why it cannot be measured: it is not installed."""
        return "" if _installed(*self.program).exists() else "not installed, see bench/peers.sh"


class Tusd(_Installed):
    """The reference server of tus, in Go."""

    name, dialect, whole_dialect = "tusd", "tus", "tus"
    program = ("bin", "tusd")

    def version(self) -> str:
        """Return the version of its Go module: a plain build has none in the program."""
        found = re.search(
            r"github\.com/tus/tusd/v2\s+(v\S+)", _output("go", "version", "-m", _installed(*self.program))
        )
        return f"tusd {found[1] if found else '?'}"

    def start(self, folder: Path) -> RunningServer:
        """Start it without a line of log for each request, which takes a quarter of its time with small pieces."""
        port, store = free_port(), self.store(folder)
        store.mkdir()
        command = [str(_installed(*self.program)), "-host=127.0.0.1", f"-port={port}", f"-upload-dir={store}"]
        return _up([*command, "-verbose=false", "-show-startup-logs=false"], folder, port, "/files/")


class Rustus(_Installed):
    """tus in Rust, on actix."""

    name, dialect, whole_dialect = "rustus", "tus", "tus"
    program = ("bin", "rustus")

    def version(self) -> str:
        """Return the version that the program prints."""
        return _output(_installed(*self.program), "--version")

    def start(self, folder: Path) -> RunningServer:
        """Start it without hooks, logging warnings only, and with a limit that lets the whole file be one body."""
        port, store = free_port(), self.store(folder)
        store.mkdir()
        (folder / "info").mkdir()
        command = [str(_installed(*self.program)), "--host=127.0.0.1", f"--port={port}", f"--data-dir={store}"]
        options = [f"--info-dir={folder / 'info'}", "--log-level=WARN", f"--max-body-size={2 << 30}"]
        return _up([*command, *options], folder, port, "/files/")

    def clear(self, folder: Path) -> None:
        """Delete its notes too, which are in another folder."""
        super().clear(folder)
        for note in (folder / "info").iterdir():
            note.unlink()


class TusNode(_Installed):
    """@tus/server, on Node."""

    name, dialect, whole_dialect = "tus-node", "tus", "tus"
    program = ("tus-node", "node_modules", "@tus", "server", "package.json")

    def version(self) -> str:
        """Return the versions of the package and of Node."""
        found = re.search(r'"version": *"([^"]+)"', _installed(*self.program).read_text())
        return f"@tus/server {found[1] if found else '?'}, node {_output('node', '--version')}"

    def start(self, folder: Path) -> RunningServer:
        """Start a script from the folder of the packages: Node looks for them in the folders above the script."""
        port, store = free_port(), self.store(folder)
        store.mkdir()
        script = shutil.copy(Path(__file__).with_name("tus_node.mjs"), _installed("tus-node", "server.mjs"))
        return _up(["node", str(script), str(port), str(store)], folder, port, "/files/")


class Copyparty(_Installed):
    """A file server in Python threads, whose up2k checks the SHA-512 of every piece."""

    name, dialect, whole_dialect = "copyparty", "up2k", "put"
    program = ("copyparty", "bin", "copyparty")

    def version(self) -> str:
        """Return the version that pip installed."""
        found = re.search(r"^Version: (\S+)", _output(_installed("copyparty", "bin", "pip"), "show", "copyparty"), re.M)
        return f"copyparty {found[1] if found else '?'}"

    def start(self, folder: Path) -> RunningServer:
        """Start it with a volume that anybody may write, also on tmpfs (`--wram`), no thumbnails or certificates."""
        port, store = free_port(), self.store(folder)
        store.mkdir()
        command = [str(_installed(*self.program)), "-q", "-i", "127.0.0.1", "-p", str(port)]
        return _up(
            [*command, "-v", f"{store}::rwmd", "--no-thumb", "--no-crt", "--wram", "-nc", "512"], folder, port, "/"
        )

    def is_file(self, path: Path) -> bool:
        """Return whether it is no note of the server, whose folder is in the volume."""
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
    """nginx with its DAV module: the least that a server in C does. It cannot resume; every piece is a file."""

    dialect = whole_dialect = "pieces"

    def __init__(self, name: str, buffer: str) -> None:
        self.name = name
        self._buffer = buffer

    def missing(self) -> str:
        """Return why it cannot be measured: it is not installed, or built without DAV."""
        if not shutil.which("nginx"):
            return "not installed, see bench/peers.sh"
        return "" if "http_dav_module" in _output("nginx", "-V") else "built without its DAV module"

    def version(self) -> str:
        """Return the version that the program prints, and the size of the buffer."""
        return _output("nginx", "-v").rpartition("/")[2] + (f", {self._buffer}" if self._buffer else "")

    def start(self, folder: Path) -> RunningServer:
        """Start it in the foreground. Bodies are buffered on the same file system, so it renames them at the end."""
        port = free_port()
        self.store(folder).mkdir()
        configuration = folder / "nginx.conf"
        configuration.write_text(_NGINX.format(folder=folder, port=port, buffer=self._buffer))
        command = ["nginx", "-c", str(configuration), "-p", str(folder), "-e", str(folder / "error.log")]
        return _up(command, folder, port, "/")

    def received_files(self, folder: Path) -> dict[str, list[Path]]:
        """Return the pieces of each file, whose names end in their offsets."""
        found: dict[str, list[Path]] = {}
        for path in sorted(self.store(folder).iterdir()):
            found.setdefault(path.stem, []).append(path)
        return found


def peers() -> list[Target]:
    """Return every peer, also if it is not installed."""
    return [
        Tusd(),
        Rustus(),
        TusNode(),
        Copyparty(),
        Nginx("nginx", ""),
        Nginx("nginx-512k", "client_body_buffer_size 512k;"),
    ]

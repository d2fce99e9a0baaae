"""nginx and HAProxy in front of a server, as unprivileged processes on free ports of 127.0.0.1."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.conftest import missing
from tests.support.server import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

NGINX = """\
pid {folder}/nginx.pid;
daemon off;
master_process off;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    ssl_certificate {folder}/radio.pem;
    ssl_certificate_key {folder}/radio.pem;
    {servers}
}}
"""
SERVER = """\
server {{
    listen 127.0.0.1:{port};
    listen 127.0.0.1:{tls_port} ssl http2;
    {location}
}}
"""
BARE_LOCATION = "location / { proxy_pass http://127.0.0.1:8080; }"
"""nginx without further settings: Host is the upstream's, bodies are buffered and limited to 1 MiB."""

UPSTREAM = "127.0.0.1:8080"
STARTS_WITHIN = 20.0


class Proxy:
    """Ports of a proxy: `port` for HTTP, `tls_port` for HTTPS with a self-signed certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.tls_port = free_ports(2)

    def url(self, host: str = "127.0.0.1", *, tls: bool = False) -> str:
        """Return its URL for a host name."""
        return f"https://{host}:{self.tls_port}" if tls else f"http://{host}:{self.port}"


def free_ports(count: int) -> list[int]:
    """Return free ports of 127.0.0.1."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def documented(language: str, number: int = 0) -> str:
    """Return a proxy configuration in docs/operator.md, the first one of its kind unless another number is given."""
    text = (ROOT / "docs" / "operator.md").read_text()
    snippet = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)[number]
    assert isinstance(snippet, str)
    return snippet


@contextmanager
def nginx(proxy: Proxy, upstream: int, location: str) -> Iterator[None]:
    """Run nginx with this `location`, in which only the upstream is replaced."""
    location = _swapped(location, UPSTREAM, f"127.0.0.1:{upstream}")
    with _nginx(proxy, SERVER.format(port=proxy.port, tls_port=proxy.tls_port, location=location)):
        yield


@contextmanager
def balancer(proxy: Proxy, upstreams: Mapping[str, int], config: str) -> Iterator[None]:
    """Run nginx with this configuration of upstreams and servers, in which only addresses are replaced.

    `upstreams`: the ports of its upstreams, by their names.
    """
    ports = f"listen 127.0.0.1:{proxy.port};\n    listen 127.0.0.1:{proxy.tls_port} ssl;"
    config = _swapped(config, "listen 80;", ports)
    for name, port in upstreams.items():
        config = _swapped(config, name, f"127.0.0.1:{port}")
    with _nginx(proxy, config):
        yield


@contextmanager
def _nginx(proxy: Proxy, servers: str) -> Iterator[None]:
    _certificate(proxy)
    config = proxy.folder / "nginx.conf"
    config.write_text(NGINX.format(folder=proxy.folder, servers=servers))
    command = ("nginx", "-p", str(proxy.folder), "-e", str(proxy.folder / "error.log"), "-c", str(config))
    with _running(command, proxy):
        yield


@contextmanager
def haproxy(proxy: Proxy, upstream: int, config: str) -> Iterator[None]:
    """Run HAProxy with this configuration, in which only addresses, certificate and the redirect are replaced."""
    _certificate(proxy)
    path = proxy.folder / "haproxy.cfg"
    config = _swapped(config, "bind :80\n", f"bind 127.0.0.1:{proxy.port}\n")
    config = _swapped(config, "bind :443 ", f"bind 127.0.0.1:{proxy.tls_port} ")
    config = _swapped(config, "/etc/haproxy/radio.example.pem", str(proxy.folder / "radio.pem"))
    # Tests use plain HTTP too.
    config = _swapped(config, "    http-request redirect scheme https unless { ssl_fc }\n", "")
    path.write_text(_swapped(config, UPSTREAM, f"127.0.0.1:{upstream}"))
    with _running(("haproxy", "-db", "-f", str(path)), proxy):
        yield


def _swapped(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, (old, text)
    return text.replace(old, new)


@contextmanager
def _running(command: Sequence[str], proxy: Proxy) -> Iterator[None]:
    # Debian installs them into root's PATH.
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    program = shutil.which(command[0], path=path)
    if program is None:
        missing(command[0])
    assert program is not None
    said = (proxy.folder / "said.log").open("w")
    with said, subprocess.Popen([program, *command[1:]], stdout=said, stderr=said) as process:
        try:
            _wait_until_listening(proxy, process)
            yield
        finally:
            process.terminate()
            process.wait(timeout=STARTS_WITHIN)


def _wait_until_listening(proxy: Proxy, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            for port in (proxy.port, proxy.tls_port):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError((proxy.folder / "said.log").read_text())


def _certificate(proxy: Proxy) -> None:
    if shutil.which("openssl") is None:
        missing("openssl")
    key, certificate = proxy.folder / "key.pem", proxy.folder / "certificate.pem"
    command = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    about = ("-days", "2", "-subj", "/CN=radio.test", "-addext", "subjectAltName=DNS:radio.test,IP:127.0.0.1")
    files = ("-keyout", str(key), "-out", str(certificate))
    subprocess.run([*command, *about, *files], check=True, capture_output=True)
    (proxy.folder / "radio.pem").write_bytes(certificate.read_bytes() + key.read_bytes())

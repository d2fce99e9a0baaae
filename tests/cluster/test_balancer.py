"""The parts of docs/nodes, as they are: nginx before two nodes with the environment of the compose file."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import re
import subprocess
import sys
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import yaml

from tests.cluster.nodes import new_backend
from tests.support.api import Api
from tests.support.mp3 import make_mp3_of
from tests.support.proxies import Proxy, balancer
from tests.support.server import ROOT, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.services.postgresql import Databases
    from tests.services.s3 import Buckets

MIB = 1024 * 1024
NODES = ROOT / "docs" / "nodes"
PREFIX = "MEDIA_SERVICE_"
ON_THIS_MACHINE = ("host", "data_dir", "public_url", "trusted_proxies", "catalogue", "store", "s3_endpoint")
"""Settings of which the test has values of its own: they name other machines, or folders of the container."""


def compose() -> Any:
    return yaml.safe_load((NODES / "compose.yaml").read_text())


def environment() -> dict[str, Any]:
    """Return the variables of a node."""
    found: dict[str, Any] = compose()["services"]["node1"]["environment"]
    return found


def test_nodes_differ_in_their_data_folders_alone() -> None:
    services = compose()["services"]
    volumes = [services[name].pop("volumes") for name in ("node1", "node2")]
    assert volumes == [["node1:/data"], ["node2:/data"]]
    assert services["node1"] == services["node2"]
    assert set(environment()) >= {f"{PREFIX}{name}".upper() for name in ON_THIS_MACHINE}


def test_every_setting_of_the_compose_file_is_valid() -> None:
    given = {name: re.sub(r"\$\{\w+:\?\}", "secret", str(value)) for name, value in environment().items()}
    command = (sys.executable, "-m", "media_service", "settings")
    printed = subprocess.run(command, env=os.environ | given, cwd=ROOT, capture_output=True, text=True, check=False)
    assert printed.returncode == 0, printed.stderr
    told = re.findall(rf"# ({PREFIX}\w+)$", printed.stdout, re.MULTILINE)
    assert sorted(told) == sorted(name for name in given if name.startswith(PREFIX))


def test_files_that_the_image_is_made_of_exist() -> None:
    copied = re.findall(r"^COPY (.+) /\S+$", (NODES / "Dockerfile").read_text(), re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert names
    assert [name for name in names if not (ROOT / name).exists()] == []
    built = compose()["services"]["node1"]["build"]
    assert (NODES / built["context"] / built["dockerfile"]).resolve() == NODES / "Dockerfile"


def test_credentials_of_the_servers_are_those_of_the_nodes() -> None:
    services, node = compose()["services"], environment()
    password = services["postgres"]["environment"]["POSTGRES_PASSWORD"]
    assert node["MEDIA_SERVICE_CATALOGUE"] == f"postgresql://media:{password}@postgres/media"
    keys = services["s3"]["environment"]
    assert (keys["ROOT_ACCESS_KEY"], keys["ROOT_SECRET_KEY"]) == (
        node["AWS_ACCESS_KEY_ID"],
        node["AWS_SECRET_ACCESS_KEY"],
    )
    bucket = node["MEDIA_SERVICE_STORE"].split("/")[2]
    assert services["bucket"]["entrypoint"][-1] == f"/data/{bucket}"


@pytest.fixture
def behind(
    tmp_path_factory: pytest.TempPathFactory, postgresql: Databases, versitygw: Buckets
) -> Iterator[tuple[Proxy, list[Server]]]:
    """Yield nginx and two nodes with the environment of the compose file, except for what is on other machines."""
    folder = tmp_path_factory.mktemp("balanced")
    proxy, backend = Proxy(folder), new_backend(postgresql, versitygw)
    given = {name.removeprefix(PREFIX).lower(): text for name, text in environment().items() if name.startswith(PREFIX)}
    settings: dict[str, Any] = {name: text for name, text in given.items() if name not in ON_THIS_MACHINE}
    settings |= {"public_url": proxy.url(), "trusted_proxies": '["127.0.0.1"]', "workers": 2, "disk_reserve": 0}
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(Server(folder / name, backend=backend, log=folder / f"{name}.log", **settings))
            for name in ("node1", "node2")
        ]
        upstreams = {f"{node.data.name}:8080": node.port for node in nodes}
        stack.enter_context(balancer(proxy, upstreams, (NODES / "nginx.conf").read_text()))
        yield proxy, nodes


async def test_any_node_serves_any_request_and_the_other_one_goes_on_alone(
    behind: tuple[Proxy, list[Server]], session: aiohttp.ClientSession
) -> None:
    proxy, nodes = behind
    api = Api(session, proxy.url(), nodes[0].token)
    whole = make_mp3_of(6 * MIB, seed=17_100)
    upload = await api.create("balanced.mp3", len(whole))
    offsets = list(range(0, len(whole), MIB))
    for offset in offsets[:3]:
        assert (await api.post(upload["id"], offset, whole[offset : offset + MIB])).status == 200
    nodes[0].kill()

    async def send(offset: int) -> None:
        piece = whole[offset : offset + MIB]
        statuses: list[int] = []
        async with asyncio.timeout(60):
            while statuses in ([], [502]):
                # What the dying node had begun, nginx does not repeat, and it may close the connection that a client
                # uses again for that. Every client tries once more.
                with suppress(aiohttp.ClientOSError):
                    statuses.append((await api.post(upload["id"], offset, piece)).status)
        assert statuses[-1] == 200, statuses

    await asyncio.gather(*map(send, offsets[3:]))
    assert (await api.ended(upload["id"], 60))["digest"] == hashlib.sha256(whole).hexdigest()
    data = {"mp3": io.BytesIO(whole)}
    answer = await api.request("POST", "/upload", data=data, headers={"Accept": "application/json"})
    assert answer.status == 201, answer
    nodes[0].start()
    listed = [await Api(session, node.url, node.token).listed("limit=5") for node in nodes]
    assert [row["id"] for row in listed[0]] == [row["id"] for row in listed[1]]
    assert len(listed[0]) == 2

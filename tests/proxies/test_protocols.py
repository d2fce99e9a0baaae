"""Whole files, resumed uploads and ranges through proxies that are set up as the operator's page says."""

from __future__ import annotations

import asyncio
import io
from contextlib import ExitStack
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.support.api import Api
from tests.support.mp3 import make_mp3_of
from tests.support.proxies import Proxy, documented, haproxy, nginx
from tests.support.server import Server
from tests.support.wire import request, send

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

MIB = 1024 * 1024
STARTERS = {"nginx": nginx, "haproxy": haproxy}
TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}


@pytest.fixture(scope="module", params=list(STARTERS))
def behind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Proxy]]:
    """Yield a server and the proxy before it. Its public URL is that of the proxy."""
    folder = tmp_path_factory.mktemp(request.param)
    proxy = Proxy(folder)
    with ExitStack() as stack:
        server = stack.enter_context(
            Server(
                folder / "data", workers=2, disk_reserve=0, verdict_wait_slice=5, idle_timeout=6, public_url=proxy.url()
            )
        )
        stack.enter_context(STARTERS[request.param](proxy, server.port, documented(request.param)))
        yield server, proxy


@pytest.fixture
def through(behind: tuple[Server, Proxy], session: aiohttp.ClientSession) -> Api:
    server, proxy = behind
    return Api(session, proxy.url(), server.token)


def spooled(server: Server, whole: bytes) -> bool:
    return any(whole in path.read_bytes() for path in server.spool.iterdir())


async def test_a_whole_file_goes_through_the_form(behind: tuple[Server, Proxy], through: Api) -> None:
    whole = make_mp3_of(6 * MIB, seed=12_101)
    form = aiohttp.FormData()
    form.add_field("mp3", io.BytesIO(whole), filename="form.mp3", content_type="audio/mpeg")
    answer = await through.request("POST", "/upload", data=form)
    assert (answer.status, spooled(behind[0], whole)) == (201, True), answer
    assert answer.headers["Location"].startswith(f"{through.url}/api/v1/uploads/")


async def test_a_put_of_unknown_length_goes_through(behind: tuple[Server, Proxy], through: Api) -> None:
    whole = make_mp3_of(5 * MIB, seed=12_102)

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(whole), MIB):
            yield whole[at : at + MIB]

    answer = await through.request("PUT", "/rufh/", data=pieces())
    assert (answer.status, spooled(behind[0], whole)) == (201, True), answer


async def test_tus_goes_on_from_where_the_line_broke(behind: tuple[Server, Proxy], through: Api) -> None:
    server, proxy = behind
    whole = make_mp3_of(8 * MIB, seed=12_103)
    created = await through.request("POST", "/tus/", headers={**TUS, "Upload-Length": str(len(whole))})
    location = created.headers["Location"]
    assert location.startswith(f"{proxy.url()}/tus/")
    path = location.removeprefix(proxy.url())
    first = request("PATCH", path, {**TUS, "Host": f"127.0.0.1:{proxy.port}", "Upload-Offset": "0"}, b"", len(whole))
    _, line = await asyncio.open_connection("127.0.0.1", proxy.port)
    line.write(first + whole[: 5 * MIB])
    async with asyncio.timeout(60):
        # The bytes come through while the request is still unfinished; then the line breaks.
        while (await through.show(path.rpartition("/")[2]))["offset"] < 4 * MIB:
            await asyncio.sleep(0.1)
    line.transport.abort()
    offset = int((await through.request("HEAD", path, headers=TUS)).headers["Upload-Offset"])
    assert offset >= 4 * MIB
    headers = {**TUS, "Upload-Offset": str(offset)}
    async with through.session.patch(location, headers=headers, data=io.BytesIO(whole[offset:])) as answer:
        assert answer.status == 204
    assert spooled(server, whole)


async def test_slices_go_through(behind: tuple[Server, Proxy], through: Api) -> None:
    whole = make_mp3_of(9 * MIB, seed=12_104)
    upload = await through.create("slices.mp3", len(whole))
    assert (await through.send_all(upload["id"], whole, 4 * MIB))["state"] in ("received", "verified", "spooled")
    assert (await through.ended(upload["id"]))["state"] == "spooled"
    assert spooled(behind[0], whole)


async def test_ranges_go_through(behind: tuple[Server, Proxy], through: Api) -> None:
    whole = make_mp3_of(2 * MIB, seed=12_105)
    upload = await through.create("ranges.mp3", len(whole))
    await through.send_all(upload["id"], whole)
    file = (await through.ended(upload["id"]))["file"]
    content = f"{file['url']}/content"
    all_of_it = await through.get(content, headers=through.admin)
    etag, size = all_of_it.headers["ETag"], len(all_of_it.body)
    for given in ("bytes=1000-1999", f"bytes={size - 1000}-", "bytes=-1000"):
        answer = await through.get(content, headers={**through.admin, "Range": given, "If-Range": etag})
        first = size - 1000 if given != "bytes=1000-1999" else 1000
        assert (answer.status, answer.body) == (206, all_of_it.body[first : first + 1000]), given
        assert answer.headers["Content-Range"] == f"bytes {first}-{first + 999}/{size}"
    stale = await through.get(content, headers={**through.admin, "Range": "bytes=0-9", "If-Range": '"old"'})
    assert (stale.status, len(stale.body)) == (200, size)
    same = await through.get(content, headers={**through.admin, "If-None-Match": etag})
    assert same.status == 304
    beyond = await through.get(content, headers={**through.admin, "Range": f"bytes={size}-"})
    assert beyond.status == 416


async def test_a_refusal_is_the_services_own(behind: tuple[Server, Proxy]) -> None:
    _, proxy = behind
    message = request("POST", "/tus/", {"Host": f"127.0.0.1:{proxy.port}", "Tus-Resumable": "0.1"})
    answer = await send(proxy.port, message)
    assert (answer.status, answer.json["code"], answer["Tus-Version"]) == (412, "unsupported_version", "1.0.0")


async def test_another_name_is_refused_through_the_proxy_too(behind: tuple[Server, Proxy]) -> None:
    _, proxy = behind
    answer = await send(proxy.port, request("GET", "/", {"Host": "evil.example"}))
    assert (answer.status, answer.json["code"]) == (403, "forbidden_origin")

"""The page uploads through proxies: ones that were told nothing, and ones set up as the operator's page says."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor, chromium
from tests.browser.page_objects import pick, state
from tests.support.mp3 import make_mp3_of
from tests.support.proxies import BARE_LOCATION, Proxy, documented, haproxy, nginx
from tests.support.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

MIB = 1024 * 1024
KINDS = ("nginx with nothing but proxy_pass", "nginx as documented", "haproxy as documented")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    # A bare nginx refuses slices above 1 MiB, which the page then makes smaller.
    visiting = Visitor(browser, failed_loads_expected=True)
    yield visiting
    for context in visiting.contexts:
        context.close()
    assert visiting.complaints == []


@pytest.fixture
def mp3(tmp_path: Path) -> Path:
    path = tmp_path / "evening.mp3"
    path.write_bytes(make_mp3_of(3 * MIB, seed=12_001))
    return path


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Callable[..., tuple[Server, Proxy]]]:
    """Yield what starts a server and a proxy of a kind before it; `public` makes the public URL from the proxy."""
    with ExitStack() as stack:

        def start(kind: str, public: Callable[[Proxy], str] = lambda _: "") -> tuple[Server, Proxy]:
            proxy = Proxy(tmp_path)
            server = stack.enter_context(Server(tmp_path / "data", workers=2, disk_reserve=0, public_url=public(proxy)))
            if kind == "haproxy as documented":
                stack.enter_context(haproxy(proxy, server.port, documented("haproxy")))
            else:
                location = BARE_LOCATION if kind == KINDS[0] else documented("nginx")
                stack.enter_context(nginx(proxy, server.port, location))
            return server, proxy

        yield start


def uploads(server: Server, visitor: Visitor, url: str, file: Path) -> None:
    page = visitor.visit(url, ignore_https_errors=True)
    pick(page, file)
    state(page, file.name, "ready", 30)
    (stored,) = server.spool.iterdir()
    assert file.read_bytes() in stored.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_uploads_by_https_with_the_public_url_alone(
    behind: Callable[..., tuple[Server, Proxy]], visitor: Visitor, mp3: Path, kind: str
) -> None:
    server, proxy = behind(kind, lambda proxy: proxy.url("radio.test", tls=True))
    uploads(server, visitor, proxy.url("radio.test", tls=True), mp3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_uploads_by_plain_http_with_the_public_url_alone(
    behind: Callable[..., tuple[Server, Proxy]], visitor: Visitor, mp3: Path, kind: str
) -> None:
    server, proxy = behind(kind, lambda proxy: proxy.url("radio.test"))
    uploads(server, visitor, proxy.url("radio.test"), mp3)


@pytest.mark.parametrize("tls", [True, False], ids=["https", "localhost"])
def test_the_page_uploads_behind_a_bare_nginx_without_any_setting(
    behind: Callable[..., tuple[Server, Proxy]], visitor: Visitor, mp3: Path, *, tls: bool
) -> None:
    server, proxy = behind(KINDS[0])
    uploads(server, visitor, proxy.url("radio.test" if tls else "127.0.0.1", tls=tls), mp3)


def test_a_page_that_may_not_upload_says_so_and_does_not_ask_again(
    behind: Callable[..., tuple[Server, Proxy]], visitor: Visitor, mp3: Path
) -> None:
    # Plain HTTP by another name than the one that reaches the service: no browser vouches, and no setting does.
    server, proxy = behind(KINDS[0])
    page = visitor.visit(proxy.url("radio.test"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    pick(page, mp3)
    refused = state(page, mp3.name, "refused")
    expect(refused).to_contain_text("does not accept uploads from this page")
    count = asked.count("POST")
    page.wait_for_timeout(4_000)
    assert asked.count("POST") == count == 1
    assert list(server.spool.iterdir()) == []

"""The page behind a load balancer of two nodes, of which one dies."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from tests.browser.conftest import as_admin
from tests.browser.page_objects import state
from tests.browser.proxy import SlowProxy
from tests.browser.sending import LONG, to_the_middle
from tests.cluster.nodes import new_backend, two_nodes
from tests.support.proxies import Proxy, balancer
from tests.support.server import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import Visitor
    from tests.browser.sending import Make
    from tests.services.postgresql import Databases
    from tests.services.s3 import Buckets


def test_the_upload_continues_at_the_other_node_when_the_first_died(
    tmp_path: Path, visitor: Visitor, mp3: Make, postgresql: Databases, versitygw: Buckets
) -> None:
    visitor.failed_loads_expected = True
    proxy, file = Proxy(tmp_path), mp3("both nodes.mp3", LONG)
    config = (ROOT / "docs" / "nodes" / "nginx.conf").read_text()
    with ExitStack() as stack:
        one, two = stack.enter_context(two_nodes(tmp_path / "nodes", new_backend(postgresql, versitygw)))
        stack.enter_context(balancer(proxy, {"node1:8080": one.port, "node2:8080": two.port}, config))
        line = stack.enter_context(SlowProxy(proxy.url(), rate=3_000_000))

        def api(path: str) -> Any:
            return as_admin(two, f"{path}&scope=all")

        page = visitor.visit(line.url)
        to_the_middle(page, api, file)
        one.kill()
        state(page, "both nodes.mp3", "ready", 60)
        (stored,) = two.store.names()
        assert two.store.read(stored).endswith(file.read_bytes()[-1_000_000:])

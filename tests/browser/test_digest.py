"""The page's digests, computed in a browser from a file."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from tests.browser.conftest import Visitor
from tests.browser.page_objects import until
from tests.support.server import Server

BLOCKS, ROUNDS = 16, 20
HASH = """async ({ blocks, size, rounds }) => {
  const { asHex, sha256 } = await import('/static/js/digest.js');
  const file = document.querySelector('#read').files[0];
  for (let round = 0; round < rounds; round += 1) {
    window.made = [];
    for (let at = 0; at < blocks; at += 1) {
      window.made.push(asHex(await sha256(file.slice(at * size, (at + 1) * size))));
    }
  }
  window.done = true;
}"""


def test_digests_are_computed_during_garbage_collection(
    server: Server, visitor: Visitor, mp3: Callable[..., Path]
) -> None:
    file = mp3("read me.mp3", 1500)
    data = file.read_bytes()
    size = len(data) // BLOCKS
    page = visitor.visit(server.url)
    page.evaluate("document.body.append(Object.assign(document.createElement('input'), { type: 'file', id: 'read' }))")
    page.set_input_files("#read", str(file))
    page.evaluate(f"task => {{ ({HASH})(task); }}", {"blocks": BLOCKS, "size": size, "rounds": ROUNDS})

    def done() -> bool:
        page.request_gc()
        return bool(page.evaluate("window.done"))

    until(done, page)
    blocks = [data[at * size : (at + 1) * size] for at in range(BLOCKS)]
    assert page.evaluate("window.made") == [hashlib.sha256(block).hexdigest() for block in blocks]

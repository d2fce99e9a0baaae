"""Speed of the whole page, and the time left of all its files, with simulated uploads."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.test_speed import RATES, ROUND_TRIPS, error

if TYPE_CHECKING:
    from tests.browser.conftest import Visitor
    from tests.support.server import Server

SEND = """async (queue) => {
    const { AT_ONCE } = await import('/static/js/queue.js');
    const { Pace } = await import('/static/js/pace.js');
    const { PageSpeed } = await import('/static/js/page-speed.js');
    const { Speed } = await import('/static/js/speed.js');
    const { newUpload } = await import('/static/js/upload.js');
    const [STEP_MS, CREATE_MS, BUFFERED_BYTES] = [50, 300, 64 * 1024];
    const speed = new PageSpeed();
    const files = queue.lengths.map((length, number) => (
        { key: String(number), length, state: 'queued', at: 0, recorded: 0, slices: [] }));
    const told = [];
    const working = () => files.filter(({ state }) => state === 'preparing' || state === 'sending');
    let now = 0;
    const start = (file) => Object.assign(file, { state: 'preparing', sends: now + CREATE_MS + queue.round_trip });
    const send = (file) => {
        const [pace, speed] = [new Pace(4 * 1024 * 1024), new Speed(now, queue.round_trip)];
        Object.assign(file, { state: 'sending', pace, speed });
    };
    const fill = (file) => {
        const { pace, slices } = file;
        for (let lane = 0; lane < pace.lanes && file.at < file.length; lane += 1) {
            if (slices.some((slice) => slice.lane === lane)) continue;
            const bytes = Math.min(pace.size, file.length - file.at);
            slices.push({ lane, bytes, arrived: 0, began: now, flows: now + queue.round_trip });
            file.speed.opened(lane, bytes, now);
            file.at += bytes;
        }
    };
    const record = (file) => {
        for (const slice of file.slices.filter(({ arrived, bytes }) => arrived >= bytes)) {
            file.speed.recorded(slice.lane, now);
            file.pace.recorded(slice.bytes, now - slice.began, file.speed.measured);
            file.recorded += slice.bytes;
        }
        file.slices = file.slices.filter(({ arrived, bytes }) => arrived < bytes);
        if (file.recorded === file.length) file.state = 'verifying';
    };
    // The browser passes bytes to the kernel, and reports them as sent, before they flow.
    const passed = ({ arrived, bytes }) => Math.min(bytes, arrived + BUFFERED_BYTES);
    const shown = ({ key, length, state, recorded, slices, speed }) => ({
        ...newUpload({ key, length, state, filename: key, hasFile: true, received: recorded ? [[0, recorded]] : [] }),
        flying: slices.reduce((sum, slice) => sum + passed(slice), 0),
        ahead: speed?.underWay(now) ?? 0,
    });
    while (files.some(({ state }) => state !== 'verifying')) {
        files.filter(({ state }) => state === 'queued').slice(0, AT_ONCE - working().length).forEach(start);
        files.filter(({ state, sends }) => state === 'preparing' && now >= sends).forEach(send);
        working().filter(({ pace }) => pace).forEach(fill);
        now += STEP_MS;
        const flowing = files.flatMap(({ slices }) => slices).filter(({ flows }) => now >= flows);
        for (const slice of flowing) slice.arrived += (queue.rate * STEP_MS) / 1000 / flowing.length;
        working().filter(({ pace }) => pace).forEach(record);
        if (now % 500 > 0) continue;
        speed.observe(files.map(shown), now);
        const left = speed.timeLeft(files.reduce((sum, { length, recorded }) => sum + length - recorded, 0), now);
        if (left !== null) told.push({ at: now / 1000, left });
    }
    return { told, seconds: now / 1000 };
}"""
"""Send files over a line that slices share; resolves to the time left of all, each half second once it is told."""

QUEUES = [(4, 60), (8, 60), (20, 120)]
"""Numbers of files, and the seconds that all their bytes take."""


@pytest.mark.parametrize(("files", "seconds"), QUEUES)
def test_the_time_left_of_several_files_is_right_once_told(
    server: Server, visitor: Visitor, files: int, seconds: int
) -> None:
    page, wrong = visitor.visit(server.url), {}
    for rate, round_trip, seed in itertools.product(RATES, ROUND_TRIPS, range(3)):
        dice = random.Random(seed)
        lengths = [round(rate * seconds / files * dice.uniform(0.7, 1.3)) for _ in range(files)]
        sending: dict[str, Any] = page.evaluate(SEND, {"rate": rate, "round_trip": round_trip, "lengths": lengths})
        if error(sending) > 0.25 or sending["told"][0]["at"] > sending["seconds"] / 2:
            wrong[rate, round_trip, seed] = error(sending), sending["told"][0]["at"]
    assert wrong == {}


SPEED = """
    async ([base, shares]) => {
        const { newUpload } = await import(`${base}/static/js/upload.js`);
        const { PageSpeed } = await import(`${base}/static/js/page-speed.js`);
        const speed = new PageSpeed();
        let now = 0;
        let sent = 0;
        const told = [];
        for (const [state, seconds, rate] of shares) {
            for (let tick = 0; tick < seconds * 2; tick += 1) {
                now += 500;
                sent += rate / 2;
                // Slices of 4,000 bytes: what is recorded is always behind.
                const received = sent < 4000 ? [] : [[0, sent - sent % 4000]];
                const facts = { key: 'a', filename: 'a.mp3', length: 1e6, hasFile: true, state, received };
                speed.observe([newUpload(facts)], now);
            }
            told.push([speed.rate, speed.timeLeft(1e6 - sent, now)]);
        }
        return told;
    }
"""


def test_speed_of_the_page_follows_the_line_and_not_its_gaps(server: Server, visitor: Visitor) -> None:
    page = visitor.visit(server.url)
    shares = [
        ("preparing", 20, 0),
        ("sending", 2, 10_000),
        ("sending", 20, 10_000),
        ("waiting", 600, 0),
        ("sending", 1, 10_000),
        ("sending", 60, 5_000),
    ]
    hashing, soon, steady, gap, again, slower = (rate for rate, _ in page.evaluate(SPEED, [server.url, shares]))
    assert (hashing, soon) == (None, None)
    for rate in (steady, gap, again):
        assert abs(rate - 10_000) < 500
    assert abs(slower - 5_000) < 500

"""Every state meets every event."""

from __future__ import annotations

import pytest

from media_service.core.errors.uploads import UploadGone, WrongState
from media_service.core.upload import Verdict
from media_service.core.upload_states import ENDED, FINISHING, GONE, TRANSITIONS, Event, State
from tests.core.samples import FACTS, make_upload

WAY = {
    State.RECEIVING: {
        "complete": "received",
        "cancel": "cancelled",
        "expire": "expired",
        "reject": "rejected",
        "lose": "lost",
    },
    State.RECEIVED: {
        "verify": "verified",
        "cancel": "cancelled",
        "expire": "expired",
        "reject": "rejected",
        "lose": "lost",
    },
    State.REJECTED: {"recheck": "received"},
    State.VERIFIED: {
        "deliver": "spooled",
        "cancel": "cancelled",
        "expire": "expired",
        "reject": "rejected",
        "lose": "lost",
    },
}
"""TRANSITIONS, written a second time: an accidental change shows as a difference."""

FAILED = Verdict("finalize_failed", {})


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_every_event_moves_or_is_refused(state: State, event: Event) -> None:
    upload = make_upload(state=state, verdict=FAILED)
    target = WAY.get(state, {}).get(event.value)
    if target is not None:
        moved = upload.step(event, 7)
        assert (moved.state.value, moved.updated_at) == (target, 7)
    else:
        with pytest.raises(UploadGone if state in GONE else WrongState) as refused:
            upload.step(event, 7)
        assert refused.value.details() == {"state": state.value}
    assert (upload.state, upload.updated_at) == (state, 1)


@pytest.mark.parametrize("event", [Event.CANCEL, Event.EXPIRE])
@pytest.mark.parametrize("verdict", [None, Verdict("damaged", {})])
@pytest.mark.parametrize("state", sorted(FINISHING))
def test_an_upload_is_finished_unless_that_failed(state: State, event: Event, verdict: Verdict | None) -> None:
    with pytest.raises(WrongState):
        make_upload(state=state, verdict=verdict).step(event, 7)


def test_a_step_takes_the_changes_that_go_with_it() -> None:
    assert make_upload(state=State.RECEIVED).step(Event.VERIFY, 7, facts=FACTS).facts == FACTS


def test_every_state_is_reached_and_left_or_is_an_end() -> None:
    reached = {State.RECEIVING, *TRANSITIONS.values()}
    assert reached == set(State)
    assert {State.SPOOLED, State.REJECTED, *GONE} == ENDED
    assert not FINISHING & ENDED


def test_every_state_comes_to_an_end() -> None:
    for state in State:
        seen, waiting = set(), {state}
        while waiting:
            seen |= waiting
            waiting = {target for (start, _), target in TRANSITIONS.items() if start in waiting} - seen
        assert seen & ENDED


def test_every_finishing_upload_can_be_lost_and_rejected() -> None:
    assert all((state, event) in TRANSITIONS for state in FINISHING for event in (Event.LOSE, Event.REJECT))

"""The batch lifecycle as a pure table."""

import pytest

from openai_batch.local.lifecycle import Event, IllegalMove, Status, advance


def test_every_status_is_openais_word() -> None:
    """The eight statuses of the API, and no others."""
    assert {status.value for status in Status} == {
        "validating",
        "failed",
        "in_progress",
        "finalizing",
        "completed",
        "expired",
        "cancelling",
        "cancelled",
    }


@pytest.mark.parametrize("status", [status for status in Status if status.final])
def test_a_final_status_stays(status: Status) -> None:
    """Nothing leads out of a final status; only cancelling what is cancelled is accepted."""
    for event in Event:
        if (status, event) == (Status.CANCELLED, Event.CANCEL):
            assert advance(status, event) is Status.CANCELLED
        else:
            with pytest.raises(IllegalMove):
                advance(status, event)


def test_a_cancellation_wins_over_what_comes_later() -> None:
    """Whatever ends a batch that is cancelling, it ends as cancelled."""
    for event in (Event.REFUSED, Event.RAN_OUT, Event.PUBLISHED):
        assert advance(Status.CANCELLING, event) is Status.CANCELLED
    for event in (Event.ACCEPTED, Event.DRAINED, Event.CANCEL):
        assert advance(Status.CANCELLING, event) is Status.CANCELLING


def test_the_straight_way() -> None:
    """validating, in_progress, finalizing, completed."""
    status = Status.VALIDATING
    seen = []
    for event in (Event.ACCEPTED, Event.DRAINED, Event.PUBLISHED):
        status = advance(status, event)
        seen.append(status.value)
    assert seen == ["in_progress", "finalizing", "completed"]

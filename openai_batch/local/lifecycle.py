"""What a batch may become, and through what."""

import enum


class Status(enum.StrEnum):
    """Where a batch stands. The value is OpenAI's word for it."""

    VALIDATING = "validating"
    """The input file is being checked, or waits for it."""
    FAILED = "failed"
    """The input file was refused; nothing was executed."""
    IN_PROGRESS = "in_progress"
    """Requests are executed, or wait for a worker."""
    FINALIZING = "finalizing"
    """Every request was executed; the result files are not published yet."""
    COMPLETED = "completed"
    """The result files are published."""
    EXPIRED = "expired"
    """The window ended first; the result files hold what was finished, and say what was not."""
    CANCELLING = "cancelling"
    """The client asked to stop; requests in flight are finishing."""
    CANCELLED = "cancelled"
    """As expired, at the client's wish."""

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self in _FINAL


_FINAL = {Status.FAILED, Status.COMPLETED, Status.EXPIRED, Status.CANCELLED}


class Event(enum.Enum):
    """What happens to a batch."""

    ACCEPTED = "its input file is valid"
    REFUSED = "its input file has faults"
    CANCEL = "the client asks to stop"
    DRAINED = "every request was executed"
    PUBLISHED = "its result files are durable"
    RAN_OUT = "its window ended, and its result files are durable"


# A cancellation may come while the clerk validates, drains or lets a batch expire: the later events
# then lead to `cancelled` too, so that no thread has to look before it moves.
_MOVES = {
    (Status.VALIDATING, Event.ACCEPTED): Status.IN_PROGRESS,
    (Status.VALIDATING, Event.REFUSED): Status.FAILED,
    (Status.VALIDATING, Event.CANCEL): Status.CANCELLING,
    (Status.IN_PROGRESS, Event.DRAINED): Status.FINALIZING,
    (Status.IN_PROGRESS, Event.RAN_OUT): Status.EXPIRED,
    (Status.IN_PROGRESS, Event.CANCEL): Status.CANCELLING,
    (Status.FINALIZING, Event.DRAINED): Status.FINALIZING,
    (Status.FINALIZING, Event.PUBLISHED): Status.COMPLETED,
    (Status.CANCELLING, Event.CANCEL): Status.CANCELLING,
    (Status.CANCELLING, Event.ACCEPTED): Status.CANCELLING,
    (Status.CANCELLING, Event.DRAINED): Status.CANCELLING,
    (Status.CANCELLING, Event.REFUSED): Status.CANCELLED,
    (Status.CANCELLING, Event.RAN_OUT): Status.CANCELLED,
    (Status.CANCELLING, Event.PUBLISHED): Status.CANCELLED,
    (Status.CANCELLED, Event.CANCEL): Status.CANCELLED,
}


class IllegalMove(Exception):
    """The event cannot happen in this status, which is left as it was."""

    def __init__(self, status: Status, event: Event):
        super().__init__(f"a batch that is {status} cannot move on: {event.value}")
        self.status = status


def advance(status: Status, event: Event) -> Status:
    """The status after `event`. Raises IllegalMove where that cannot happen."""
    try:
        return _MOVES[status, event]
    except KeyError:
        raise IllegalMove(status, event) from None

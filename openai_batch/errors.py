"""Every error this package raises on purpose.

    Error
    ├── UsageError                 what was asked for makes no sense
    ├── InputInvalid               requests that the provider would refuse; nothing was sent
    │   └── CeilingExceeded        above a limit that the user set; nothing was sent
    ├── ProviderError
    │   ├── CredentialsMissing
    │   ├── CredentialsRefused
    │   ├── ProviderRefused        said no for good
    │   │   └── NotFound           no such batch or file, or not with this key
    │   ├── QuotaRefused           said not now: the queue or the rate is full
    │   └── ProviderUnavailable    no answer, or none that can be understood
    ├── GaveUp                     stopped for now; `resume` continues
    │   └── OutcomeUnknown         whether a batch exists or ran cannot be known
    ├── StillRunning               batches have not ended
    ├── RunLocked                  another process drives this run
    ├── RunDamaged                 the state is damaged, or made for other input
    ├── FilesLeft                  a run's files are still at the provider; the results are here
    └── StorageError               the local disk, or a file on it, failed

`cli/exits.py` maps each class to its exit code. Anything else that escapes is a bug.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Error(Exception):
    """An error made for people: the message says what failed, where, and what to do next."""

    retryable: bool = False
    """Whether the same call may succeed later, unchanged."""
    retry_after_s: float | None = None
    """Seconds the provider asked to wait, where it said so."""


class UsageError(Error):
    """The arguments contradict each other or name something that does not exist."""


class Fault(NamedTuple):
    """One thing wrong with one request.

    `code` is the provider's own name for the fault where it has one (PROVIDERS: OpenAI's
    `errors.data[].code`); `line` is the user's line number, from 1, or None for the whole input.
    """

    code: str
    message: str
    line: int | None = None
    param: str | None = None

    def at(self, input_name: str) -> str:
        """The fault as editors read it: file, line, what is wrong, and the code."""
        place = input_name if self.line is None else f"{input_name}:{self.line}"
        return f"{place}: {self.message} [{self.code}]"

    def __str__(self) -> str:
        where = "" if self.line is None else f"line {self.line}: "
        return f"{where}{self.message} [{self.code}]"


class InputInvalid(Error):
    """The input has faults. Nothing was sent.

    `faults` holds the first ones, `count` says how many there are in all.
    """

    def __init__(self, message: str, faults: Sequence[Fault] = (), count: int | None = None):
        super().__init__(message)
        self.faults = tuple(faults)
        self.count = len(self.faults) if count is None else count


class CeilingExceeded(InputInvalid):
    """The input is above a ceiling that the user set. Nothing was sent."""


class ProviderError(Error):
    """A provider answered with an error, or did not answer.

    `status_code` is the HTTP status (None where no answer came), `code` the provider's error code.
    `executed` says what is known of the call itself: False where it certainly did nothing,
    None where it may have been carried out although no good answer came.
    """

    executed: bool | None = False

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        executed: bool | None = False,
    ):
        super().__init__(message)
        self.status_code = status_code
        self.code = code
        self.retry_after_s = retry_after_s
        self.executed = executed


class CredentialsMissing(ProviderError):
    """No key is set for a provider that wants one."""


class CredentialsRefused(ProviderError):
    """401, or a 403 that speaks of the key."""


class ProviderRefused(ProviderError):
    """The provider said no, and asking again will not change that."""


class NotFound(ProviderRefused):
    """404. It may only mean that the key belongs to another organisation or project."""


class QuotaRefused(ProviderError):
    """429 or `token_limit_exceeded`: the same call is accepted once there is room."""

    retryable = True


class ProviderUnavailable(ProviderError):
    """5xx, 408, a broken connection, or an answer that is not what the API promises."""

    retryable = True


class GaveUp(Error):
    """Stopped for now (outage, quota, time-out). The run is safe; `resume` continues it."""


class OutcomeUnknown(GaveUp):
    """Whether a batch exists or did its work cannot be known, so it is not sent again.

    Only `resume --resubmit` goes on.
    """


class StillRunning(Error):
    """Batches have not ended, and the caller asked not to wait."""


class RunLocked(Error):
    """Another process drives this run. The message says which."""


class RunDamaged(Error):
    """The run's state cannot be read, is from a newer version, or belongs to other input."""


class FilesLeft(Error):
    """The results are delivered, and some files that were to be deleted at the provider are not."""


class StorageError(Error):
    """A local file could not be read or written; nothing at the provider is affected."""

"""Exit codes: the one table, and which error means which code.

The manual is written from `TABLE`. A code that is not in it means failure, too.
"""

from typing import NamedTuple

from .. import errors


class StdoutClosed(Exception):
    """Whoever read our standard output has gone: what was written is not the whole."""


class Terminated(BaseException):
    """SIGTERM arrived. Like KeyboardInterrupt it passes every handler for ordinary errors."""


class ExitCode(NamedTuple):
    """One exit code: its number, its name, what it tells a script, and the errors that mean it."""

    code: int
    name: str
    meaning: str
    raised: tuple[type[BaseException], ...] = ()


TABLE = (
    ExitCode(0, "ok", "everything asked for was done and every request succeeded"),
    ExitCode(
        1,
        "unexpected",
        "unexpected: a bug, or a local I/O failure",
        (errors.Error,),
    ),
    ExitCode(2, "usage", "wrong usage", (errors.UsageError,)),
    ExitCode(
        3,
        "some_failed",
        "done, and some requests failed for good (they are in the results or the error file)",
    ),
    ExitCode(
        4,
        "credentials",
        "credentials missing or refused",
        (errors.CredentialsMissing, errors.CredentialsRefused),
    ),
    ExitCode(
        5,
        "invalid_input",
        "the input is invalid, or above a ceiling that the user set; nothing was sent",
        (errors.InputInvalid,),
    ),
    ExitCode(6, "refused", "the provider refused for good", (errors.ProviderRefused,)),
    ExitCode(
        7,
        "gave_up",
        "gave up for now (outage, quota, time-out, unknown outcome): `resume` continues",
        (errors.GaveUp, errors.ProviderError),
    ),
    ExitCode(
        8,
        "still_running",
        "still running (`download`; `status --exit-status`)",
        (errors.StillRunning,),
    ),
    ExitCode(
        9,
        "locked_or_damaged",
        "the run is locked by another process, or its state is damaged or for other input",
        (errors.RunLocked, errors.RunDamaged),
    ),
    ExitCode(
        130,
        "interrupted",
        "interrupted: the run is safe, `resume` continues",
        (KeyboardInterrupt,),
    ),
    ExitCode(
        141,
        "stdout_closed",
        "standard output was closed: the run is safe, `resume` continues",
        (StdoutClosed,),
    ),
    ExitCode(
        143,
        "terminated",
        "terminated: the run is safe, `resume` continues",
        (Terminated,),
    ),
)

_BY_ERROR = {error: row.code for row in TABLE for error in row.raised}
_BY_NAME = {row.name: row.code for row in TABLE}

OK = _BY_NAME["ok"]
UNEXPECTED = _BY_NAME["unexpected"]
USAGE = _BY_NAME["usage"]
SOME_FAILED = _BY_NAME["some_failed"]
INVALID_INPUT = _BY_NAME["invalid_input"]
REFUSED = _BY_NAME["refused"]
GAVE_UP = _BY_NAME["gave_up"]
STILL_RUNNING = _BY_NAME["still_running"]


def exit_code_for(error: BaseException) -> int:
    """The code of the nearest class of `error` that the table names; 1 where it names none."""
    for ancestor in type(error).__mro__:
        if ancestor in _BY_ERROR:
            return _BY_ERROR[ancestor]
    return UNEXPECTED

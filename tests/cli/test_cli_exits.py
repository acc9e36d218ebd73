"""Exit codes: the table, typed again, and which error means which code."""

import inspect

import pytest
from cli_process import Cli

from openai_batch import errors
from openai_batch.cli import exits
from openai_batch.cli.exits import StdoutClosed, Terminated, exit_code_for

CODES = {
    "Error": 1,
    "UsageError": 2,
    "InputInvalid": 5,
    "CeilingExceeded": 5,
    "ProviderError": 7,
    "CredentialsMissing": 4,
    "CredentialsRefused": 4,
    "ProviderRefused": 6,
    "NotFound": 6,
    "QuotaRefused": 7,
    "ProviderUnavailable": 7,
    "FilesLeft": 1,
    "GaveUp": 7,
    "OutcomeUnknown": 7,
    "StillRunning": 8,
    "RunLocked": 9,
    "RunDamaged": 9,
    "StorageError": 1,
}


def test_the_table_has_the_codes_of_the_manual() -> None:
    """Each code has one row, under the name that scripts and the manual use."""
    assert [(row.code, row.name) for row in exits.TABLE] == [
        (0, "ok"),
        (1, "unexpected"),
        (2, "usage"),
        (3, "some_failed"),
        (4, "credentials"),
        (5, "invalid_input"),
        (6, "refused"),
        (7, "gave_up"),
        (8, "still_running"),
        (9, "locked_or_damaged"),
        (130, "interrupted"),
        (141, "stdout_closed"),
        (143, "terminated"),
    ]


def test_every_error_has_its_code() -> None:
    """No class of errors.py is without a code, and each has the one that is promised."""
    classes = {
        name: kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.Error)
    }
    assert {name: exit_code_for(kind("it failed")) for name, kind in classes.items()} == CODES


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (StdoutClosed(), 141),
        (Terminated(), 143),
        (ZeroDivisionError(), 1),
        (OSError(), 1),
    ],
)
def test_what_is_no_error_of_ours_has_a_code_too(error: BaseException, code: int) -> None:
    """Signals have the shell's codes, and everything else is 1."""
    assert exit_code_for(error) == code


def test_help_lists_every_code(nobody: Cli) -> None:
    """`--help` ends with the exit codes."""
    lines = nobody("--help").stdout.decode().split("Exit codes:\n")[1].splitlines()
    listed = [int(line.split()[0]) for line in lines if line.split()[0].isdigit()]
    assert listed == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130, 141, 143]

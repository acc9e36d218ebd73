"""Inputs that hold something else than requests or prompts: told once, not for each line."""

import gzip

import pytest

from openai_batch.errors import Fault
from openai_batch.requests.wrong_file import not_text, results, spread_json, table

UTF16 = "the input is UTF-16 (PowerShell's `>` writes that); save it as UTF-8"
ARRAY = (
    "the input is a JSON array over several lines, and it needs one object a line: "
    "`jq -c '.[]'` writes it so"
)
SPREAD = (
    "the input is JSON over several lines, and it needs one object a line: `jq -c .` writes it so"
)
TABLE = (
    "not JSON Lines; write its prompts one a line, and `openai-batch create` makes requests out "
    "of them"
)


def told(head: bytes) -> str | None:
    """What is said of an input that begins so; it is about the first line, with one code."""
    fault = not_text(head) or spread_json(head) or results(head) or table(head)
    if fault is None:
        return None
    assert fault == Fault("invalid_json_line", fault.message, 1)
    return fault.message


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (gzip.compress(b"{}"), "the input is packed (gzip); unpack it first, with `gunzip -c`"),
        (b"PK\x03\x04\x14\0", "the input is packed (zip); unpack it first, with `unzip -p`"),
        (b"\x28\xb5\x2f\xfd$", "the input is packed (Zstandard); unpack it first, with `zstd -dc`"),
        (b"\x89PNG\r\n\x1a\n\0\0\xff", "the input is binary, not text; is it the right file?"),
        ('{"a": 1}'.encode("utf-16"), UTF16),
        ('{"a": 1}'.encode("utf-16-le"), UTF16),
        ("\ufeff{}".encode("utf-16-be"), UTF16),
        (b'[\n  {"a": 1}\n]\n', ARRAY),
        (b'\n[\n  {\n    "a": 1\n  }\n]\n', ARRAY),
        (b'[{"a": 1},\n{"a": 2}]\n', ARRAY),
        (b'[ {\n"a": 1},\n', ARRAY),
        (b'{\n  "a": 1\n}\n', SPREAD),
        (b'{"a": 1,\r\n "b": {}}\r\n', SPREAD),
        (
            b'{"id": "batch_req_1", "custom_id": "a", "response": {}, "error": null}\n',
            "the input holds results, not requests; `openai-batch retry RUN_ID` sends those "
            "requests again that failed",
        ),
        (b"custom_id,prompt\n1,hello\n", f"the input is CSV, {TABLE}"),
        (b'"id";"text"\n', f"the input is CSV, {TABLE}"),
        (b"id\tprompt\n", f"the input is tab-separated values, {TABLE}"),
    ],
)
def test_another_kind_of_file_is_told_once(head: bytes, message: str) -> None:
    """One fault says what the file is, and what to do about it."""
    assert told(head) == message


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\n\n",
        b"{}\n",
        b'{"custom_id": "a"\n{"custom_id": "b"}\n',
        b'{"custom_id": "a",\n{"custom_id": "b"}\n',
        b'[{"role": "user"}]\n[{"role": "user"}]\n',
        b'{"custom_id": "a", "response": {}, "method": "POST", "url": "/", "body": {}}\n',
        b"[INST] old habits,\n{it}\n",
        "Hello, 世界\n".encode(),
        b"Cats, dogs and 3 birds.\n",
        b"1,2\n",
        b"a\0b",
        b"caf\xe9",
    ],
)
def test_lines_that_may_be_meant_are_looked_at_one_by_one(head: bytes) -> None:
    """Only what cannot be a file of lines is refused as a whole."""
    assert told(head) is None

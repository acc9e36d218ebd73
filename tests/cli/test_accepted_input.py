"""What is odd and no fault: it is taken as it is, and what is sent is the user's own bytes."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from bad_inputs import body, line
from cli_process import Cli, chat

from openai_batch.cli.main import run_command

A, B, C = line("a"), line("b"), line("c")


@dataclass(frozen=True)
class Accepted:
    """An input, the bytes that reach the provider, and the answers in their order."""

    name: str
    content: bytes
    sent: bytes
    answers: tuple[tuple[str, str], ...] = (("a", "x"), ("b", "x"))


def says(custom_id: str, text: bytes) -> bytes:
    """A request whose text stands between the quotation marks as it is."""
    return line(custom_id, body=body()).replace(b'"content": "x"', b'"content": "' + text + b'"')


ACCEPTED = [
    Accepted("a byte order mark", b"\xef\xbb\xbf" + A + B, A + B),
    Accepted("CRLF", A[:-1] + b"\r\n" + B[:-1] + b"\r\n", A + B),
    Accepted("blank lines", b"\n \t\n" + A + b"\r\n\n" + B + b"\n\n", A + B),
    Accepted("no final newline", A + B[:-1], A + B),
    Accepted("spaces around", b"  " + A[:-1] + b" \t\n" + B, A + B),
    Accepted(
        "all of it, in a file of long lines and short ones",
        b"\xef\xbb\xbf\r\n" + A[:-1] + b" \r\n" + says("long", b"y" * 300_000) + b"\n" + C[:-1],
        A + says("long", b"y" * 300_000) + C,
        (("a", "x"), ("long", "y" * 300_000), ("c", "x")),
    ),
    Accepted(
        "text that is not ASCII",
        says("你", "héllo 世界 🎈".encode()),
        says("你", "héllo 世界 🎈".encode()),
        (("你", "héllo 世界 🎈"),),
    ),
    Accepted(
        "raw U+2028, U+2029 and U+0085",
        says("a\u2028", "1\u20282\u20293\u00854".encode()) + B,
        says("a\u2028", "1\u20282\u20293\u00854".encode()) + B,
        (("a\u2028", "1\u20282\u20293\u00854"), ("b", "x")),
    ),
    Accepted(
        "lone surrogates in escapes",
        says("a", b"\\ud83c and \\udf88").replace(b'"a"', b'"\\udfff"'),
        says("a", b"\\ud83c and \\udf88").replace(b'"a"', b'"\\udfff"'),
        (("\udfff", "\ud83c and \udf88"),),
    ),
    Accepted(
        "integers of seventy bits",
        line("a", body=body(seed=1180591620717411303424)),
        line("a", body=body(seed=1180591620717411303424)),
        (("a", "x"),),
    ),
    Accepted(
        "keys in any order, of any kind, with `stream` off",
        b'{"body":{"stream":false,"messages":[{"content":"x","role":"user"}],"model":"gpt-4o-mini",'
        b'"n":1.0e0},"url":"/v1/chat/completions","more":null,"method":"POST","custom_id":" a "}\n',
        b'{"body":{"stream":false,"messages":[{"content":"x","role":"user"}],"model":"gpt-4o-mini",'
        b'"n":1.0e0},"url":"/v1/chat/completions","more":null,"method":"POST","custom_id":" a "}\n',
        ((" a ", "x"),),
    ),
]


def last_input(provider: dict[str, str]) -> bytes:
    """The input file of the provider's newest batch."""

    def get(path: str) -> bytes:
        key = {"authorization": f"Bearer {provider['OPENAI_API_KEY']}"}
        with urlopen(Request(f"{provider['OPENAI_BASE_URL']}{path}", headers=key)) as answer:
            content: bytes = answer.read()
            return content

    [batch] = json.loads(get("/batches?limit=1"))["data"]
    return get(f"/files/{batch['input_file_id']}/content")


def answers(content: bytes) -> tuple[tuple[str, str], ...]:
    """Each result's custom_id and text."""
    results = [json.loads(result) for result in content.split(b"\n")[:-1]]
    return tuple(
        (result["custom_id"], result["response"]["body"]["choices"][0]["message"]["content"])
        for result in results
    )


@pytest.mark.parametrize("accepted", ACCEPTED, ids=lambda accepted: accepted.name)
def test_what_is_odd_is_sent_and_answered(
    tmp_path: Path,
    accepted: Accepted,
    echo: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The provider gets the requests' own bytes, and each has its answer in its place."""
    for name, value in (echo | {"OPENAI_BATCH_HOME": str(tmp_path / "state")}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    Path("in.jsonl").write_bytes(accepted.content)
    assert run_command(["run", "-q", "--interval", "0.05", "in.jsonl", "-o", "out.jsonl"]) == 0
    assert last_input(echo) == accepted.sent
    assert answers(Path("out.jsonl").read_bytes()) == accepted.answers


def test_what_few_parsers_hold_comes_through_create_and_run(cli: Cli) -> None:
    """Integers of seventy bits and lone surrogates are in the result as they were in the prompt."""
    metadata: dict[str, Any] = {"number": 1180591620717411303424, "text": "\ud83c"}
    prompt = {"input": "\udf88", "model": "gpt-5", "instructions": "Hm.", "metadata": metadata}
    created = cli("create", stdin=json.dumps(prompt).encode())
    assert created.code == 0
    address = cli.env["OPENAI_BASE_URL"]  # so named it is any server: OpenAI takes no such metadata
    ended = cli("run", "-q", "--interval", "0.1", "--base-url", address, stdin=created.stdout)
    assert ended.code == 0
    [answer] = [result["response"]["body"] for result in ended.records]
    assert answer["metadata"] == metadata
    assert answer["output"][0]["content"][0]["text"] == "\udf88"


MEASURED = """
import resource, sys
from openai_batch.cli.main import run_command
code = run_command(sys.argv[1:])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(peak * (1 if sys.platform == "darwin" else 1024), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="measures with the resource module")
def test_a_line_of_fifty_megabytes_is_a_request(cli: Cli) -> None:
    """It is sent and answered, in memory for a few copies of it."""
    cli.write("in.jsonl", chat("huge", "x" * 50_000_000), chat("small"))
    command = [sys.executable, "-c", MEASURED, "run", "-q", "--interval", "0.1", "in.jsonl"]
    ended = subprocess.run(
        [*command, "-o", "out.jsonl"],
        cwd=cli.cwd,
        env=cli.environment,
        capture_output=True,
        timeout=60,
        check=True,
    )
    (huge, text), small = answers((cli.cwd / "out.jsonl").read_bytes())
    assert (huge, len(text), small) == ("huge", 50_000_000, ("small", "hello"))
    assert int(ended.stderr) < 400_000_000

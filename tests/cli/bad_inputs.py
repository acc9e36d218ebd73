"""Inputs with faults, and every word that is said of them: data for test_bad_input."""

import gzip
import json
from dataclasses import dataclass
from typing import Any

CHAT = "/v1/chat/completions"
MODEL = "gpt-4o-mini"


@dataclass(frozen=True)
class Bad:
    """An input that is refused: its bytes, what is said of it, and what was asked for besides.

    `told` are the faults without the file's name, as in `:2: what is wrong [code]`; `total` is how
    the closing line begins.
    """

    name: str
    content: bytes
    told: tuple[str, ...]
    total: str = "1 fault in 1 line of in.jsonl"
    mend: str = "mend the lines named, and run this again"
    options: tuple[str, ...] = ()


def line(custom_id: str = "a", **fields: Any) -> bytes:
    """One request; a field that is `...` is left out."""
    request = {
        "custom_id": custom_id,
        "method": "POST",
        "url": CHAT,
        "body": {"model": MODEL, "messages": [{"role": "user", "content": "x"}]},
    }
    kept = {name: value for name, value in (request | fields).items() if value is not ...}
    return json.dumps(kept, ensure_ascii=False).encode() + b"\n"


def body(**fields: Any) -> dict[str, Any]:
    """The body of a request; a field that is `...` is left out."""
    whole = {"model": MODEL, "messages": [{"role": "user", "content": "x"}]} | fields
    return {name: value for name, value in whole.items() if value is not ...}


GOOD = line("good")
EMPTY = (
    ": the input holds no requests; is it the right one, and did what writes it succeed? "
    "[empty_file]"
)
ALL_ENDPOINTS = (
    "/v1/chat/completions, /v1/completions, /v1/embeddings, /v1/images/edits, "
    "/v1/images/generations, /v1/moderations, /v1/responses, /v1/videos"
)
FROM_PROMPTS = "`openai-batch create` makes requests out of prompts"
PICTURE = {"type": "image_url", "image_url": {"url": "cat.png"}}
OPEN_SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "any", "strict": True, "schema": {"type": "object"}},
}
RESULT = b'{"id": "batch_req_1", "custom_id": "a", "response": {}, "error": null}\n'


def second(name: str, bad_line: bytes, *told: str) -> Bad:
    """A good request, and a line with faults after it."""
    total = f"{len(told)} faults in 1 line of in.jsonl" if len(told) > 1 else Bad.total
    return Bad(name, GOOD + bad_line, tuple(f":2: {fault}" for fault in told), total)


LINES = [
    second(
        "broken JSON",
        b'{"custom_id": "a", "method"\n',
        "not valid JSON: unexpected end of data at column 28 "
        "(is it cut off, or spread over several lines?) [invalid_json_line]",
    ),
    second(
        "the last line cut off",
        GOOD[:-2],
        "not valid JSON: unexpected end of data at column 152 "
        "(is it cut off, or spread over several lines?) [invalid_json_line]",
    ),
    second(
        "a trailing comma",
        GOOD[:-2] + b",}\n",
        "not valid JSON: trailing comma is not allowed at column 152 [invalid_json_line]",
    ),
    second(
        "a raw tab in a string",
        GOOD.replace(b'"x"', b'"x\ty"'),
        "not valid JSON: unexpected control character in string at column 148 [invalid_json_line]",
    ),
    second(
        "nested without end",
        b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"\n",
        "not valid JSON: depth limit exceeded at column 5122 [invalid_json_line]",
    ),
    second(
        "two objects on a line",
        GOOD[:-1] + line("b"),
        "several JSON objects on one line; each request needs a line of its own "
        "[invalid_json_line]",
    ),
    second("a number", b"5\n", f"plain text, not a request; {FROM_PROMPTS} [invalid_json_line]"),
    second("a text", b'"x"\n', f"plain text, not a request; {FROM_PROMPTS} [invalid_json_line]"),
    second(
        "messages",
        b'[{"role": "user", "content": "x"}]\n',
        f"a JSON array, not a request; {FROM_PROMPTS} [invalid_json_line]",
    ),
    second(
        "an array of requests",
        b"[" + line("a")[:-1] + b", " + line("b")[:-1] + b"]\n",
        "a JSON array of requests; each needs a line of its own: `jq -c '.[]'` does that "
        "[invalid_json_line]",
    ),
    second(
        "a prompt",
        b'{"prompt": "Hello", "temperature": 0}\n',
        f"a prompt, not a request; {FROM_PROMPTS} [invalid_json_line]",
    ),
    second(
        "a result",
        RESULT,
        "a result, not a request; `openai-batch retry RUN_ID` sends what failed again "
        "[invalid_json_line]",
    ),
    second(
        "the record of a batch",
        b'{"id": "batch_1", "object": "batch"}\n',
        "the record of a batch; `openai-batch status` and `download` read it [invalid_json_line]",
    ),
    second(
        "a dict of Python's",
        b"{'custom_id': 'a'}\n",
        "a dict as Python prints it, not JSON; write it with json.dumps [invalid_json_line]",
    ),
    second(
        "NaN",
        line(body=body(top_p=float("nan"))),
        "not valid JSON: NaN is no number in JSON: write null, or leave it out [invalid_json_line]",
    ),
    second(
        "Infinity",
        line(body=body(top_p=float("-inf"))),
        "not valid JSON: -Infinity is no number in JSON: write null, or leave it out "
        "[invalid_json_line]",
    ),
    second(
        "Latin-1",
        GOOD.replace(b'"x"', b'"caf\xe9"'),
        "not valid UTF-8 at byte 150; save the input as UTF-8 [invalid_json_line]",
    ),
    second(
        "no custom_id",
        line(custom_id=...),  # type: ignore[arg-type]
        'the request has no `custom_id`; give it one, such as "line-1" '
        "[missing_required_parameter]",
    ),
    second(
        "an empty custom_id",
        line(""),
        "custom_id must be a string that is not empty, not '' [invalid_request]",
    ),
    second(
        "a number for a custom_id",
        line(7),  # type: ignore[arg-type]
        "custom_id must be a string that is not empty, not 7 [invalid_request]",
    ),
    second(
        "a repeated custom_id",
        line("good", body=body(seed=1)),
        "custom_id 'good' is that of line 1 too; results could not be told apart: "
        "give each request its own [duplicate_custom_id]",
    ),
    second(
        "two models",
        line(body=body(model="gpt-4o")),
        "model is 'gpt-4o', but line 1 has 'gpt-4o-mini'; this provider takes one model a batch: "
        "send the others as a run of their own [mismatched_model]",
    ),
    second(
        "two urls",
        line(url="/v1/embeddings", body={"model": MODEL, "input": "x"}),
        "url is /v1/embeddings, but line 1 has /v1/chat/completions; a run has one url: "
        "send the others as a run of their own [invalid_url]",
    ),
    second(
        "an unknown url",
        line(url="/v1/audio/speech"),
        f"url is '/v1/audio/speech'; this provider takes {ALL_ENDPOINTS} [invalid_url]",
    ),
    second(
        "a whole url",
        line(url="https://api.openai.com/v1/chat/completions"),
        "url is 'https://api.openai.com/v1/chat/completions'; "
        f"this provider takes {ALL_ENDPOINTS} [invalid_url]",
    ),
    second(
        "a wrong method",
        line(method="GET"),
        "method must be \"POST\", not 'GET' [invalid_method]",
    ),
    second(
        "no method",
        line(method=...),
        'the request has no `method`; give it one, such as "POST" [missing_required_parameter]',
    ),
    second(
        "no url",
        line(url=...),
        'the request has no `url`; give it one, such as "/v1/chat/completions" '
        "[missing_required_parameter]",
    ),
    second(
        "no body",
        line(body=...),
        'the request has no `body`; give it one, such as {"model": …, "messages": […]} '
        "[missing_required_parameter]",
    ),
    second(
        "a body in quotes",
        line(body=json.dumps({"model": MODEL})),
        'body must be an object, not \'{"model": "gpt-4o-mini"}\' [invalid_request]',
    ),
    second(
        "no model",
        line(body=body(model=...)),
        "the body has no `model`, which /chat/completions needs [invalid_request]",
    ),
    second(
        "no messages",
        line(body=body(messages=...)),
        "the body has no `messages`, which /chat/completions needs [invalid_request]",
    ),
    second(
        "empty messages",
        line(body=body(messages=[])),
        "`messages` is []; /chat/completions wants a list with a message at least "
        "[invalid_request]",
    ),
    second(
        "a stream",
        line(body=body(stream=True)),
        "a batch cannot stream; leave `stream` out of the body [streaming_unsupported]",
    ),
    second(
        "a misspelt parameter",
        line(body=body(temprature=0)),
        "`temprature` is no parameter; is `temperature` meant? [invalid_request]",
    ),
    second(
        "values out of their ranges",
        line(body=body(n=200, temperature="hot")),
        "`temperature` is 'hot'; /chat/completions wants a number from 0 to 2 [invalid_request]",
        "`n` is 200; /chat/completions wants a whole number from 1 to 128 [invalid_request]",
    ),
    second(
        "a picture's path",
        line(body=body(messages=[{"role": "user", "content": [PICTURE]}])),
        "`messages[0].content[0].image_url.url` is 'cat.png', which is neither a web address nor "
        "a data URL: `openai_batch.data_url(path)` makes one of a file [invalid_request]",
    ),
    second(
        "an open schema in strict mode",
        line(body=body(response_format=OPEN_SCHEMA)),
        "`response_format.json_schema.schema.additionalProperties` must be false in strict mode "
        "[invalid_request]",
    ),
    second(
        "a custom_id alone",
        b'{"custom_id": "a"}\n',
        'the request has no `method`; give it one, such as "POST" [missing_required_parameter]',
        'the request has no `url`; give it one, such as "/v1/chat/completions" '
        "[missing_required_parameter]",
        'the request has no `body`; give it one, such as {"model": …, "messages": […]} '
        "[missing_required_parameter]",
    ),
]

NO_INPUT = {"total": "1 fault in in.jsonl", "mend": "name another input"}

FILES = [
    Bad("an empty file", b"", (EMPTY,), **NO_INPUT),
    Bad("nothing but blank lines", b"\xef\xbb\xbf\r\n \t\n", (EMPTY,), **NO_INPUT),
    Bad(
        "a JSON array",
        b"[\n" + line("a")[:-1] + b",\n" + line("b") + b"]\n",
        (
            ":1: the input is a JSON array over several lines, and it needs one object a line: "
            "`jq -c '.[]'` writes it so [invalid_json_line]",
        ),
    ),
    Bad(
        "pretty-printed JSON",
        json.dumps(json.loads(GOOD), indent=2).encode(),
        (
            ":1: the input is JSON over several lines, and it needs one object a line: "
            "`jq -c .` writes it so [invalid_json_line]",
        ),
    ),
    Bad(
        "results",
        RESULT * 3,
        (
            ":1: the input holds results, not requests; `openai-batch retry RUN_ID` sends those "
            "requests again that failed [invalid_json_line]",
        ),
    ),
    Bad(
        "CSV",
        b"id,prompt\r\n1,Hello\r\n2,Bye\r\n",
        (
            ":1: the input is CSV, not JSON Lines; write its prompts one a line, and "
            "`openai-batch create` makes requests out of them [invalid_json_line]",
        ),
    ),
    Bad(
        "UTF-16",
        (GOOD * 3).decode().encode("utf-16"),
        (
            ":1: the input is UTF-16 (PowerShell's `>` writes that); save it as UTF-8 "
            "[invalid_json_line]",
        ),
    ),
    Bad(
        "gzip",
        gzip.compress(GOOD),
        (":1: the input is packed (gzip); unpack it first, with `gunzip -c` [invalid_json_line]",),
    ),
    Bad(
        "an image",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff",
        (":1: the input is binary, not text; is it the right file? [invalid_json_line]",),
    ),
    Bad(
        "prompts as plain text",
        b"Say ping.\nSay pong.\n",
        (
            f":1: plain text, not a request; {FROM_PROMPTS} [invalid_json_line]",
            f":2: plain text, not a request; {FROM_PROMPTS} [invalid_json_line]",
        ),
        "2 faults in 2 lines of in.jsonl",
    ),
    Bad(
        "a request above the user's own size of a shard",
        line(body=body(user="x" * 100)),
        (
            ":1: the request has 261 bytes, and at most 199 can be sent; shorten it or split it "
            "[request_too_large]",
        ),
        options=("--shard-bytes", "200"),
    ),
]

EVERYTHING = Bad(
    "all faults at once",
    b"\xef\xbb\xbf"
    + GOOD
    + b"\r\n"
    + line("good", method="PUT")
    + b"{oops\n"
    + line("b")
    + b"\n"
    + line("b", body=body(model="gpt-4o", stream=True))
    + b'{"prompt": "x"}\n'
    + line("c", url="/v1/embeddings", body={})
    + line("b"),
    (
        ":3: method must be \"POST\", not 'PUT' [invalid_method]",
        ":3: custom_id 'good' is that of line 1 too; results could not be told apart: "
        "give each request its own [duplicate_custom_id]",
        ":4: not valid JSON: unexpected character, expected a string key at column 2 "
        "[invalid_json_line]",
        ":7: a batch cannot stream; leave `stream` out of the body [streaming_unsupported]",
        ":7: model is 'gpt-4o', but line 1 has 'gpt-4o-mini'; this provider takes one model a "
        "batch: send the others as a run of their own [mismatched_model]",
        ":7: custom_id 'b' is that of line 5 too; results could not be told apart: "
        "give each request its own [duplicate_custom_id]",
        f":8: a prompt, not a request; {FROM_PROMPTS} [invalid_json_line]",
        ":9: url is /v1/embeddings, but line 1 has /v1/chat/completions; a run has one url: "
        "send the others as a run of their own [invalid_url]",
        ":9: the body has no `model`, which /embeddings needs [invalid_request]",
        ":9: the body has no `input`, which /embeddings needs [invalid_request]",
        ":10: custom_id 'b' is that of line 5 too; results could not be told apart: "
        "give each request its own [duplicate_custom_id]",
    ),
    "11 faults in 6 lines of in.jsonl",
)

BAD_INPUTS = [*LINES, *FILES, EVERYTHING]


@dataclass(frozen=True)
class Refused:
    """Arguments that are refused before anything is read; `{here}` is the working directory."""

    name: str
    arguments: tuple[str, ...]
    told: str
    code: int = 2


BAD_ARGUMENTS = [
    Refused(
        "a missing file",
        ("run", "nothing.jsonl"),
        "cannot read nothing.jsonl: No such file or directory",
    ),
    Refused("a directory", ("run", "folder"), "cannot read folder: Is a directory"),
    Refused(
        "a missing file of prompts",
        ("create", "nothing.txt"),
        "cannot read nothing.txt: No such file or directory",
    ),
    Refused(
        "an output that exists",
        ("run", "in.jsonl", "-o", "taken"),
        "{here}/taken exists: --force replaces it, --output-file names another",
    ),
    Refused(
        "an error file that exists",
        ("run", "in.jsonl", "-e", "taken"),
        "{here}/taken exists: --force replaces it, --output-file names another",
    ),
    Refused(
        "an output in no folder",
        ("run", "in.jsonl", "-o", "no/x"),
        "{here}/no/x cannot be written: there is no folder {here}/no",
    ),
    Refused(
        "an output under a file",
        ("run", "in.jsonl", "-o", "taken/x"),
        "{here}/taken/x cannot be written: there is no folder {here}/taken",
    ),
    Refused(
        "an output that is a folder",
        ("run", "in.jsonl", "-o", "folder"),
        "{here}/folder is a folder: name a file in it",
    ),
    Refused(
        "an output that is the input",
        ("run", "in.jsonl", "-o", "in.jsonl", "--force"),
        "{here}/in.jsonl is the input: name another file for what comes back",
    ),
    Refused(
        "requests in no folder",
        ("create", "in.jsonl", "no/x"),
        "{here}/no/x cannot be written: there is no folder {here}/no",
    ),
    Refused(
        "requests to a folder",
        ("create", "in.jsonl", "folder"),
        "{here}/folder is a folder: name a file in it",
    ),
    Refused(
        "requests over their prompts",
        ("create", "in.jsonl", "in.jsonl"),
        "in.jsonl is the input: name another file for the requests",
    ),
    Refused(
        "no key",
        ("run", "in.jsonl", "-p", "parasail"),
        "Parasail needs a key: set PARASAIL_API_KEY, or pass --api-key",
        4,
    ),
    Refused(
        "no key, with -c",
        ("run", "-c", "in.jsonl", "-p", "parasail"),
        "Parasail needs a key: set PARASAIL_API_KEY, or pass --api-key",
        4,
    ),
]

TEXT = "say --text if the lines are plain text"

BAD_PROMPTS = [
    Bad(
        "faults of every kind",
        b'Hello\n{"prompt": "x"\n{"text": "x"}\n"fine"\ncaf\xe9\n{"prompt": "x", "n": NaN}\n'
        b'{"prompt": "x", "custom_id": 5}\n{"prompt": "x", "custom_id": "line-1"}\n'
        b'{"url": "/v1/x", "body": {}}\n{"prompt": "x", "messages": []}\n',
        (
            ":2: not valid JSON: unexpected end of data at column 15 (is it cut off, or spread "
            f"over several lines?); {TEXT} [invalid_json_line]",
            ":3: none of `prompt`, `messages`, `input`, `text_1` and `documents` is there: "
            "name one of them, or say --text if the line is plain text [invalid_request]",
            ":5: not valid UTF-8 at byte 4; save the input as UTF-8 [invalid_json_line]",
            ":6: not valid JSON: NaN is no number in JSON: write null, or leave it out; "
            f"{TEXT} [invalid_json_line]",
            ":7: custom_id must be a string that is not empty, not 5 [invalid_request]",
            ":8: lines 1 and 8 would both be 'line-1': one brings that custom_id, the other is "
            "given it; choose another --custom-id-prefix [duplicate_custom_id]",
            ':9: the request has no `custom_id`; give it one, such as "line-1" '
            "[missing_required_parameter]",
            ":10: `prompt` and `messages` are both there, and a request takes one of them "
            "[invalid_request]",
        ),
        "8 faults in 8 lines of in.jsonl",
    ),
    Bad(
        "a JSON array",
        b'[\n  {"prompt": "x"}\n]\n',
        (
            ":1: the input is a JSON array over several lines, and it needs one object a line: "
            "`jq -c '.[]'` writes it so [invalid_json_line]",
        ),
    ),
    Bad(
        "gzip",
        gzip.compress(b"Hello\n"),
        (":1: the input is packed (gzip); unpack it first, with `gunzip -c` [invalid_json_line]",),
    ),
    Bad(
        "UTF-16 in spite of --text",
        "Hello\n".encode("utf-16"),
        (
            ":1: the input is UTF-16 (PowerShell's `>` writes that); save it as UTF-8 "
            "[invalid_json_line]",
        ),
        options=("--text",),
    ),
    Bad(
        "results",
        RESULT * 3,
        (
            ":1: the input holds results, not requests; `openai-batch retry RUN_ID` sends those "
            "requests again that failed [invalid_json_line]",
        ),
    ),
]

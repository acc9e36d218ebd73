"""`openai-batch sample`, as a process."""

import signal

import pytest
from cli_process import Cli, stop

LINES = b"".join(b'{"prompt":"%d"}\n' % number for number in range(1_000))


def test_a_sample_of_a_pipe_and_of_a_file(nobody: Cli) -> None:
    """Lines come in their order; a seed repeats them, and is told where none was given."""
    (nobody.cwd / "in.jsonl").write_bytes(LINES)
    piped = nobody("sample", "-n", "3", stdin=LINES)
    seed = piped.stderr.removeprefix("3 of 1000 lines drawn; the same again: --seed ").strip()
    numbers = [int(record["prompt"]) for record in piped.records]
    assert (piped.code, numbers, len(set(numbers))) == (0, sorted(numbers), 3)
    again = nobody(*("sample", "in.jsonl", "-n", "3", "--seed", seed, "-o", "out.jsonl", "--quiet"))
    assert (again.code, again.stdout, again.stderr) == (0, b"", "")
    assert (nobody.cwd / "out.jsonl").read_bytes() == piped.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "say how many lines to draw: either -n 100 or --fraction 0.01"),
        (["-n", "1", "--fraction", "1"], "say how many lines to draw"),
        (["--fraction", "2"], "'2' is not a number from 0 to 1, such as 0.01"),
        (["-n", "1", "-o", "in.jsonl"], "in.jsonl exists: --force replaces it"),
        (["-n", "1", "-o", "in.jsonl", "--force"], "in.jsonl is an input: name another file"),
    ],
)
def test_what_cannot_be_drawn_is_a_wrong_usage(
    nobody: Cli, arguments: list[str], told: str
) -> None:
    """Exit 2, nothing on standard output, and the input stays as it was."""
    (nobody.cwd / "in.jsonl").write_bytes(LINES)
    ended = nobody("sample", "in.jsonl", *arguments)
    assert (ended.code, ended.stdout) == (2, b"")
    assert told in ended.stderr
    assert (nobody.cwd / "in.jsonl").read_bytes() == LINES


def test_a_part_of_a_broken_input_does_not_look_whole(nobody: Cli) -> None:
    """Exit 5: no file appears, and a pipe ends in the middle of a line."""
    broken = LINES * 200 + b'{"prompt":'
    ended = nobody("sample", "--fraction", "1", stdin=broken)
    last = ended.stdout.split(b"\n")[-1]
    assert (ended.code, broken.startswith(ended.stdout)) == (5, True)
    assert last
    assert last not in LINES.splitlines()
    assert ended.stderr.splitlines() == [
        "stdin:200001: the input breaks off in the middle of this line; did what writes it fail? "
        "[invalid_json_line]",
        "openai-batch: standard input cannot be used as it is: mend it, and run this again",
    ]
    assert nobody("sample", "-n", "9", "-o", "out.jsonl", stdin=broken).code == 5
    assert list(nobody.cwd.iterdir()) == []


def test_it_may_be_interrupted_while_it_waits(nobody: Cli) -> None:
    """Ctrl-C while the pipe has nothing yet: 130, and no file is left."""
    process = nobody.start("sample", "-n", "1", "-o", "out.jsonl")
    assert process.stdin is not None
    process.stdin.write(LINES * 20)  # more than a pipe holds: it is being read
    process.stdin.flush()
    ended = stop(process, signal.SIGINT)
    assert (ended.code, ended.stdout, list(nobody.cwd.iterdir())) == (130, b"", [])

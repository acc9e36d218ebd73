"""What a run used and cost, wherever a run is told of."""

import re

from cli_process import Cli, chat

PRICE = ("--price-in", "500", "--price-out", "2000")
FIVE = {
    "input_tokens": 5,
    "output_tokens": 5,
    "total_tokens": 10,
    "cached_tokens": 0,
    "reasoning_tokens": 0,
}


def test_what_a_run_cost_is_told_everywhere(cli: Cli) -> None:
    """The closing line, the record and `status` agree; `list` has a column of it on a terminal."""
    body = {"max_completion_tokens": 4}
    requests = [chat("a", "two words"), chat("b", "these three words")]
    cli.write("in.jsonl", *({**one, "body": one["body"] | body} for one in requests))
    ended = cli("run", "--interval", "0.1", *PRICE, "in.jsonl", "-o", "out.jsonl")
    (record,) = ended.records
    assert (record["usage"], record["cost_usd"], record["realtime_cost_usd"]) == (
        FIVE,
        0.0125,
        None,
    )
    assert record["estimate"]["tokens"]["output_max"] == 8
    used = "; 10 tokens, $0.013 (estimated $0.0095 to $0.025); results in "
    assert "2 requests: 2 succeeded, 0 failed, 0 missing" + used in ended.stderr
    told = cli("status", record["run_id"]).records[0]
    assert (told["usage"], told["cost_usd"]) == (FIVE, 0.0125)
    screen = cli.on_terminal("list", columns=160).stdout.decode()
    assert re.search(r"tokens +cost +input", re.sub(r"\x1b\[[0-9;]*m", "", screen))
    assert re.search(r" 10 +\$0\.013 +in\.jsonl", screen)

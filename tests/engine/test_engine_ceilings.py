"""Ceilings that the user sets: what is refused before anything is sent, and in which words."""

import contextlib
import io
from decimal import Decimal
from typing import Any

import pytest
from engine_fakes import Bench, jsonl

from openai_batch.engine.ceilings import Ceilings
from openai_batch.engine.journal import RunInfo
from openai_batch.engine.plan import Settings
from openai_batch.engine.rehearsal import dry_run
from openai_batch.engine.runs import open_journal
from openai_batch.errors import CeilingExceeded
from openai_batch.requests.price import given_price

PRICE = given_price("1", "10")


def requests(*bodies: dict[str, Any]) -> bytes:
    """Requests of a model whose encoding is known: each has eight tokens."""
    whole = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}
    return jsonl(
        {
            "custom_id": f"r{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {**whole, **body},
        }
        for number, body in enumerate(bodies, 1)
    )


def info_of(bench: Bench, run_id: str) -> RunInfo:
    """What was recorded of a run."""
    with contextlib.closing(open_journal(bench.place, run_id)) as journal:
        return journal.info


TWO = requests({"max_completion_tokens": 92}, {"max_completion_tokens": 92})
"""200 tokens, which cost up to $0.001856."""
OPEN = requests({"max_completion_tokens": 92}, {})
IMAGE = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
SEEING = requests({"max_tokens": 9, "messages": [{"role": "user", "content": IMAGE}]})
UNBOUNDED = (
    "the request on line 2 has no ceiling for its answer (`openai-batch create --param "
    "max_completion_tokens=500` gives each one; for /v1/responses it is max_output_tokens)"
)


@pytest.mark.parametrize(
    ("content", "ceilings", "message"),
    [
        (TWO, Ceilings(requests=1), "2 requests are more than --max-requests 1"),
        (
            TWO,
            Ceilings(tokens=199),
            "up to 200 tokens (16 in, 184 out) are more than --max-tokens 199",
        ),
        (
            TWO,
            Ceilings(cost=Decimal("0.001855")),
            "up to $0.001856 is more than --max-cost $0.001855",
        ),
        (OPEN, Ceilings(tokens=10**9), f"--max-tokens cannot be kept: {UNBOUNDED}"),
        (OPEN, Ceilings(cost=Decimal(10**9)), f"--max-cost cannot be kept: {UNBOUNDED}"),
        (
            SEEING,
            Ceilings(cost=Decimal(10**9)),
            "--max-cost cannot be kept: the request on line 1 holds an image, a file, a search or "
            "something stored, whose size in tokens only the provider knows: try some first "
            "(`openai-batch sample`), and see what they cost",
        ),
        (
            TWO,
            Ceilings(cost=Decimal(0), tokens=1, requests=1),
            "2 requests are more than --max-requests 1; up to 200 tokens (16 in, 184 out) are more "
            "than --max-tokens 1; up to $0.001856 is more than --max-cost $0",
        ),
    ],
)
def test_what_is_above_a_ceiling_is_not_sent(
    bench: Bench, content: bytes, ceilings: Ceilings, message: str
) -> None:
    """The error says what it needs, what was allowed, and how to give what has no bound one."""
    with pytest.raises(CeilingExceeded) as raised:
        bench.plan(content, ceilings=ceilings, price=PRICE)
    assert str(raised.value) == f"{message}; nothing was sent"
    assert list(bench.place.runs.iterdir()) == []


def test_a_ceiling_may_be_reached(bench: Bench) -> None:
    """Exactly as much as was allowed is sent."""
    ceilings = Ceilings(cost=Decimal("0.001856"), tokens=200, requests=2)
    run_id = bench.plan(TWO, ceilings=ceilings, price=PRICE)
    info = info_of(bench, run_id)
    assert (info.max_cost_usd, info.max_tokens) == ("0.001856", 200)
    assert info.estimate == {
        "tokens": {"input": 16, "input_max": 16, "output_max": 184, "estimate": False},
        "cost_usd": {"low": 0.000016, "high": 0.001856},
    }


def test_a_cost_without_a_price_cannot_be_kept(bench: Bench) -> None:
    """A price that is not known is not taken to be low: the error asks for it."""
    with pytest.raises(CeilingExceeded) as raised:
        bench.plan(TWO, ceilings=Ceilings(cost=Decimal(100)))
    assert "has no price of gpt-4o at http://p/v1; give the provider's own with" in str(
        raised.value
    )
    assert "--price-in and --price-out" in str(raised.value)
    bench.plan(TWO, ceilings=Ceilings(tokens=200))


def test_the_price_list_is_asked_for_the_provider(bench: Bench) -> None:
    """A run at OpenAI's address has OpenAI's price of batches, and the standard price beside it."""
    bench.row.base_url = "https://api.openai.com/v1"
    prices = info_of(bench, bench.plan(TWO)).prices
    assert prices["gpt-4o"]["processing"] == "batch"
    assert prices["gpt-4o"]["input"] == ["1.25"]
    assert prices["gpt-4o"]["standard"]["input"] == ["2.5"]


def test_a_dry_run_tells_of_ceilings(bench: Bench) -> None:
    """It has the whole record, and the error that a run would stop with."""
    record, refused = dry_run(
        io.BytesIO(TWO),
        input_name=None,
        provider_for=lambda model: bench.row,
        settings=Settings(ceilings=Ceilings(requests=1), price=PRICE),
        place=bench.place,
    )
    assert record["cost_usd"] == {"low": 0.000016, "high": 0.001856}
    assert isinstance(refused, CeilingExceeded)


def test_every_request_is_counted_where_a_ceiling_depends_on_it(bench: Bench) -> None:
    """One that no sample would have found is enough to be refused."""
    many = [{"max_completion_tokens": 9, "user": "u" * 100_000}] * 80 + [{}]
    assert len(requests(*many)) > 8_000_000  # twice what a run without ceilings looks at
    with pytest.raises(CeilingExceeded, match="the request on line 81 has no ceiling"):
        bench.plan(requests(*many), ceilings=Ceilings(tokens=10**9))

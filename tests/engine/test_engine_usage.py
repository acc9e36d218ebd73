"""Tokens, as results and batches tell them: every dialect, no trust, one sum however it is read."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openai_batch.engine.entries import ModelUsage
from openai_batch.engine.results import parse_result, succeeded
from openai_batch.engine.spool import Outcome
from openai_batch.engine.tokens import told_by_batch
from openai_batch.engine.usage import Meter
from openai_batch.requests.price import Price, Rate

NOTHING = None

USAGES: dict[str, tuple[Any, tuple[int, ...] | None]] = {
    "chat": (
        {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        (10, 5, 15, 0, 0, 0),
    ),
    "chat with details": (
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2, "audio": 0},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
        (10, 5, 15, 4, 2, 3),
    ),
    "responses": (
        {
            "input_tokens": 10,
            "output_tokens": 5,
            "total_tokens": 15,
            "input_tokens_details": {"cached_tokens": 4},
            "output_tokens_details": {"reasoning_tokens": 3},
        },
        (10, 5, 15, 4, 0, 3),
    ),
    "embeddings": ({"prompt_tokens": 8, "total_tokens": 8}, (8, 0, 8, 0, 0, 0)),
    "embeddings, output null": (
        {"prompt_tokens": 8, "completion_tokens": None, "total_tokens": 8},
        (8, 0, 8, 0, 0, 0),
    ),
    "rerank, a total only": ({"total_tokens": 9}, (9, 0, 9, 0, 0, 0)),
    "no total": ({"prompt_tokens": 10, "completion_tokens": 5}, (10, 5, 15, 0, 0, 0)),
    "xAI, reasoning beside the output": (
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 22,
            "completion_tokens_details": {"reasoning_tokens": 7},
        },
        (10, 12, 22, 0, 0, 7),
    ),
    "thinking only in the total": (
        {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 915},
        (10, 905, 915, 0, 0, 0),
    ),
    "nothing but zeros": (
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        NOTHING,
    ),
    "zeros beside the other dialect": (
        {
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "input_tokens": 50,
            "output_tokens": 60,
            "total_tokens": 110,
        },
        (50, 60, 110, 0, 0, 0),
    ),
    "both dialects at once": (
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "input_tokens": 10,
            "output_tokens": 5,
        },
        (10, 5, 15, 0, 0, 0),
    ),
    "details null": (
        {
            "prompt_tokens": 1,
            "completion_tokens": 2,
            "total_tokens": 3,
            "prompt_tokens_details": None,
            "completion_tokens_details": {"reasoning_tokens": None},
        },
        (1, 2, 3, 0, 0, 0),
    ),
    "details of other kinds": (
        {
            "prompt_tokens": 1,
            "completion_tokens": 2,
            "total_tokens": 3,
            "prompt_tokens_details": [7],
            "completion_tokens_details": {"reasoning_tokens": "many"},
        },
        (1, 2, 3, 0, 0, 0),
    ),
    "a total that is too small": (
        {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 1},
        (10, 5, 15, 0, 0, 0),
    ),
    "half in one dialect": (
        {"completion_tokens": 5, "input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        (0, 5, 5, 0, 0, 0),
    ),
    "null": (None, NOTHING),
    "a list": ([1, 2], NOTHING),
    "empty": ({}, NOTHING),
    "input alone": ({"prompt_tokens": 10}, NOTHING),
    "texts": ({"prompt_tokens": "10", "completion_tokens": "5"}, NOTHING),
    "floats": ({"prompt_tokens": 10.0, "completion_tokens": 5.0}, NOTHING),
    "booleans": ({"prompt_tokens": True, "completion_tokens": True}, NOTHING),
    "negative": ({"prompt_tokens": -10, "completion_tokens": 5}, NOTHING),
    "absurd": ({"prompt_tokens": 10**30, "completion_tokens": 5}, NOTHING),
}


def line(usage: Any, model: Any = "m", error: Any = None) -> bytes:
    """A success with this usage. Where `error` is false, it is read the slow and careful way."""
    response = {"status_code": 200, "body": {"model": model, "usage": usage}}
    return json.dumps({"custom_id": "a", "response": response, "error": error}).encode() + b"\n"


def metered(lines: list[bytes], model: str | None = "m", **prices: Price) -> tuple[Any, int]:
    """What a meter shows for these lines, read one by one."""
    meter = Meter(model, prices)
    for each in lines:
        result = parse_result(each)
        assert result is not None and result.outcome == Outcome.SUCCEEDED
        meter.add(result.answer, succeeded=True)
    return meter.sums(), meter.unmetered


@pytest.mark.parametrize("name", USAGES)
def test_a_usage_is_read_in_every_dialect(name: str) -> None:
    """What is no number of tokens is not given; what cannot be told is unmetered, not nothing."""
    usage, expected = USAGES[name]
    shown = ((ModelUsage("m", 0, *expected),), 0) if expected else ((), 1)
    assert metered([line(usage)]) == metered([line(usage, error=False)]) == shown
    if successes := succeeded(line(usage)):
        meter = Meter("m", {})
        meter.add_all(successes[1])
        assert (meter.sums(), meter.unmetered) == shown


def test_a_body_that_is_a_text_of_json_tells_its_tokens() -> None:
    """Some servers send it so; a text of anything else tells nothing."""
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    texts = json.dumps({"model": "m", "usage": usage}), "{", "[]", '"x"'
    lines = [
        json.dumps({"custom_id": "a", "response": {"status_code": 200, "body": text}}).encode()
        for text in texts
    ]
    assert metered(lines) == ((ModelUsage("m", 0, 10, 5, 15, 0, 0, 0),), 3)


# --- many at a time -----------------------------------------------------------------------------

NUMBER = st.integers(0, 60)
ODD = st.sampled_from([None, -1, 0, 10**9, 10**9 + 1, 2**64, 1.0, 1.5, True, "7", [], {}])
ANY = st.one_of(NUMBER, ODD)
DETAILS = st.one_of(
    st.fixed_dictionaries(
        {}, optional={n: ANY for n in ("cached_tokens", "cache_write_tokens", "reasoning_tokens")}
    ),
    ODD,
)
SIDES = [("prompt_tokens", "completion_tokens"), ("input_tokens", "output_tokens")]


@st.composite
def consistent(draw: Any) -> dict[str, Any]:
    """A usage as providers mean it; its total may count reasoning once more."""
    taken, made = draw(st.sampled_from(SIDES))
    reasoning, beside = draw(NUMBER), draw(st.booleans())
    usage = {taken: draw(NUMBER), made: draw(NUMBER)}
    usage["total_tokens"] = sum(usage.values()) + beside * reasoning
    if draw(st.booleans()):
        usage[f"{made}_details"] = {"reasoning_tokens": reasoning}
        usage[f"{taken}_details"] = {"cached_tokens": draw(NUMBER), "cache_write_tokens": 1}
    return usage


ANY_USAGE = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys((*SIDES[0], *SIDES[1], "total_tokens"), ANY),
            **{f"{name}_details": DETAILS for name in (*SIDES[0], *SIDES[1])},
        },
    ),
    ODD,
)
MODELS = st.sampled_from(["m", "m-2026-01-31", "other", None, 7])
TIERED = Price(
    "m",
    "batch",
    Rate(Decimal(1), ((20, Decimal(2)),)),
    Rate(Decimal(5), ((40, Decimal(9)),)),
)


@settings(max_examples=300)
@given(
    usages=st.one_of(
        st.lists(consistent(), min_size=1, max_size=6),
        st.lists(st.one_of(consistent(), ANY_USAGE), min_size=1, max_size=6),
    ),
    names=st.one_of(st.just(["m"]), st.lists(MODELS, min_size=1, max_size=3)),
    model=st.sampled_from(["m", None]),
    prices=st.sampled_from([{}, {"m": TIERED}]),
)
def test_many_at_a_time_are_what_they_are_one_by_one(
    usages: list[Any], names: list[Any], model: str | None, prices: Mapping[str, Price]
) -> None:
    """Whole blocks, single lines and the careful way come to the same sums."""
    told = [(usage, names[number % len(names)]) for number, usage in enumerate(usages)]
    lines = [line(*each) for each in told]
    carefully = metered([line(*each, error=False) for each in told], model, **prices)
    assert metered(lines, model, **prices) == carefully
    if successes := succeeded(b"".join(lines)):
        meter = Meter(model, prices)
        meter.add_all(successes[1])
        assert (meter.sums(), meter.unmetered) == carefully


def test_sums_are_kept_apart_by_model_and_by_tier() -> None:
    """A request of exactly a tier's start is below it; a snapshot counts as what was asked for."""
    of = [("m", 20), ("m-2026-01-31", 21), ("m-mini", 5), ("m", 41), (None, 1)]
    lines = [line({"prompt_tokens": taken, "total_tokens": taken}, name) for name, taken in of]
    sums, _ = metered(lines, None, m=TIERED)
    assert {(one.model, one.above): one.input_tokens for one in sums} == {
        ("m", 0): 20,
        ("m", 20): 21,
        ("m", 40): 41,
        ("m-mini", 0): 5,
        (None, 0): 1,
    }


def test_a_provider_cannot_make_up_models_without_end() -> None:
    """After a hundred names the rest goes under none."""
    lines = [line({"total_tokens": 1}, f"m{number}") for number in range(150)]
    sums, _ = metered(lines, None)
    assert len(sums) == 101
    assert {one.model: one.input_tokens for one in sums}[None] == 50


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {
                "input_tokens": 10,
                "input_tokens_details": {"cached_tokens": 4},
                "output_tokens": 5,
                "output_tokens_details": {"reasoning_tokens": 3},
                "total_tokens": 15,
            },
            (10, 5, 15, 4, 0, 3),
        ),
        ({"prompt_tokens": 3 * 10**10, "completion_tokens": 5}, (3 * 10**10, 5, 30000000005)),
        ({"input_tokens": 10, "output_tokens": 5, "total_tokens": 915}, (10, 905, 915)),
        ({"input_tokens": 10, "output_tokens": 5, "total_tokens": 1}, (10, 5, 15)),
        ({"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}, None),
        ({"input_tokens": 10}, None),
        ({"total_tokens": 10}, None),
        ({"input_tokens": "10", "output_tokens": -1}, None),
        ({"input_tokens": 1, "output_tokens": 2, "input_tokens_details": 3}, (1, 2, 3)),
        ([], None),
        (None, None),
    ],
)
def test_a_batch_tells_its_own_sum(usage: Any, expected: tuple[int, ...] | None) -> None:
    """As OpenAI does; zeros alone, or one side alone, tell nothing."""
    told = told_by_batch(usage)
    assert (told and told[: len(expected or ())]) == expected

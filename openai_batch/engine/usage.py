"""The tokens that results say they took, read in every dialect and summed by model.

A provider's numbers are never trusted: what is no number of tokens counts as not given. Sums are
kept apart where a long request has another price, so that they can be priced like one request.
"""

import re
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from operator import add, attrgetter
from typing import Annotated, Any

import msgspec

from ..requests.price import Price
from .entries import ModelUsage
from .tokens import CHAT, RESPONSES, Tokens, added, count

MOST_TOKENS = 10**9
"""No request takes more; a larger number is none."""

_Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_TOKENS)] | None


class Details(msgspec.Struct, gc=False):
    """Which of one side's tokens were of a special sort."""

    cached_tokens: _Count = None
    cache_write_tokens: _Count = None
    reasoning_tokens: _Count = None


class Usage(msgspec.Struct, gc=False):
    """The `usage` of one result: chat, completions and embeddings say prompt and completion, the
    Responses API says input and output."""

    prompt_tokens: _Count = None
    completion_tokens: _Count = None
    total_tokens: _Count = None
    prompt_tokens_details: Details | None = None
    completion_tokens_details: Details | None = None
    input_tokens: _Count = None
    output_tokens: _Count = None
    input_tokens_details: Details | None = None
    output_tokens_details: Details | None = None


class Answer(msgspec.Struct, gc=False):
    """What a result's body says of its model and its tokens."""

    model: str | None = None
    usage: Usage | None = None


def answer_in(body: Mapping[str, Any]) -> Answer:
    """What a body says, whatever else is in the place of a name or a number."""
    model, usage = body.get("model"), body.get("usage")
    return Answer(model if isinstance(model, str) else None, _usage(usage))


def _usage(value: Any) -> Usage | None:
    if not isinstance(value, Mapping):
        return None
    read: Any = {
        name: _details(value.get(name)) if name.endswith("_details") else _count(value, name)
        for name in Usage.__struct_fields__
    }
    return Usage(**read)


def _details(value: Any) -> Details | None:
    if not isinstance(value, Mapping):
        return None
    return Details(**{name: _count(value, name) for name in Details.__struct_fields__})


def _count(holder: Mapping[str, Any], name: str) -> int | None:
    return count(holder.get(name), MOST_TOKENS)


_sides_in_chat, _sides_in_responses = attrgetter(*CHAT), attrgetter(*RESPONSES)
_in_chat, _in_responses = (
    attrgetter(taken, made, "total_tokens", f"{taken}_details", f"{made}_details")
    for taken, made in (CHAT, RESPONSES)
)


def tokens_in(usage: Usage | None) -> Tokens | None:
    """What a usage comes to; None where it does not say what was taken.

    Embeddings have no output, and rerankers only a total. What a total has beyond both sides is
    thinking that was left out of the output (xAI; Gemini behind converters), which it is billed as.
    Nothing but zeros is what some servers send for what they do not count.
    """
    if usage is None:
        return None
    is_chat = any(_sides_in_chat(usage)) or not any(_sides_in_responses(usage))
    taken, made, total, of_input, of_output = (_in_chat if is_chat else _in_responses)(usage)
    if not (taken or made or total) or (total is None and (taken is None or made is None)):
        return None
    if taken is None:
        taken = max(total - (made or 0), 0)
    if made is None:
        made = max(total - taken, 0)
    made = max(made, (total or 0) - taken)
    reasoning = (of_output and of_output.reasoning_tokens) or 0
    return Tokens(
        taken,
        made,
        max(total or 0, taken + made),
        (of_input and of_input.cached_tokens) or 0,
        (of_input and of_input.cache_write_tokens) or 0,
        reasoning,
    )


class Meter:
    """Sums the tokens of one attempt's results. `unmetered` is of how many successes they do not
    say."""

    def __init__(self, model: str | None, prices: Mapping[str, Price]):
        """`model` is what all requests ask for, None where they differ; `prices` has the models
        that have one."""
        self.unmetered = 0
        self._model = model
        self._prices = prices
        self._names: dict[str | None, str | None] = {}
        self._sums: dict[tuple[str | None, int], Tokens] = {}
        self._tier_starts: dict[str | None, Sequence[int]] = {
            name: price.tier_starts for name, price in prices.items()
        }

    def add(self, answer: Answer | None, *, succeeded: bool) -> bool:
        """Count one result; say whether it told what it took. A failure need not."""
        tokens = tokens_in(answer.usage) if answer else None
        if answer is None or tokens is None:
            self.unmetered += succeeded
            return False
        model = self._name(answer.model)
        starts = self._tier_starts.get(model, ())
        passed = bisect_left(starts, tokens.input)
        self._add(model, starts[passed - 1] if passed else 0, tokens)
        return True

    def add_all(self, answers: Sequence[Answer]) -> None:
        """`add` of several successes, in a fraction of the time where they are alike."""
        model = self._model
        if model is None and answers and len({answer.model for answer in answers}) == 1:
            model = self._name(answers[0].model)
        alike = None if model is None else _sum_of([answer.usage for answer in answers])
        starts = self._tier_starts.get(model, ())
        if alike is None or (starts and alike[1] > starts[0]):
            for answer in answers:
                self.add(answer, succeeded=True)
        else:
            self._add(model, 0, alike[0])

    def sums(self) -> tuple[ModelUsage, ...]:
        """What was counted, for each model and each tier of its price."""
        ordered = sorted(self._sums.items(), key=str)
        return tuple(ModelUsage(*key, *tokens) for key, tokens in ordered)

    def _add(self, model: str | None, above: int, tokens: Tokens) -> None:
        before = self._sums.get((model, above))
        self._sums[model, above] = added(before, tokens) if before else tokens

    def _name(self, reported: str | None) -> str | None:
        """The model as the requests name it, where that can be told from how a result does."""
        if self._model is not None:
            return self._model
        if reported not in self._names:
            if len(self._names) >= _MOST_MODELS:
                return None
            self._names[reported] = _requested(reported, self._prices)
        return self._names[reported]


_MOST_MODELS = 100
"""Names of models that are kept apart; a provider that reports more of them makes them up."""


def _requested(reported: str | None, models: Collection[str]) -> str | None:
    """Which of `models` a result calls by the name of its snapshot; else that name."""
    if reported in models:
        return reported
    for model in models if reported else ():
        if reported and re.fullmatch(re.escape(model) + _SNAPSHOT, reported):
            return model
    return reported


_SNAPSHOT = r"(?:-\d{4}(?:-?\d\d-?\d\d)?)?"
"""A date behind a name, as in gpt-4o-mini-2024-07-18 and gpt-4-0613."""


def _sum_of(usages: Sequence[Any]) -> tuple[Tokens, int] | None:
    """The sum of usages which all are plain chat, or plain responses, and the longest input of
    them; None where any is not.

    Plain is one whose total is what its two sides make, and not zero.
    """
    # Written out, because a name that is looked up by its text takes twice as long.
    try:
        total = [one.total_tokens for one in usages]
        if usages[0].prompt_tokens is not None:
            taken = [one.prompt_tokens for one in usages]
            made = [one.completion_tokens for one in usages]
            of_input = [one.prompt_tokens_details for one in usages]
            of_output = [one.completion_tokens_details for one in usages]
        elif any([_sides_in_chat(one) != (None, None) for one in usages]):
            return None
        else:
            taken = [one.input_tokens for one in usages]
            made = [one.output_tokens for one in usages]
            of_input = [one.input_tokens_details for one in usages]
            of_output = [one.output_tokens_details for one in usages]
        if list(map(add, taken, made)) != total or 0 in total:
            return None
    except (AttributeError, TypeError):  # no usage, or a number that was not given
        return None
    tokens = Tokens(
        sum(taken),
        sum(made),
        sum(total),
        sum([part.cached_tokens or 0 for part in of_input if part]),
        sum([part.cache_write_tokens or 0 for part in of_input if part]),
        sum([part.reasoning_tokens or 0 for part in of_output if part]),
    )
    return tokens, max(taken)

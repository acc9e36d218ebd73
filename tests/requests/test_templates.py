"""What a template makes of a prompt is what a closer look makes of it."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from openai_batch.requests.build import request_line
from openai_batch.requests.endpoints import Kind
from openai_batch.requests.prompt_options import PromptOptions, build_from_prompt
from openai_batch.requests.templates import Templates

MESSAGES = [{"role": "user", "content": "50% of it"}]
MODELS = ["gpt-4o-mini", "text-embedding-3-small", "omni-moderation-latest", "gpt-image-1", "m%s"]
VALUES: dict[str, list[Any]] = {
    "prompt": ["Hello", "", "100 %", ["a"], {"id": "pmpt_1"}, None, 7],
    "input": ["Hello", ["a", "b"], MESSAGES, [1, 2]],
    "messages": [MESSAGES, [], "Hello"],
    "documents": ["a", ["a"]],
    "query": ["q"],
    "text_1": ["a"],
    "text_2": ["b"],
    "image": ["data:,", ["data:,"]],
    "size": ["1x1"],
    "response_format": ["url"],
    "model": [*MODELS, None, 7, ""],
    "dimensions": [8],
    "instructions": ["Be brief."],
    "temperature": [0.5, 2**70, "\ud800"],
}
prompts = st.lists(st.sampled_from(sorted(VALUES)), unique=True, max_size=4).flatmap(
    lambda names: st.fixed_dictionaries({name: st.sampled_from(VALUES[name]) for name in names})
)
options = st.builds(
    PromptOptions,
    default_chat_model=st.just("gpt-4o-mini"),
    default_embedding_model=st.just("text-embedding-3-small"),
    model=st.sampled_from([None, *MODELS]),
    system=st.sampled_from([None, "Be brief."]),
    params=st.sampled_from([{}, {"seed": 1}, {"temperature": "%d"}]),
    asked=st.sampled_from([None, Kind.EMBEDDING, Kind.RESPONSE, Kind.SCORE, Kind.RERANK]),
    subject=st.just("50 %"),
)


@given(options, st.lists(prompts, min_size=1, max_size=6))
def test_a_filled_template_is_the_request(chosen: PromptOptions, several: list[Any]) -> None:
    """Whatever the prompts hold and in which order they come; what it cannot make it leaves."""
    templates = Templates(chosen)
    for prompt in several:
        if template := templates.fitting(prompt):
            line = template.fill(b'"a%b"', prompt)
            wanted = request_line("a%b", *build_from_prompt(prompt, chosen))
            assert json.loads(line) == json.loads(wanted)
            assert line.endswith(b"}\n")


def test_the_usual_prompt_has_a_template() -> None:
    """A text with parameters of its own, and its bytes."""
    templates = Templates(PromptOptions(model="m", system="Be brief."))
    for number in (1, 2):
        prompt = {"prompt": "Hi", "seed": number}
        template = templates.fitting(prompt)
        assert template is not None
        assert template.fill(b'"line-%d"' % number, prompt) == (
            b'{"custom_id":"line-%d","method":"POST","url":"/v1/chat/completions","body":'
            b'{"model":"m","seed":%d,"messages":[{"role":"system","content":"Be brief."},'
            b'{"role":"user","content":"Hi"}]}}\n' % (number, number)
        )

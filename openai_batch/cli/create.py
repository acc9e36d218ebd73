"""`create`: from prompts to requests."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputInvalid, UsageError
from . import console, reporting
from .options import Model, ProviderName

if TYPE_CHECKING:
    from ..requests.endpoints import Kind


def create(
    input_file: Annotated[
        str | None,
        typer.Argument(metavar="[INPUT]", help="Prompts; `-` or none reads standard input."),
    ] = None,
    output_file: Annotated[
        str | None,
        typer.Argument(
            metavar="[OUTPUT]", help="Requests; replaced if it exists. `-` is standard output."
        ),
    ] = None,
    model: Model = None,
    provider: ProviderName = None,
    system: Annotated[
        str | None,
        typer.Option("--system", metavar="TEXT", help="System message where a prompt has none."),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            metavar="KEY=VALUE",
            help="A parameter of every request, such as temperature=0; may be repeated. "
            "VALUE is JSON, or else a string. A prompt's own parameters come first.",
        ),
    ] = None,
    embedding: Annotated[
        bool, typer.Option("--embedding", "-e", help="Make embeddings requests.")
    ] = False,
    responses: Annotated[
        bool, typer.Option("--responses", help="Make requests for the Responses API.")
    ] = False,
    score: Annotated[
        str | None,
        typer.Option(
            "--score", metavar="TEXT", help="Make score requests: TEXT against each prompt."
        ),
    ] = None,
    rerank: Annotated[
        str | None,
        typer.Option(
            "--rerank", metavar="QUERY", help="Make rerank requests: QUERY against each prompt."
        ),
    ] = None,
    text: Annotated[
        bool,
        typer.Option("--text", help="Take every line as plain text, also what looks like JSON."),
    ] = False,
    custom_id_prefix: Annotated[
        str,
        typer.Option(
            "--custom-id-prefix", metavar="PREFIX", help="Requests are PREFIX-1, PREFIX-2, …"
        ),
    ] = "line",
) -> None:
    """Make requests out of prompts, one a line.

    A line is plain text, a JSON string, an array of messages, or an object with `prompt`,
    `messages`, `input` or another parameter that says what is asked; its other keys are parameters
    of the request, and `custom_id` may be among them. Whole requests are passed through. Lines of
    all sorts may be mixed. Without --embedding, --responses, --score or --rerank each line becomes
    a chat completion, unless its own parameters or the model's name say otherwise.

    Every faulty line is named, and the exit code is 5. OUTPUT appears whole or not at all. Standard
    output is written as prompts come, and ends in the middle of a request unless all is well:
    `run` refuses that, so that `create | run` never sends a part for the whole.

    \b
    openai-batch create --system "Answer in one word." --param temperature=0 prompts.txt
    echo '{"prompt": "Hello", "model": "gpt-4o-mini"}' | openai-batch create
    """
    from ..files import whole_or_cut, writing
    from ..providers.catalog import resolve
    from ..requests.prompt_options import PromptOptions, parse_params
    from ..requests.prompts import write_requests

    rules = resolve(provider_name=provider)
    asked = _asked(embedding, responses, score, rerank)
    options = PromptOptions(
        default_chat_model=rules.default_chat_model,
        default_embedding_model=rules.default_embedding_model,
        endpoints=rules.endpoints,
        model=model,
        system=system,
        params=parse_params(param or ()),
        asked=asked,
        subject=score or rerank or "",
        plain_text=text,
        custom_id_prefix=custom_id_prefix,
    )
    if _same_file(input_file, output_file):
        raise UsageError(f"{output_file} is the input: name another file for the requests")
    input_name = None if input_file == console.STDIO else input_file
    if output_file in (None, console.STDIO):
        target = console.stdout()
    else:
        from .delivery import checked

        target = writing(checked(output_file, force=True))
    try:
        with (
            console.open_input(input_file) as source,
            target as stream,
            whole_or_cut(stream) as requests,
        ):
            write_requests(source, requests, options, input_name)
    except InputInvalid as invalid:
        reporting.tell_faults(invalid, input_name)
        raise


def _same_file(one: str | None, other: str | None) -> bool:
    if not (one and other):
        return False
    files = Path(one), Path(other)
    return all(file.is_file() for file in files) and files[0].samefile(files[1])


def _asked(
    embedding: bool, responses: bool, score: str | None, rerank: str | None
) -> "Kind | None":
    """The one kind of request that the options ask for, if any."""
    from ..requests.endpoints import Kind

    # Embedding models score, too: --embedding beside --score or --rerank was never an error.
    embeds = embedding and score is None and rerank is None
    asked = {
        option: kind
        for option, kind, given in (
            ("--score", Kind.SCORE, score is not None),
            ("--rerank", Kind.RERANK, rerank is not None),
            ("--responses", Kind.RESPONSE, responses),
            ("--embedding", Kind.EMBEDDING, embeds),
        )
        if given
    }
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} make different requests: choose one")
    return next(iter(asked.values()), None)

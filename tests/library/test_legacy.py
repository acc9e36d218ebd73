"""Scripts for openai-batch 0.3.4 change nothing: what `legacy_surface` lists works."""

import base64
import dataclasses
import functools
import http.server
import io
import json
import os
import re
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import legacy_surface
import openai
import PIL.Image
import pytest
from library_server import (
    HUB_MODEL,
    Server,
    chat,
    chat_line,
    clean_environment,
    finish,
    read,
    replies,
)

import openai_batch
from openai_batch import (
    Batch,
    create_batch,
    create_batch_input,
    create_input,
    data_url,
    example_prompts,
    providers,
    run,
)
from openai_batch.batch import FINISHED_STATES, BatchType
from openai_batch.errors import CredentialsMissing, UsageError
from openai_batch.providers import Provider, get_provider_by_base_url, get_provider_by_name

HERE = Path(__file__).parent
GIF = b"GIF89a"
GIF_URL = "data:image/gif;base64,R0lGODlh"
EMBEDDING_MODEL = "text-embedding-3-small"


def requests(*texts: object, name: str = "input.jsonl") -> str:
    """Write an input file of chats, r1, r2, …; returns its name."""
    lines = (chat_line(f"r{number}", text) for number, text in enumerate(texts, 1))
    Path(name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return name


# The table


def test_the_table_is_complete() -> None:
    """Every public name, method, attribute and flag of 0.3.4 has a row, and no row is there twice.

    A parser is what `get_parser` returns, a flag what it takes.
    """
    items = [row.item for row in legacy_surface.ROWS]
    assert len(items) == len(set(items))
    names = [f"{home}.{name}" for home, names in legacy_surface.NAMES.items() for name in names]
    members = [f"Batch.{name}" for name in legacy_surface.METHODS + legacy_surface.ATTRIBUTES]
    flags = [f"{home} {flag}" for home, flags in legacy_surface.FLAGS.items() for flag in flags]
    assert {*names, *members, *flags} <= set(items)


def test_every_row_has_a_test() -> None:
    """What a row names as its test is one."""
    tests = {
        f"{path.stem.removeprefix('test_')}:{function}"
        for path in HERE.glob("test_*.py")
        for function in re.findall(r"^def (test_\w+)\(", path.read_text("utf-8"), re.MULTILINE)
    }
    assert {row.test for row in legacy_surface.ROWS} <= tests


# Names


@pytest.mark.parametrize("home", legacy_surface.NAMES)
def test_every_name_is_there(home: str) -> None:
    """`from MODULE import NAME` and `from MODULE import *` find what they found."""
    module = import_module(home)
    found: dict[str, Any] = {}
    exec(f"from {home} import *", found)
    for name in legacy_surface.NAMES[home]:
        assert getattr(module, name) is not None
        assert name in found


def test_the_package_alone_brings_its_modules() -> None:
    """`import openai_batch` is enough for `openai_batch.providers` and `openai_batch.batch`."""
    code = (
        "import openai_batch as o; "
        "print(o.providers.all_providers[0], o.batch.BatchType.SCORE, o.__version__[0])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=clean_environment()
    )
    assert (done.stdout, done.stderr) == ("OpenAI BatchType.SCORE 0\n", "")


def test_kinds() -> None:
    """The words for a batch's kind are those that programs compare with and print."""
    words = {
        "CHAT_COMPLETION": "chat_completion",
        "EMBEDDING": "embedding",
        "SCORE": "score",
        "RERANK": "rerank",
        "TRANSFUSION": "transfusion",
    }
    assert {name: BatchType[name].value for name in words} == words
    assert BatchType("embedding") is BatchType.EMBEDDING
    assert str(BatchType.EMBEDDING) == "BatchType.EMBEDDING"


def test_finished_states() -> None:
    """The statuses at which a loop ends."""
    assert FINISHED_STATES == ("failed", "completed", "expired", "cancelled")


# Attributes of a batch


def test_attributes_may_be_set(echo: Server) -> None:
    """They are read when they are needed, so a script may set them after it has the object."""
    batch = Batch()
    batch.submission_input_file = io.StringIO()
    batch.provider = get_provider_by_name("parasail")
    batch.custom_id_prefix = "row"
    batch.n_requests = 7  # where another script has stopped
    batch.add_to_batch(**chat("hello"))
    batch.output_file, batch.error_file = "out.jsonl", "errors.jsonl"
    assert batch.n_requests == 8
    batch_id = batch.submit()
    assert batch.batch_id == batch_id
    batch.close()

    later = Batch()
    later.batch_id, later.output_file = batch_id, "later.jsonl"
    finish(later)
    assert later.download() == ("later.jsonl", None)
    assert replies("later.jsonl") == [("row-8", "hello")]


def test_the_kind_may_be_set(echo: Server) -> None:
    """An existing file of embeddings was sent by saying so, and still is."""
    body = {"model": EMBEDDING_MODEL, "input": "hello"}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/embeddings", "body": body}
    Path("input.jsonl").write_text(json.dumps(line) + "\n")
    batch = Batch("input.jsonl", provider=get_provider_by_name("openai"))
    batch.batch_type = BatchType.EMBEDDING
    assert echo.client.batches.retrieve(batch.submit()).endpoint == "/v1/embeddings"
    batch.close()

    other = Batch(io.StringIO())
    other.batch_type = BatchType.EMBEDDING
    with pytest.raises(ValueError, match=r"^Cannot add chat completion to a embedding batch$"):
        other.add_to_batch(**chat("hello"))
    other.add_to_batch(**body)
    assert other.model == EMBEDDING_MODEL


def test_the_model_may_be_set() -> None:
    """Requests are held to a model that was set before the first of them."""
    batch = Batch(io.StringIO(), provider=Provider(base_url="http://127.0.0.1:1/v1"))
    batch.model = "gpt-4o"
    with pytest.raises(ValueError, match=r"^Model mismatch\. Provider http://127.* and is gpt-4o "):
        batch.add_to_batch(**chat("hello"))
    batch.add_to_batch(**chat("hello", "gpt-4o"))
    assert (batch.n_requests, batch.batch_type) == (1, BatchType.CHAT_COMPLETION)


def test_the_submission_file_says_its_name() -> None:
    """Before the first request it is what was given, then the open file, whose name can be asked.

    A script that closes it may read it, and a batch that is closed goes on with it.
    """
    batch = Batch("deep/er/input.jsonl")
    assert batch.submission_input_file == "deep/er/input.jsonl"
    batch.add_to_batch(**chat("one"))
    file: Any = batch.submission_input_file
    assert Path(file.name) == Path("deep/er/input.jsonl")
    file.close()
    assert len(read(file.name)) == 1
    batch.add_to_batch(**chat("two"))
    batch.close()
    assert batch.submission_input_file.closed  # type: ignore[union-attr]
    assert [line["custom_id"] for line in read("deep/er/input.jsonl")] == ["line-1", "line-2"]

    unnamed = Batch()
    assert unnamed.submission_input_file is None
    unnamed.add_to_batch(**chat("one"))
    assert str(unnamed.submission_input_file.name).startswith("batch_submission_")  # type: ignore[union-attr]
    unnamed.close()

    given = io.StringIO()
    assert Batch(given).submission_input_file is given


def test_a_provider_is_found(echo: Server) -> None:
    """`auto_detect_provider` sets the provider that knows the batch, with its key."""
    batch = Batch(batch_id=echo.create(chat_line("a", "hello")))
    assert batch.auto_detect_provider() is None
    assert batch.provider is not None
    assert (batch.provider.name, batch.provider.api_key) == ("openai", echo.token)
    batch.auto_detect_provider()  # known already: nobody is asked
    with pytest.raises(ValueError, match=r"^Could not auto-detect provider for batch ID batch_x\."):
        Batch(batch_id="batch_x").auto_detect_provider()


# Keys


def test_a_missing_key_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, folder: Path, echo: Server
) -> None:
    """The message says what a library's caller can do; no run is there, and no request is lost."""
    monkeypatch.delenv("OPENAI_API_KEY")
    batch = Batch("input.jsonl")
    batch.add_to_batch(**chat("hello"))
    with pytest.raises(CredentialsMissing) as caught:
        batch.submit()
    assert str(caught.value) == (
        "OpenAI needs a key: set OPENAI_API_KEY, "
        "or name a provider whose `api_key` is set: Batch(provider=…)"
    )
    assert caught.value.__notes__ == [
        "The requests are in input.jsonl: Batch('input.jsonl').submit() sends them."
    ]
    assert batch.batch_id is None
    with pytest.raises(CredentialsMissing):  # the model says who it is only now
        Batch("input.jsonl").submit()
    assert list((folder.parent / "state").glob("runs/*/*")) == []

    monkeypatch.setenv("OPENAI_API_KEY", echo.token)
    with Batch("input.jsonl") as again:
        assert again.submit() == echo.batch_ids()[0]


# Providers


def test_known_providers() -> None:
    """OpenAI and Parasail are objects of the module, the same as in the list."""
    assert providers.all_providers[:2] == [providers.openai_provider, providers.parasail_provider]
    assert providers.all_providers[0] is providers.openai_provider
    fields = [
        (row.name, row.display_name, row.base_url, row.api_key, row.api_key_env_var)
        for row in providers.all_providers[:2]
    ]
    assert fields == [
        ("openai", "OpenAI", "https://api.openai.com/v1", None, "OPENAI_API_KEY"),
        ("parasail", "Parasail", "https://api.parasail.io/v1", None, "PARASAIL_API_KEY"),
    ]
    openai_row, parasail_row = providers.all_providers[:2]
    assert (openai_row.requires_consistency, parasail_row.requires_consistency) == (True, False)
    assert (openai_row.default_chat_model, openai_row.default_embedding_model) == (
        "gpt-4o-mini",
        "text-embedding-3-small",
    )
    assert (openai_row.batch_input_max_requests, openai_row.batch_input_max_bytes) == (
        50_000,
        200_000_000,
    )
    assert parasail_row.batch_input_max_bytes == 500_000_000


def test_a_provider_of_ones_own(echo: Server) -> None:
    """The first fields and what they are without being named; it may become a dictionary."""
    fields = {field.name: field.default for field in dataclasses.fields(Provider)[:10]}
    assert fields == {
        "name": "",
        "display_name": None,
        "base_url": None,
        "api_key": None,
        "api_key_env_var": None,
        "batch_input_max_requests": 50_000,
        "batch_input_max_bytes": 104_857_600,
        "default_chat_model": "meta-llama/Meta-Llama-3-8B-Instruct",
        "default_embedding_model": "intfloat/e5-mistral-7b-instruct",
        "requires_consistency": True,
    }
    provider = Provider("mine", "Mine", echo.base_url, echo.token)
    provider.get_client()
    assert Provider(**dataclasses.asdict(provider)) == provider
    with Batch(provider=provider) as batch:
        batch.add_to_batch(**chat("hello"))
        assert batch.submit() == echo.batch_ids()[0]
    with Batch(provider=Provider(api_key="sk-mine")) as batch:
        batch.add_to_batch(**chat("hello"))
        with pytest.raises(UsageError, match="no address is known for the provider: set its"):
            batch.submit()


def test_a_provider_as_text() -> None:
    """What people call it, else its name, else its address."""
    address = "http://127.0.0.1:1/v1"
    assert str(Provider("n", "N", address)) == "N"
    assert str(Provider("n", base_url=address)) == "n"
    assert str(Provider(base_url=address)) == address


def test_the_sdk_of_a_provider(echo: Server) -> None:
    """`get_client` gives the official SDK's client, always the same, with address and key."""
    provider = get_provider_by_name("openai")
    client = provider.get_client()
    assert isinstance(client, openai.OpenAI)
    assert client is provider.get_client()
    assert (str(client.base_url).rstrip("/"), client.api_key) == (echo.base_url, echo.token)
    assert client.batches.list(limit=1).object == "list"


def test_a_provider_by_its_name(echo: Server) -> None:
    """The key is there at once."""
    assert get_provider_by_name("parasail").api_key == echo.token
    with pytest.raises(ValueError, match=r"^No provider found with name: parsail$"):
        get_provider_by_name("parsail")


def test_models_of_openai() -> None:
    """Every model that the SDK has a name for is OpenAI's, any other is Parasail's."""
    assert {"gpt-4", "gpt-4o-mini", "text-embedding-3-small"} <= set(providers.openai_models)
    for model in providers.openai_models:
        assert providers.get_provider_by_model(model).name == "openai", model
    for model in (HUB_MODEL, "unheard-of"):
        assert providers.get_provider_by_model(model).name == "parasail"


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_provider_by_its_address(slash: str) -> None:
    """A known address is a known provider, also as the SDK's client holds it."""
    address = "https://api.openai.com/v1" + slash
    client = openai.OpenAI(base_url=address, api_key="sk-mine")
    for given in (address, client.base_url):
        assert get_provider_by_base_url(given).name == "openai"
    unknown = get_provider_by_base_url("http://127.0.0.1:1/v1")
    assert (unknown.base_url, unknown.api_key) == ("http://127.0.0.1:1/v1", None)


# Modules


def test_parsers(monkeypatch: pytest.MonkeyPatch) -> None:
    """`get_parser` gives a parser of `argparse` with the names and defaults of old."""
    parsed = example_prompts.get_parser().parse_args(["-n", "5", "-e"])
    assert vars(parsed) == {"output": sys.stdout, "n": 5, "embedding": True}
    assert example_prompts.get_parser().parse_args([]).n == 1000

    requests("hello", name="prompts.txt")
    for module in (create_batch, create_batch_input, create_input):
        parsed = module.get_parser().parse_args(["prompts.txt", "out.txt", "-p", "parasail"])
        with parsed.input as source, parsed.output as target:
            assert (source.name, target.name) == ("prompts.txt", "out.txt")
        parsed = vars(module.get_parser().parse_args(["--score", "a"]))
        assert (parsed.pop("input"), parsed.pop("output")) == (sys.stdin, sys.stdout)
        assert parsed == {
            "model": "gpt-4",
            "embedding": False,
            "score": "a",
            "rerank": None,
            "provider": None,
        }

    nothing = {
        "output_file": None,
        "error_file": None,
        "resume": None,
        "create": False,
        "dry_run": False,
        "provider": None,
        "base_url": None,
        "api_key": None,
    }
    parsed = run.get_parser(["in.jsonl"]).parse_args(["in.jsonl", "-cn"])
    assert vars(parsed) == nothing | {"input_file": ["in.jsonl"], "create": True, "dry_run": True}
    arguments = ["--resume", "batch_1", "-o", "a", "-e", "b", "-p", "openai"]
    parsed = run.get_parser(arguments).parse_args(arguments)
    assert vars(parsed) == nothing | {
        "input_file": None,
        "resume": "batch_1",
        "output_file": "a",
        "error_file": "b",
        "provider": "openai",
    }


def test_texts_of_prompts() -> None:
    """The texts that prompts are made of can be put together as they were."""
    assert "Write a short poem about" in example_prompts.ACTIONS
    assert "octopuses" in example_prompts.SUBJECTS
    assert all(isinstance(text, str) for text in example_prompts.ABSTRACTS)
    assert not any("{" in text for text in example_prompts.ACTIONS + example_prompts.SUBJECTS)


def test_the_model_of_old() -> None:
    """Under the names of 0.3 the model is gpt-4 where none is named, and only there."""
    Path("prompts.txt").write_text("hello\n")
    models = []
    for module in (create_batch_input, create_input, create_batch):
        for options in ([], ["--model", "gpt-4o"]):
            assert module.main(["prompts.txt", "out.jsonl", *options]) is None
            models.append(read("out.jsonl")[0]["body"]["model"])
    assert models == ["gpt-4", "gpt-4o", "gpt-4", "gpt-4o", "gpt-4o-mini", "gpt-4o"]


def test_standard_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` and no name at all are standard input and output, also where a program replaced them."""
    for names in ([], ["-"]):
        monkeypatch.setattr(sys, "stdout", prompts := io.StringIO())
        assert example_prompts.main([*names, "-n", "3"]) is None
        monkeypatch.setattr(sys, "stdin", io.StringIO(prompts.getvalue()))
        monkeypatch.setattr(sys, "stdout", lines := io.StringIO())
        assert create_batch_input.main([*names, *names, "-p", "openai"]) is None
        made = [json.loads(line) for line in lines.getvalue().splitlines()]
        assert [line["custom_id"] for line in made] == ["line-1", "line-2", "line-3"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.getvalue().encode())))
    assert run.main(["-", "--dry-run"]) == "batch-dry-run"


def test_the_beginning_of_a_flag_is_enough(echo: Server) -> None:
    """argparse took a flag's beginning for the flag."""
    example_prompts.main(["prompts.jsonl", "-n", "2", "--emb"])
    create_batch_input.main(
        ["prompts.jsonl", "in.jsonl", "--embed", "--mod", EMBEDDING_MODEL, "--prov=openai"]
    )
    assert {line["url"] for line in read("in.jsonl")} == {"/v1/embeddings"}
    options = ["--output=out.jsonl", "--error", "errors.jsonl", "--interval", "0.05"]
    assert run.main(["in.jsonl", *options, "--prov", "openai"]) == echo.batch_ids()[0]
    assert len(read("out.jsonl")) == 2


def test_twice_in_a_process(echo: Server) -> None:
    """One call of `main` leaves nothing behind that the next one trips over."""
    ids = [run.main([requests(text, name=f"{text}.jsonl"), "-c"]) for text in ("first", "second")]
    assert ids == echo.batch_ids()[1::-1]
    for batch_id, text in zip(ids, ("first", "second"), strict=True):
        assert batch_id is not None
        assert run.main(["--resume", batch_id, "--interval", "0.05"]) == batch_id
        assert replies(f"{batch_id}-output.jsonl") == [("r1", text)]


def test_files_are_replaced() -> None:
    """A script that runs every night writes over the results of the night before."""
    for text in ("monday", "tuesday"):
        options = ["--output-file", "out.jsonl", "--error-file", "errors.jsonl"]
        options += ["--provider", "openai", "--interval", "0.05"]
        run.main([requests(text, 5), *options])
        assert replies("out.jsonl") == [("r1", text)]
        assert [line["custom_id"] for line in read("errors.jsonl")] == ["r2"]


def test_an_address_and_a_key(monkeypatch: pytest.MonkeyPatch, echo: Server) -> None:
    """A server that has no name is reached by its address, with the key that is given."""
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "PARASAIL_BASE_URL", "PARASAIL_API_KEY"):
        monkeypatch.delenv(name)
    access = ["--base-url", echo.base_url, "--api-key", echo.token]
    batch_id = run.main([requests("hello"), *access, "--interval", "0.05"])
    assert replies(f"{batch_id}-output.jsonl") == [("r1", "hello")]


def test_the_process_says_that_requests_failed() -> None:
    """As a process, the module's exit code is the command's."""
    ours = {k: v for k, v in os.environ.items() if k.startswith(("OPENAI_", "PARASAIL_"))}
    command = [sys.executable, "-m", "openai_batch.run", requests("one", 5), "--interval", "0.05"]
    done = subprocess.run(command, capture_output=True, check=False, env=clean_environment(**ours))
    assert done.returncode == 3
    assert len(list(Path().glob("batch_*-errors.jsonl"))) == 1


# wait


def test_wait_by_position_and_by_name(echo: Server) -> None:
    """Its arguments may be given either way; what it does not know goes to `Batch`."""
    looks: list[str] = []

    def look(batch: Any) -> None:
        looks.append(batch.status)

    for arguments, named in (
        ((echo.client, "batch-1", 60, look), {"dry_run": True}),
        ((), {"client": echo.client, "batch_id": "batch-1", "callback": look, "dry_run": True}),
    ):
        with pytest.warns(DeprecationWarning):
            done = openai_batch.wait(*arguments, **named)  # type: ignore[arg-type]
        assert (done.id, done.status) == ("batch-1", "completed")
    assert looks == ["completed", "completed"]


# data_url


def test_pictures(folder: Path) -> None:
    """Path, text, file URI, bytes, and files in memory and on disk give the same URL."""
    path = folder / "a dot.gif"
    path.write_bytes(GIF)
    for picture in (path, str(path), "a dot.gif", path.as_uri(), GIF, io.BytesIO(GIF), GIF_URL):
        assert data_url(picture) == GIF_URL
    with path.open("rb") as file:
        assert data_url(file) == GIF_URL


def test_a_drawn_picture() -> None:
    """A PIL image becomes a JPEG."""
    head, content = data_url(PIL.Image.new("RGB", (2, 2), "red")).split(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(content).startswith(b"\xff\xd8\xff")


def test_a_picture_from_a_server(folder: Path) -> None:
    """A web address is downloaded, and its type is what the server says."""
    (folder / "dot.gif").write_bytes(GIF)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert data_url(f"http://127.0.0.1:{server.server_port}/dot.gif") == GIF_URL
        thread.join()


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (None, "Empty argument"),
        ("", "Empty argument"),
        (b"", "Empty argument"),
        ("abc", "String does not point to a file or URL: abc"),
        (Path("no.jpg"), "Path must be a file: no.jpg"),
        (12, "Unknown file type."),
        (io.BytesIO(), "Unknown file type."),
        (io.StringIO("x"), "Unknown file type."),
    ],
)
def test_no_pictures(picture: Any, message: str) -> None:
    """What is no picture is refused in the words that programs match, the whole of them."""
    with pytest.raises(ValueError) as caught:
        data_url(picture)
    assert str(caught.value) == message

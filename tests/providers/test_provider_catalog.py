"""Which provider is meant, where it is, and by which rules."""

from dataclasses import replace
from pathlib import Path

import pytest

from openai_batch import providers
from openai_batch.errors import UsageError
from openai_batch.providers import (
    Provider,
    all_providers,
    get_provider_by_base_url,
    get_provider_by_model,
    get_provider_by_name,
    known_providers,
    resolve,
)

OPENAI_URL = "https://api.openai.com/v1"
PARASAIL_URL = "https://api.parasail.io/v1"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The user's file of providers, which the environment names (see conftest)."""
    return tmp_path / "providers.toml"


# The catalog


def test_the_rows():
    """The limits and capabilities that the package ships with."""
    openai, parasail = all_providers
    assert (openai.name, str(openai), openai.base_url) == ("openai", "OpenAI", OPENAI_URL)
    assert (openai.batch_input_max_requests, openai.batch_input_max_bytes) == (50_000, 200_000_000)
    assert (openai.max_embedding_inputs, openai.requires_consistency) == (50_000, True)
    assert (openai.api_key_env_var, openai.base_url_env_var) == (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
    )
    assert (openai.default_chat_model, openai.default_embedding_model) == (
        "gpt-4o-mini",
        "text-embedding-3-small",
    )
    assert "/v1/responses" in openai.endpoints
    assert (parasail.name, str(parasail), parasail.base_url) == (
        "parasail",
        "Parasail",
        PARASAIL_URL,
    )
    assert parasail.batch_input_max_requests == 50_000
    assert parasail.batch_input_max_bytes == 500_000_000
    assert (parasail.max_embedding_inputs, parasail.requires_consistency) == (None, False)
    assert (parasail.api_key_env_var, parasail.base_url_env_var) == (
        "PARASAIL_API_KEY",
        "PARASAIL_BASE_URL",
    )
    for row in all_providers:
        assert row.completion_windows == ("24h",)
        assert (row.supports_metadata, row.can_list, row.can_list_files) == (True, True, True)
        assert (row.listing_grace_s, row.idempotency_header) == (15.0, None)
        assert row.api_key is None


def test_rows_without_an_address():
    """The local server and unknown servers are known too, but are no remote providers."""
    names = [row.name for row in known_providers()]
    assert names == ["openai", "parasail", "local", "custom"]
    local, custom = known_providers()[2:]
    assert (local.starts_server, local.base_url, local.requires_consistency) == (True, None, True)
    assert not replace(local, base_url="http://127.0.0.1:5/v1").starts_server
    assert not custom.starts_server
    assert (custom.default_chat_model, custom.endpoints) == (None, ())
    assert (custom.batch_input_max_requests, custom.batch_input_max_bytes) == (50_000, 200_000_000)
    assert (custom.api_key_env_var, custom.base_url_env_var) == (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
    )


def test_defaults_of_a_provider_of_ones_own():
    """`Provider(base_url=…)` has the defaults that it always had."""
    row = Provider(base_url="https://x/v1")
    assert (row.batch_input_max_requests, row.batch_input_max_bytes) == (50_000, 104_857_600)
    assert (row.requires_consistency, row.api_key, row.api_key_env_var) == (True, None, None)
    assert row.default_chat_model == "meta-llama/Meta-Llama-3-8B-Instruct"
    assert row.default_embedding_model == "intfloat/e5-mistral-7b-instruct"
    assert str(row) == "https://x/v1"
    assert str(replace(row, name="n")) == "n"
    assert str(replace(row, name="n", display_name="N")) == "N"


# By name, model and address


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4", "openai"),
        ("gpt-4o-mini", "openai"),
        ("gpt-6-sol", "openai"),
        ("gpt-oss-120b", None),
        ("chatgpt-4o-latest", "openai"),
        ("o1", "openai"),
        ("o3-mini", "openai"),
        ("o4-mini-2025-04-16", "openai"),
        ("codex-mini-latest", "openai"),
        ("text-embedding-3-large", "openai"),
        ("text-embedding-ada-002", "openai"),
        ("text-embedding-v4", None),
        ("omni-moderation-latest", "openai"),
        ("sora-2", "openai"),
        ("ft:gpt-4o-mini:org/team::id", "openai"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "parasail"),
        ("openai/gpt-oss-120b", "parasail"),
        ("parasail-mistral-nemo", "parasail"),
        ("accounts/fireworks/models/llama", None),
        ("local", "local"),
        ("llama3", None),
        ("omni", None),
        ("oxford", None),
        ("claude-opus-5", None),
    ],
)
def test_models_name_their_provider(model: str, name: str | None):
    """A model's name says who serves it, or nothing: then `resolve` asks, and the old function
    keeps its old answer."""
    assert get_provider_by_model(model).name == (name or "parasail")
    if name:
        assert resolve(model=model).name == name
    else:
        with pytest.raises(UsageError, match=f"the model '{model}' does not tell which provider"):
            resolve(model=model)


def test_keys_come_from_the_environment_at_each_call(monkeypatch):
    """A key that is set later is found, without blanks around it; copies are one's own."""
    assert get_provider_by_name("parasail").api_key is None
    monkeypatch.setenv("PARASAIL_API_KEY", " psk-1\n")
    found = get_provider_by_name("parasail")
    assert found.api_key == "psk-1"
    assert get_provider_by_model("a/b").api_key == "psk-1"
    found.base_url = "changed"
    assert get_provider_by_name("parasail").base_url == PARASAIL_URL


def test_unknown_names():
    """The public function raises what it always raised; `resolve` says which names there are."""
    with pytest.raises(ValueError, match=r"^No provider found with name: nobody$"):
        get_provider_by_name("nobody")
    with pytest.raises(
        UsageError, match=r"no provider is called 'nobody'. Known: openai, parasail,"
    ):
        resolve(provider_name="nobody")


def test_by_base_url():
    """A known address is its provider, with or without a slash; another one is a new provider."""
    assert get_provider_by_base_url(OPENAI_URL).name == "openai"
    assert get_provider_by_base_url("HTTPS://API.Parasail.io/v1/").name == "parasail"
    other = get_provider_by_base_url("https://elsewhere/v1")
    assert other == Provider(base_url="https://elsewhere/v1")


def test_a_program_may_append_a_provider(monkeypatch):
    """`all_providers` is a list that scripts extend."""
    monkeypatch.setattr(providers.catalog, "all_providers", list(all_providers))
    providers.catalog.all_providers.append(Provider(name="mine", base_url="https://mine/v1"))
    assert get_provider_by_name("mine").base_url == "https://mine/v1"
    assert resolve(base_url="https://mine/v1").name == "mine"


def test_the_package_knows_its_names():
    """What the package exports is there, and nothing else is made up."""
    for name in providers.__all__:
        assert getattr(providers, name)
    with pytest.raises(AttributeError):
        _ = providers.nothing


# The order of what counts


def place(**arguments: object) -> tuple[str, str | None]:
    found = resolve(**arguments)  # type: ignore[arg-type]
    return found.name, found.base_url


def test_nothing_at_all_is_the_first_of_the_catalog():
    """`create` without a model and a provider is for OpenAI."""
    assert place() == ("openai", OPENAI_URL)


def test_an_address_says_where_and_not_by_which_rules():
    """With a name, the rules are the named one's; alone they are a known row's, else custom's."""
    url = "https://proxy/v1"
    assert place(base_url=url, provider_name="parasail") == ("parasail", url)
    assert place(base_url=url, recorded=("parasail", PARASAIL_URL)) == ("parasail", url)
    assert place(base_url=url, model="gpt-4o") == ("custom", url)
    assert place(base_url=f"{url}/") == ("custom", url)
    assert place(base_url=PARASAIL_URL) == ("parasail", PARASAIL_URL)
    assert place(base_url=PARASAIL_URL, recorded=("openai", url)) == ("parasail", PARASAIL_URL)
    assert str(resolve(base_url=url)) == url


def test_a_name_counts_before_the_record_and_the_model():
    """--provider wins over what a run recorded and what its model's name says."""
    recorded = ("parasail", "https://there/v1")
    assert place(provider_name="openai", recorded=recorded, model="a/b") == ("openai", OPENAI_URL)
    assert place(provider_name="parasail", recorded=recorded) == ("parasail", "https://there/v1")


def test_the_record_counts_before_the_environment_and_the_model(monkeypatch):
    """A run's batches are where they were made."""
    monkeypatch.setenv("OPENAI_BASE_URL", "https://env/v1")
    assert place(recorded=("openai", "https://there/v1"), model="a/b") == (
        "openai",
        "https://there/v1",
    )
    assert place(recorded=("openai", None)) == ("openai", "https://env/v1")


def test_a_recorded_provider_that_is_not_known_here(monkeypatch):
    """A run of a row of the user's own goes on, on a machine without that row."""
    monkeypatch.setenv("GROQ_API_KEY", "gsk-1")
    found = resolve(recorded=("groq", "https://api.groq.com/openai/v1"))
    assert (found.name, found.base_url) == ("groq", "https://api.groq.com/openai/v1")
    assert (found.api_key, found.batch_input_max_requests) == ("gsk-1", 50_000)
    assert place(recorded=("", "https://x/v1")) == ("custom", "https://x/v1")


def test_the_local_server_is_looked_up_anew():
    """Its recorded address is worth nothing; one that the user names is taken."""
    assert place(recorded=("local", "http://127.0.0.1:5/v1")) == ("local", None)
    assert place(provider_name="local") == ("local", None)
    assert place(provider_name="local", base_url="http://127.0.0.1:5/v1") == (
        "local",
        "http://127.0.0.1:5/v1",
    )


def test_the_environment_says_where(monkeypatch):
    """Each provider has its own variable; a model of nobody's goes where OPENAI_BASE_URL says."""
    monkeypatch.setenv("OPENAI_BASE_URL", "https://env/v1/")
    monkeypatch.setenv("PARASAIL_BASE_URL", "https://sail/v1")
    assert place(model="gpt-4o") == ("openai", "https://env/v1")
    assert place(provider_name="parasail") == ("parasail", "https://sail/v1")
    assert place(model="llama3") == ("custom", "https://env/v1")
    assert get_provider_by_name("openai").base_url == "https://env/v1"
    assert place(base_url="https://named/v1", provider_name="openai") == (
        "openai",
        "https://named/v1",
    )


def test_a_key_that_is_given_wins(monkeypatch):
    """--api-key counts before the environment; each provider has its own variable."""
    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    assert resolve(provider_name="openai").api_key == "from-environment"
    assert resolve(provider_name="openai", api_key=" given ").api_key == "given"
    assert resolve(provider_name="parasail").api_key is None
    assert resolve(base_url="https://x/v1").api_key == "from-environment"


def test_an_address_holds_no_password() -> None:
    """It would be stored and shown with the run; keys have their own place."""
    with pytest.raises(UsageError, match="--base-url must not hold a user name or password"):
        resolve(base_url="https://user:secret@api.example.com/v1")


@pytest.mark.parametrize(
    "url", ["api.openai.com/v1", "ftp://x/v1", "https://", "http://x:port/v1", "", "http://[x"]
)
def test_addresses_that_are_none(url: str, monkeypatch):
    """A bad address is told before anything is sent, wherever it came from."""
    with pytest.raises(UsageError, match="--base-url must be the address of an API"):
        resolve(base_url=url)
    if url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        with pytest.raises(UsageError, match=r"\$OPENAI_BASE_URL must be the address of an API"):
            resolve(provider_name="openai")


# The user's own rows


def test_own_rows_add_and_override(config: Path, monkeypatch):
    """A new name is a new provider, a known name changes only the fields that it names."""
    config.write_text(
        """
        [groq]
        base_url = "https://api.groq.com/openai/v1/"
        requires_consistency = false
        completion_windows = ["24h", "7d"]
        models = ["*-versatile", "gpt-4o"]
        listing_grace_s = 5

        [openai]
        batch_input_max_requests = 10

        [custom]
        batch_input_max_bytes = 1_000
        """
    )
    monkeypatch.setenv("GROQ_API_KEY", "gsk-1")
    groq = resolve(provider_name="groq")
    assert (groq.base_url, groq.api_key) == ("https://api.groq.com/openai/v1", "gsk-1")
    assert (groq.base_url_env_var, str(groq)) == ("GROQ_BASE_URL", "groq")
    assert (groq.requires_consistency, groq.listing_grace_s) == (False, 5.0)
    assert groq.completion_windows == ("24h", "7d")
    assert groq.batch_input_max_bytes == 1_000
    assert resolve(model="llama-3.3-70b-versatile").name == "groq"
    assert resolve(model="gpt-4o").name == "groq"
    changed = resolve(provider_name="openai")
    assert (changed.batch_input_max_requests, changed.batch_input_max_bytes) == (10, 200_000_000)
    assert all_providers[0].batch_input_max_requests == 50_000


def test_a_byte_order_mark_is_accepted(config: Path):
    """Windows editors write one."""
    config.write_bytes(b'\xef\xbb\xbf[openai]\ndisplay_name = "Mine"\n')
    assert str(resolve(provider_name="openai")) == "Mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[groq", "providers.toml is not TOML: .*Mend it or move it away"),
        ("[groq]\n", r"providers.toml: \[groq\] needs a `base_url`"),
        ("groq = 5\n", "`groq` stands alone; put it under a provider, as in"),
        (
            "[openai]\nbatch_input_max_request = 5\n",
            r"providers.toml: \[openai\] batch_input_max_request is not a setting. "
            "Did you mean `batch_input_max_requests`",
        ),
        ("[openai]\nzzz = 5\n", "zzz is not a setting. Known: display_name, base_url,"),
        ("[openai]\nname = 'x'\n", "name is not a setting"),
        (
            "[openai]\nbatch_input_max_bytes = '200 MB'\n",
            r"\[openai\] batch_input_max_bytes must be a whole number above 0, not '200 MB'",
        ),
        ("[openai]\nbatch_input_max_bytes = 0\n", "must be a whole number above 0, not 0"),
        ("[openai]\nbatch_input_max_bytes = true\n", "must be a whole number above 0, not True"),
        ("[openai]\ncan_list = 'no'\n", "can_list must be true or false, not 'no'"),
        ("[openai]\nlisting_grace_s = -1\n", "must be a number of seconds, 0 or more, not -1"),
        ("[openai]\nendpoints = '/v1'\n", "endpoints must be a list of texts"),
        ("[openai]\nmodels = [1]\n", "models must be a list of texts"),
        ("[openai]\ndisplay_name = ''\n", "display_name must be text, not ''"),
        ("[openai]\nbase_url = 'x'\n", "base_url must be the address of an API"),
        ("[openai]\nadapter = 'soap'\n", "adapter must be one of openai, local, not 'soap'"),
        ("[openai]\napi_key = 'sk-secret'\n", "keys do not belong in a file"),
    ],
)
def test_mistakes_in_own_rows_are_named(config: Path, text: str, message: str):
    """A bad file is a usage error that names the file, the key and the mend, and no secret."""
    config.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        resolve(provider_name="openai")
    assert str(config) in str(caught.value)
    assert "sk-secret" not in str(caught.value)


def test_a_file_that_cannot_be_read(config: Path):
    """A folder where the file should be is told, and a missing file is none at all."""
    assert resolve(provider_name="openai").name == "openai"
    config.mkdir()
    with pytest.raises(UsageError, match=r"providers.toml cannot be read: "):
        resolve(provider_name="openai")

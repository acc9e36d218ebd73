"""What a caller wants on every call, such as a gateway's header, is on every call."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from gateway_server import HEADER, VALUE
from library_server import GATEWAY, Server, chat, chat_line, finish, replies, running

from openai_batch import Batch
from openai_batch.errors import ProviderError

HEADERS = {HEADER: VALUE}
QUERY = {"api-version": "2026-11-01"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server behind a gateway."""
    with running(tmp_path_factory.mktemp("gateway") / "data", GATEWAY, "guarded") as server:
        yield server


def behind(gateway: Server) -> Server:
    """The same server, seen by a client that knows how to pass."""
    client = gateway.client.with_options(default_headers=HEADERS, default_query=QUERY)
    return replace(gateway, client=client)


def test_extras_go_with_every_call(gateway: Server) -> None:
    """Upload, create, look and download all pass a gateway that asks for a header and a query."""
    with Batch(provider=gateway.provider()) as batch:
        batch.add_to_batch(**chat("hello"))
        result, output, errors = batch.submit_wait_download(
            interval=0.05, extra_headers=HEADERS, extra_query=QUERY
        )
    assert (result.status, errors) == ("completed", None)
    assert replies(output) == [("line-1", "hello")]


def test_extras_of_a_provider(gateway: Server) -> None:
    """A provider may bring them along, so that `submit` has them too; a call adds its own."""
    with Batch(provider=gateway.provider(extra_headers=HEADERS, extra_query=QUERY)) as batch:
        batch.add_to_batch(**chat("hello"))
        batch.submit()
        seen = batch.status(extra_headers={"x-trace": "7"}, extra_query={"trace": "7"})
    assert seen.request_counts is not None and seen.request_counts.failed == 0


def test_extras_are_those_of_the_call(
    gateway: Server,
) -> None:
    """They hold for the call they are given to, also where the run is rebuilt or fetched again."""
    batch_id = behind(gateway).create(chat_line("a", "hello"))
    with Batch(batch_id=batch_id, provider=gateway.provider()) as batch:
        with pytest.raises(ProviderError, match="The gateway refuses"):
            batch.status()
        assert finish(batch, extra_headers=HEADERS, extra_query=QUERY).status == "completed"
        assert replies(batch.download(HEADERS, QUERY)[0]) == [("a", "hello")]
        with pytest.raises(ProviderError, match="The gateway refuses"):
            batch.download()


def test_extras_are_not_shown(gateway: Server) -> None:
    """They may be secrets: a provider's text does not hold them."""
    assert VALUE not in repr(gateway.provider(extra_headers=HEADERS))


def test_body_and_timeout_are_accepted(echo: Server) -> None:
    """Programs that pass `extra_body` and `timeout` go on working."""
    with Batch() as batch:
        batch.add_to_batch(**chat("hello"))
        _, output, _ = batch.submit_wait_download(interval=0.05, extra_body={"a": 1}, timeout=30.0)
        batch.status(extra_body={"a": 1}, timeout=30.0)
    assert replies(output) == [("line-1", "hello")]

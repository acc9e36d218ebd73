"""Creating a batch, which is the call that must not go wrong."""

import pytest
from scripted_server import Answer, ScriptedServer

from openai_batch.errors import ProviderError
from openai_batch.providers.client import OpenAIClient
from openai_batch.providers.interface import BatchSnapshot

BATCH = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "status": "validating",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "created_at": 1700000000,
}


def create(client: OpenAIClient) -> BatchSnapshot:
    """Create a batch, as the engine would."""
    return client.create_batch(
        input_file_id="file-1",
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={"openai_batch": "run_1"},
        idempotency_key="token-1",
    )


def refusal(client: OpenAIClient, server: ScriptedServer, *answers: Answer) -> ProviderError:
    """What creating a batch raises when the server says that."""
    server.will(*answers)
    with pytest.raises(ProviderError) as caught:
        create(client)
    return caught.value

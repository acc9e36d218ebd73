"""What openai-batch had before `Batch`, kept for the scripts that use it."""

import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .batch import FINISHED_STATES, Batch
from .providers import get_provider_by_base_url

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types import Batch as OpenAIBatch


def wait(
    client: "OpenAI",
    batch_id: str,
    interval: float = 60,
    callback: "Callable[[OpenAIBatch], Any] | None" = None,
    **options: Any,
) -> "OpenAIBatch":
    """Wait for a batch, download its results, and return its final status.

    Deprecated: use `Batch(batch_id=…)`. `interval` is in seconds; `options` go to `Batch.status`
    and `Batch.download`.
    """
    warnings.warn(
        "The wait() function is deprecated. Use Batch.status(), Batch.submit_wait_download() and "
        "Batch.download() instead.",
        DeprecationWarning,
        stacklevel=2,
    )
    provider = get_provider_by_base_url(client.base_url)
    provider.api_key = client.api_key
    with Batch(batch_id=batch_id, provider=provider) as batch:
        while True:
            status = batch.status(**options)
            if callback is not None:
                callback(status)
            if status.status in FINISHED_STATES:
                break
            time.sleep(interval)
        batch.download(**options)
    return status

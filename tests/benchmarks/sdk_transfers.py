"""The floor: what the official SDK takes to upload a run's files and to download its results.

    python sdk_transfers.py BASE_URL WORKLOAD_FOLDER TARGET_FOLDER

Nothing is checked, merged or kept for a restart: one file after another, each streamed.
"""

import sys
from pathlib import Path

from openai import OpenAI
from workload import uploads


def main() -> None:
    base_url, source, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    client = OpenAI(base_url=base_url, api_key="none")
    batches = []
    for path in uploads(source):
        with path.open("rb") as stream:
            uploaded = client.files.create(file=stream, purpose="batch")
        batches.append(
            client.batches.create(
                input_file_id=uploaded.id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
            )
        )
    for batch in batches:
        ended = client.batches.retrieve(batch.id)
        assert ended.output_file_id is not None
        with client.files.with_streaming_response.content(ended.output_file_id) as answer:
            answer.stream_to_file(target / f"{batch.id}.jsonl")


if __name__ == "__main__":
    main()

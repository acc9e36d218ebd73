"""The floor for reading requests: each line parsed, and the set of their ids.

python orjson_floor.py INPUT
"""

import sys
from pathlib import Path

import orjson


def main() -> None:
    ids = set()
    with Path(sys.argv[1]).open("rb") as stream:
        for line in stream:
            ids.add(orjson.loads(line)["custom_id"])


if __name__ == "__main__":
    main()

"""Print the command that stands in README.md behind `<!-- command: NAME -->`."""

import re
import sys
from pathlib import Path

readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
blocks = dict(re.findall(r"<!-- command: (\w+) -->\n```sh\n(.*?)```", readme, re.DOTALL))
sys.stdout.write(blocks[sys.argv[1]])

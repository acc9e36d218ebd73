"""A small program that drives a run, for tests that kill it.

python engine_child.py SETTINGS, where SETTINGS is JSON: state_dir, base_url, token, and either
`input` (a file; `-` is standard input), `run_id`, or `recover` (an id or a record); what to do:
`shard_requests`, `output`, `errors`, `submit_only`; and where to die: `stop_at` and `stop_number`
(prints that event and stands still), or `die_at` (`append` or `rename`), `die_number` and
`die_after`. Each event is a line of standard output; the last line is `done`.
"""

import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from openai_batch.engine.deliver import Delivery
from openai_batch.engine.events import Event
from openai_batch.engine.journal import Journal
from openai_batch.engine.plan import Settings, plan
from openai_batch.engine.recover import recover
from openai_batch.engine.run import Run
from openai_batch.engine.runs import Place
from openai_batch.errors import Error
from openai_batch.providers.catalog import resolve


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Watcher:
    """Prints events, and stands still at the chosen one."""

    def __init__(self, stop_at: str | None, number: int):
        self._stop_at = stop_at
        self._left = number

    def __call__(self, event: Event) -> None:
        name = type(event).__name__
        say(name)
        if name == self._stop_at:
            self._left -= 1
            if self._left == 0:
                say("standing still")
                sys.stdin.read()


def die() -> None:
    """As kill -9 does it: nothing gets to run any more."""
    if hasattr(signal, "SIGKILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(9)


def arrange_death(at: str, number: int, *, after: bool) -> None:
    """Die at the so many-th journal entry, or file that takes its name: before it, or after."""
    done = 0

    def deadly(call: Any) -> Any:
        def called(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            done += 1
            if done == number and not after:
                die()
            answer = call(*arguments, **options)
            if done == number:
                die()
            return answer

        return called

    if at == "append":
        Journal.append = deadly(Journal.append)  # type: ignore[method-assign]
    else:
        os.link = deadly(os.link)
        os.replace = deadly(os.replace)


def main() -> None:
    given = json.loads(sys.argv[1])
    place = Place(
        Path(given["state_dir"]),
        on_event=Watcher(given.get("stop_at"), given.get("stop_number", 1)),
    )
    provider = resolve(base_url=given["base_url"], api_key=given["token"])
    provider.listing_grace_s = 0.3
    if "die_at" in given:
        arrange_death(given["die_at"], given["die_number"], after=given["die_after"])
    run_id = given.get("run_id")
    if "recover" in given:
        run_id = recover(given["recover"], place=place, providers=[provider])
    if run_id is None:
        content = given["input"]
        stream = sys.stdin.buffer if content == "-" else io.BytesIO(Path(content).read_bytes())
        run_id = plan(
            stream,
            input_name=None,
            provider_for=lambda model: provider,
            settings=Settings(shard_requests=given.get("shard_requests")),
            place=place,
        )
    say(run_id)
    with Run(run_id, place, provider, interval_s=0.05) as run:
        if given.get("submit_only"):
            run.submit()
            say(json.dumps(run.record()))
        else:
            run.settle()
            errors = given.get("errors")
            run.deliver(Delivery(Path(given["output"]), Path(errors) if errors else None))
    say("done")


if __name__ == "__main__":
    try:
        main()
    except Error as error:
        say(f"{type(error).__name__}: {error}")
        sys.exit(1)

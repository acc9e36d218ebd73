"""What is around a command line: the variables that are read, and the files that are kept."""

from typing import NamedTuple

from .tree import Command


class Thing(NamedTuple):
    """A variable or a file, and what it is to the commands that have one of `options`, or to all.

    Options tell whom it concerns: who has `--api-key` drives runs and asks providers.
    """

    name: str
    about: str
    options: tuple[str, ...] = ()

    def concerns(self, command: Command) -> bool:
        """Whether the command's manual tells of it. The program's own tells of everything."""
        names = {name for option in command.options for name in option.names}
        return not (command.name and self.options) or bool(names & {*self.options})


_STATE = ("--state-dir",)
_ROWS = ("--provider",)
_CALLS = ("--api-key",)
_SERVER = ("--api-key", "--upstream")
_RESULTS = ("--output-file",)

VARIABLES = (
    Thing("OPENAI_BATCH_HOME", "The state directory, where `--state-dir` names none.", _STATE),
    Thing("OPENAI_BATCH_CONFIG", "The file of one's own providers.", _ROWS),
    Thing("OPENAI_API_KEY", "The key for OpenAI, or for the server of `--base-url`.", _CALLS),
    Thing("OPENAI_BASE_URL", "Another address for OpenAI's API.", _CALLS),
    Thing("PARASAIL_API_KEY", "The key for Parasail.", _CALLS),
    Thing("PARASAIL_BASE_URL", "Another address for Parasail's API.", _CALLS),
    Thing("OPENAI_BATCH_LOCAL_MODEL", "The local server's model, a GGUF file.", _SERVER),
    Thing(
        "OPENAI_BATCH_LOCAL_ARGS",
        "More arguments for the server that `--provider local` starts, split as a shell would.",
        _CALLS,
    ),
    Thing(
        "OPENAI_BATCH_LOCAL_TOKEN", "The local server's key; without it one is made up.", _SERVER
    ),
    Thing("OPENAI_BATCH_LOCAL_BASE_URL", "The address of a local server to use.", _CALLS),
    Thing("OPENAI_BATCH_UPSTREAM_KEY", "The key for the server of `--upstream`.", ("--upstream",)),
    Thing("OPENAI_BATCH_DEBUG", "Where it is set, an error shows where in the program it arose."),
    Thing("TERM", "Where it is `dumb`, progress is told in plain lines.", _CALLS),
    Thing("NO_COLOR", "Where it is set, nothing has a colour.", _CALLS),
    # What follows is read by the libraries beneath, not by the program itself.
    Thing("OPENAI_ORG_ID", "The organisation to ask in, at OpenAI.", _CALLS),
    Thing("OPENAI_PROJECT_ID", "The project to ask in, at OpenAI.", _CALLS),
    Thing("HTTPS_PROXY", "The proxy on the way to a provider.", _CALLS),
    Thing("NO_PROXY", "Where no proxy is wanted.", _CALLS),
    Thing("XDG_STATE_HOME", "On Linux, what stands for ~/.local/state below.", _STATE),
    Thing("XDG_CONFIG_HOME", "On Linux, what stands for ~/.config below.", _ROWS),
)
"""The variables that are read. Those of a provider of one's own are named in its row."""

FILES = (
    Thing(
        "~/.local/state/openai-batch/",
        "The state directory, which only its owner can read. On macOS it is "
        "~/Library/Application Support/openai-batch, on Windows %LOCALAPPDATA%\\openai-batch.",
        _STATE,
    ),
    Thing(
        "runs/RUN_ID/journal.db",
        "In the state directory: what was planned, sent and received of a run. Without it the run "
        "is rebuilt from what its provider has.",
        _CALLS,
    ),
    Thing(
        "runs/RUN_ID/spool/",
        "In the state directory: a run's requests and results, until these are delivered.",
        _CALLS,
    ),
    Thing(
        "local/",
        "In the state directory: files and batches of the local server. `server.json` has the "
        "address and the token of one that is running.",
        _STATE,
    ),
    Thing(
        "~/.config/openai-batch/providers.toml",
        "One's own providers, and other limits for known ones. On macOS and Windows it is in the "
        "same folder as the state directory.",
        _ROWS,
    ),
    Thing(
        "INPUT.output.jsonl, INPUT.errors.jsonl",
        "Results and failed requests, where neither `--output-file` nor a pipe takes them.",
        _RESULTS,
    ),
)
"""The files that the program keeps or reads of itself."""

"""What the values of options and arguments are, told by their metavars: so they are completed."""

from .. import candidates

FILES, FOLDERS, FREE = "files", "folders", "free"

METAVARS = {
    "FILE": FILES,
    "INPUT": FILES,
    "OUTPUT": FILES,
    "REQUESTS": FILES,
    "RESULTS": FILES,
    "DIR": FOLDERS,
    "ID": "runs",
    "PROVIDER": "providers",
    "MODEL": "models",
    "WINDOW": "windows",
    "EXECUTOR": "executors",
    "OUTCOME": "outcomes",
    "REASON": "reasons",
    "SHELL": "shells",
    # Nobody can guess these.
    "DAYS": FREE,
    "KEY": FREE,
    "KEY=VALUE": FREE,
    "N": FREE,
    "PORT": FREE,
    "PREFIX": FREE,
    "QUERY": FREE,
    "S": FREE,
    "SHARE": FREE,
    "SIZE": FREE,
    "TEXT": FREE,
    "URL": FREE,
    "USD": FREE,
}
"""Each metavar, and of which kind its values are."""

WORDS = {
    "executors": {
        "llama": "a model file, with llama.cpp",
        "upstream": "another server",
        "echo": "the request itself, as a test",
    },
    "outcomes": {
        "succeeded": "a good answer came back",
        "failed": "an error came back",
        "missing": "nothing came back",
    },
    "reasons": {"missing": "the provider returned nothing for it"},
    "shells": {"bash": "", "zsh": "", "fish": ""},
}
"""Kinds whose values are always the same, each with a description."""

ASKED = tuple(candidates.KINDS)
"""Kinds whose values only the program knows."""

KINDS = {FILES, FOLDERS, FREE, *WORDS, *ASKED}
"""Every kind."""

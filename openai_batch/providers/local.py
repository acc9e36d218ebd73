"""`--provider local`: join the server of this state directory, or start one while we need it.

A server that was started here is our child and lives no longer than we do: it ends when its
standard input closes, which the system does for us even when we are killed. What it was doing is on
its disk, and the next server goes on with it.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .. import settings
from ..clock import SystemClock
from ..errors import Error, GaveUp, ProviderUnavailable, UsageError
from ..files import make_private_dir
from ..jsonl import parse
from .client import OpenAIClient, open_sdk
from .failures import Call
from .provider import Provider
from .text import MESSAGE_LIMIT, quotable

if TYPE_CHECKING:
    from openai import OpenAI

_START_S = 60.0
_STOP_S = 10.0
_ASK_S = 5.0
_BETWEEN_TRIES_S = 0.25
_FAILURES = 2  # the first may be due to another command that started one at the same moment
_USAGE = 2  # the server's exit code for arguments that make no sense


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers. `is_child` says that it ends with the command that started it."""

    base_url: str
    token: str
    is_child: bool


def data_folder(state_dir: Path | None = None) -> Path:
    """Where the local server of a state directory keeps everything."""
    return settings.state_dir(state_dir) / "local"


def is_served(state_dir: Path | None = None) -> bool:
    """Whether a server runs that does not end with some command: `openai-batch serve`."""
    server = running_server(data_folder(state_dir))
    return server is not None and not server.is_child


def running_server(data: Path) -> Server | None:
    """The server that works on this folder, where there is one and it answers."""
    try:
        said = parse((data / "server.json").read_bytes())
        server = _server(said)
    except (OSError, ValueError):
        return None
    return server if _answers(server) else None


def _server(said: Any) -> Server:
    """Raises ValueError where `said` does not describe a server on this machine."""
    if not isinstance(said, dict):
        raise ValueError("not an object")
    base_url, token = said.get("base_url"), said.get("token")
    if not isinstance(base_url, str) or not isinstance(token, str):
        raise ValueError("no base_url or no token")
    if urlsplit(base_url).hostname != "127.0.0.1":
        raise ValueError("the token is for this machine only")
    return Server(base_url, token, is_child=said.get("kind") == "child")


def _answers(server: Server) -> bool:
    request = urllib.request.Request(
        f"{server.base_url}/models", headers={"Authorization": f"Bearer {server.token}"}
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=_ASK_S) as answer:
            return bool(answer.status == 200)
    except (OSError, HTTPException, ValueError):
        return False


class LocalClient(OpenAIClient):
    """An OpenAIClient for the local server, which finds or starts another one when its own is gone.

    The server may be another command's child and end with it. The call that notices fails, as any
    call may; the next one has a server again.
    """

    def __init__(self, provider: Provider, data: Path):
        self._data = data
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._child: _Child | None = None
        self._is_gone = False
        server = self._find_or_start()
        place = replace(provider, base_url=server.base_url, api_key=server.token)
        super().__init__(provider, open_sdk(place))

    @property
    def sdk(self) -> "OpenAI":
        with self._lock:
            if self._is_gone:
                server = self._find_or_start()
                self._sdk.base_url = server.base_url
                self._sdk.api_key = server.token
                self._is_gone = False
            return self._sdk

    def close(self) -> None:
        self._closing.set()
        with self._lock:
            super().close()
            self._stop_child()

    @contextlib.contextmanager
    def _calling(self, action: str, *, creates: bool = False) -> Iterator[Call]:
        try:
            with super()._calling(action, creates=creates) as call:
                yield call
        except ProviderUnavailable as error:
            if error.executed is False:  # no connection
                self._is_gone = True
            raise
        except GaveUp as error:
            raise ProviderUnavailable(f"cannot {action}: {error}") from None

    def _find_or_start(self) -> Server:
        """A server that answers. Another command may start or end one at the same moment."""
        if self._child is not None and self._child.has_ended:
            self._stop_child()
        deadline = time.monotonic() + _START_S
        failures = 0
        while True:
            if server := running_server(self._data):
                return server
            if not _is_locked(self._data):
                try:
                    self._child = _Child(self._data)
                    return self._child.server
                except GaveUp:
                    failures += 1
                    if failures == _FAILURES:
                        raise
            elif time.monotonic() > deadline:
                raise GaveUp(f"a server works on {self._data} and does not answer; end it")
            if self._closing.wait(_BETWEEN_TRIES_S):
                raise GaveUp("the client was closed")

    def _stop_child(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None


def _is_locked(data: Path) -> bool:
    """Whether a server holds the folder, be it one that is only just starting."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(make_private_dir(data) / "lock", timeout=0, mode=0o600):
            return False
    except Timeout:
        return True


class _Child:
    """A server process that ends when its standard input closes."""

    def __init__(self, data: Path):
        """Start it and wait until it answers.

        Raises UsageError where it does not like its arguments, GaveUp where it does not start.
        """
        with contextlib.ExitStack() as opened:
            try:
                self._complaints = opened.enter_context(tempfile.TemporaryFile())
                self._process = opened.enter_context(_start(data, self._complaints))
            except OSError as error:
                raise GaveUp(f"the local server cannot be started: {error}") from error
            opened.callback(self._end)
            self.server = self._await_ready()
            self._opened = opened.pop_all()

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def stop(self) -> None:
        """End it. May be repeated."""
        self._opened.close()

    def _await_ready(self) -> Server:
        lines: SimpleQueue[bytes] = SimpleQueue()
        stdout = _pipe(self._process.stdout)
        threading.Thread(target=lambda: lines.put(stdout.readline()), daemon=True).start()
        line = SystemClock().wait(lines, _START_S)
        if line is None:
            raise GaveUp(f"the local server did not start within {_START_S:.0f} seconds")
        try:
            return replace(_server(parse(line)), is_child=True)
        except ValueError:
            raise self._failure() from None

    def _failure(self) -> Error:
        """Why it ended instead of getting ready, in its own words."""
        self._end()
        self._complaints.seek(0)
        words = self._complaints.read().decode("utf-8", "replace").strip()
        message = f"the local server did not start: {quotable(words[-MESSAGE_LIMIT:])}"
        return (UsageError if self._process.returncode == _USAGE else GaveUp)(message)

    def _end(self) -> None:
        """Close its standard input and wait for its end; kill it where that takes too long."""
        _pipe(self._process.stdin).close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _start(data: Path, complaints: IO[bytes]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-P", "-m", "openai_batch.local", "--announce"]
    command += ["--until-stdin-closes", "--data", str(data), *settings.local_arguments()]
    # Ctrl-C in a terminal goes to the whole group. The server is not in ours: it has to answer
    # while we end in good order.
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=complaints,
        env=_environment(),
        **apart,
    )


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # both were asked for
    return stream


def _environment() -> dict[str, str]:
    """Ours, and the way to this package where it is not installed.

    The server does not look for modules in the current folder (`-P`): a user's `queue.py` there
    would be taken for Python's own.
    """
    folder = Path(__file__).resolve().parents[2]
    if folder.name in ("site-packages", "dist-packages"):
        return dict(os.environ)
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}

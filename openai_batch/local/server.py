"""One server as a process: its folder and lock, its socket, its ready line, its end."""

import contextlib
import importlib.util
import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import jsonl
from ..clock import SystemClock
from ..errors import Error, UsageError
from ..files import make_private_dir, replacing
from .executor import Executor, ExecutorOptions, choose
from .runner import Runner
from .stop import Stop
from .store import Store
from .validate import Limits

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HOST = "127.0.0.1"
SERVER_FILE = "server.json"
_STOP_TIMEOUT_S = 1.0
_NEEDED_PACKAGES = ("starlette", "uvicorn", "python_multipart")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How one server runs.

    `data` is its folder; `port` 0 takes a free one; without a `token` one is made up. `window_s` is
    how long a "24h" completion window lasts. With `until_stdin_closes`, it ends when its standard
    input does, so that it never outlives the process that started it.
    """

    data: Path
    port: int = 0
    token: str | None = None
    until_stdin_closes: bool = False
    window_s: float = 86_400.0
    limits: Limits = field(default_factory=Limits)
    executor: ExecutorOptions = field(default_factory=ExecutorOptions)


@dataclass(frozen=True, slots=True)
class Ready:
    """A server that answers. `pid` is its process.

    `kind` is `child` where it ends with the process that started it, else `serve`.
    """

    base_url: str
    token: str
    pid: int
    kind: str

    def to_json(self) -> bytes:
        """The line that `--announce` prints, and what stands in `server.json`; no newline."""
        return jsonl.dumps({"object": "server", **asdict(self)})


def serve(
    options: Options,
    on_ready: Callable[[Ready], None] | None = None,
    *,
    executor: Executor | None = None,
    wrap_app: "Callable[[ASGIApp], ASGIApp] | None" = None,
) -> None:
    """Serve until SIGTERM, SIGINT or, where so chosen, the end of standard input.

    `on_ready` is called once, when requests are answered. `executor` replaces the one that the
    options choose, `wrap_app` puts middleware around the application.

    Finished requests are saved on return, and the folder is free for the next server; requests in
    flight may still occupy daemon threads. A process that has run llama.cpp must then end with
    `os._exit`, as `__main__` does: a normal exit tears it down under those threads, and crashes.

    Raises UsageError for options that make no sense, StorageError where the folder cannot be used,
    Error where it is another server's, something is not installed, or serving failed.
    """
    _require_packages()
    if executor is None:
        executor = choose(options.executor)
    make_private_dir(options.data)
    with _only_server_of(options.data):
        _serve_locked(options, on_ready, executor, wrap_app)


def _serve_locked(
    options: Options,
    on_ready: Callable[[Ready], None] | None,
    executor: Executor,
    wrap_app: "Callable[[ASGIApp], ASGIApp] | None",
) -> None:
    from .app import create_app

    stop = Stop()
    clock = SystemClock()
    token = options.token or secrets.token_urlsafe(32)
    server_file = options.data / SERVER_FILE
    with _listening(options.port) as listener:
        base_url = f"http://{HOST}:{listener.getsockname()[1]}/v1"
        kind = "child" if options.until_stdin_closes else "serve"
        ready = Ready(base_url, token, os.getpid(), kind)
        store = Store(options.data, clock)
        runner = Runner(store, executor, clock, limits=options.limits, on_failure=stop.because_of)
        app: ASGIApp = create_app(store, runner, executor, token=token, window_s=options.window_s)

        def tell() -> None:
            with replacing(server_file) as stream:
                stream.write(ready.to_json())
            if on_ready:
                on_ready(ready)

        runner.start()
        try:
            with stop.on_signals(), stop.on_end_of_input(options.until_stdin_closes):
                _run(wrap_app(app) if wrap_app else app, listener, stop, tell)
        finally:
            server_file.unlink(missing_ok=True)
            if runner.stop(_STOP_TIMEOUT_S):
                store.close()  # else a thread of the runner may still write to it
            executor.close()
    if stop.failure:
        raise Error(f"the server failed and has stopped: {stop.failure}") from stop.failure


def _run(
    app: "ASGIApp", listener: socket.socket, stop: Stop, on_started: Callable[[], None]
) -> None:
    """Answer on the listening socket until `stop` is asked for."""
    import uvicorn

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield  # uvicorn's own handling raises the signal again at the end, which would kill us

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            on_started()

        async def on_tick(self, counter: int) -> bool:
            return await super().on_tick(counter) or stop.asked

    # What goes wrong inside is logged by the application; uvicorn's own words are of no use.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    Server(config).run(sockets=[listener])


@contextlib.contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """A socket on loopback. Raises Error where the port is taken."""
    # The protocol is named, because asyncio turns Nagle's algorithm off only where it is: without
    # that, every answer waits 40 ms for the client's delayed acknowledgement.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        if os.name == "posix":  # on Windows the same option would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise Error(f"cannot listen on {HOST}:{port}: {error}") from error
        listener.listen(128)
        yield listener


@contextlib.contextmanager
def _only_server_of(data: Path) -> Iterator[None]:
    """Hold the folder's lock, which our death would free. Raises Error where it is held."""
    from filelock import FileLock, Timeout

    lock = FileLock(data / "lock", timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        raise Error(
            f"another server works on {data} ({_who_serves(data)}); use that one, stop it, "
            "or give --data another folder"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _who_serves(data: Path) -> str:
    try:
        running: Any = jsonl.parse((data / SERVER_FILE).read_bytes())
        return f"process {running['pid']}, {running['base_url']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "it is just starting or stopping"


def _require_packages() -> None:
    missing = [name for name in _NEEDED_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the local server needs more packages ({', '.join(missing)}): "
            "pip install 'openai-batch[local]'"
        )


def check_host(host: str) -> None:
    """Raise UsageError for any address but loopback: the server is for this machine only."""
    if host != HOST:
        raise UsageError(f"--host {host}: the server listens on {HOST} only")

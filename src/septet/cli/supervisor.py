"""Several processes that answer, and the one that minds them: it starts them, starts again what died, and ends all.

The supervisor loads the application but never runs it: no event loop, no database, no thread, so that it can fork
at any time and its children share what is loaded. The first worker prepares the database; the others follow once it
answers. Each has a socket of its own on the shared port, which the supervisor keeps open for its successor.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import select
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator

import structlog
import uvloop

from septet.app import Septet
from septet.cli.answering import Plan, answer
from septet.cli.common import FAILED, plain_errors

log = structlog.get_logger()

_QUICKLY = 1.0  # seconds: a worker that dies sooner did not get to work
_MOST_QUICK_DEATHS = 3  # in a row, after which nothing is to be hoped for
_FIRST_PAUSE = 0.2  # seconds before a worker that died quickly is started again; doubled each time
_TO_CLOSE = 10.0  # seconds beyond draining that a worker gets to end its tasks and close its database
_READY = b"r"
_HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


class Worker:
    """A place for one process: the one that runs in it now, and how its predecessors fared."""

    def __init__(self, number: int, listener: socket.socket) -> None:
        self.number = number
        self.listener = listener
        self.pid = 0
        self.ready_pipe = -1
        self.is_ready = False
        self.started = 0.0
        self.start_at: float | None = None  # when to start it again
        self.quick_deaths = 0

    @property
    def runs(self) -> bool:
        return self.pid != 0


class Supervisor:
    def __init__(self, plan: Plan, listeners: list[socket.socket], greet: Callable[[Septet], Awaitable[None]]) -> None:
        self._plan = plan
        self._greet = greet
        self._listeners = listeners
        self._workers = [Worker(number, listeners[number % len(listeners)]) for number in range(plan.settings.workers)]
        self._prepared = False  # the first worker answered
        self._stopping = False
        self._kill_at: float | None = None  # while stopping: when patience ends
        self._code = 0
        self._lifeline, self._held = os.pipe()  # its end tells the workers that their supervisor is gone

    def run(self) -> int:
        """Mind the workers until all have ended; the exit code."""
        gc.collect()
        gc.freeze()  # shared pages stay shared: collecting garbage would write to each
        with _woken_by_signals() as woken:
            self._start(self._workers[0])
            while any(worker.runs or worker.start_at is not None for worker in self._workers):
                self._wait(woken)
                self._bury()
                self._start_due()
                self._lose_patience()
        return self._code

    def _wait(self, woken: int) -> None:
        """Until a signal, a worker's word, or the next moment to do something."""
        moments = [worker.start_at for worker in self._workers if worker.start_at is not None]
        moments += [self._kill_at] if self._kill_at is not None else []
        timeout = max(0.0, min(moments) - time.monotonic()) if moments else None
        pipes = {worker.ready_pipe: worker for worker in self._workers if worker.ready_pipe >= 0}
        readable, _, _ = select.select([woken, *pipes], [], [], timeout)
        for descriptor in readable:
            if descriptor == woken:
                for number in os.read(woken, 4096):
                    self._on_signal(signal.Signals(number))
            else:
                self._on_word(pipes[descriptor])

    def _on_signal(self, number: signal.Signals) -> None:
        if number not in (signal.SIGTERM, signal.SIGINT):
            return
        if self._stopping:  # asked a second time
            self._kill_at = 0.0
        else:
            self._stop(0)

    def _on_word(self, worker: Worker) -> None:
        worker.is_ready = os.read(worker.ready_pipe, 1) == _READY
        os.close(worker.ready_pipe)
        worker.ready_pipe = -1
        if worker.is_ready and not self._prepared:
            self._prepared = True
            for other in self._workers[1:]:
                other.start_at = 0.0

    def _start_due(self) -> None:
        for worker in self._workers:
            if worker.start_at is not None and worker.start_at <= time.monotonic():
                self._start(worker)

    def _start(self, worker: Worker) -> None:
        worker.start_at = None
        worker.is_ready = False
        worker.started = time.monotonic()
        heard, said = os.pipe()
        signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)  # until the child has handlers of its own
        pid = os.fork()
        if pid == 0:
            self._become(worker, said)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
        os.close(said)
        worker.pid, worker.ready_pipe = pid, heard

    def _become(self, worker: Worker, said: int) -> None:
        """In the child: leave what is the supervisor's, answer, and never return."""
        code = FAILED
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the supervisor passes it on in order
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDLED)
            os.close(self._held)
            for listener in self._listeners:
                if listener is not worker.listener:
                    listener.close()
            with plain_errors():
                uvloop.run(self._work(worker, said))
            code = 0
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else FAILED
        except BaseException:
            log.exception("a worker failed", worker=worker.number)
        finally:
            os._exit(code)

    async def _work(self, worker: Worker, said: int) -> None:
        asked = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._lifeline, asked.set)
        first = not self._prepared

        async def answering(septet: Septet) -> None:
            os.write(said, _READY)
            os.close(said)
            if first:
                await self._greet(septet)

        await answer(self._plan, worker.listener, migrate=first, answering=answering, asked_to_end=asked)

    def _bury(self) -> None:
        """Look which workers ended, and decide what follows."""
        for worker in self._workers:
            if not worker.runs:
                continue
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                if worker.ready_pipe >= 0:
                    self._on_word(worker)
                worker.pid = 0
                self._on_end(worker, os.waitstatus_to_exitcode(status))

    def _on_end(self, worker: Worker, code: int) -> None:
        """`code` is negative for a signal that killed it."""
        if self._stopping:
            asked_before_it_was_up = code == -signal.SIGTERM
            self._code = self._code or (FAILED if code and not asked_before_it_was_up else 0)
        elif not self._prepared:  # it said why; another try would fail the same way
            self._stop(code if code > 0 else FAILED)
        else:
            quickly = not worker.is_ready or time.monotonic() - worker.started < _QUICKLY
            worker.quick_deaths = worker.quick_deaths + 1 if quickly else 0
            if worker.quick_deaths >= _MOST_QUICK_DEATHS:
                log.error("a worker dies again and again: giving up", worker=worker.number, exit_code=code)
                self._stop(FAILED)
            else:
                pause = _FIRST_PAUSE * 2 ** (worker.quick_deaths - 1) if quickly else 0.0
                worker.start_at = time.monotonic() + pause
                log.error("a worker died and is started again", worker=worker.number, exit_code=code, pause=pause)

    def _stop(self, code: int) -> None:
        """Ask every worker to end, and take no connections for them any more."""
        self._stopping = True
        self._code = code
        self._kill_at = time.monotonic() + 2 * self._plan.settings.drain_timeout + _TO_CLOSE
        for listener in self._listeners:
            listener.close()
        for worker in self._workers:
            worker.start_at = None
            if worker.runs:
                os.kill(worker.pid, signal.SIGTERM)

    def _lose_patience(self) -> None:
        if self._kill_at is None or time.monotonic() < self._kill_at:
            return
        self._code = FAILED
        self._kill_at = None
        for worker in self._workers:
            if worker.runs:
                os.kill(worker.pid, signal.SIGKILL)


@contextlib.contextmanager
def _woken_by_signals() -> Iterator[int]:
    """A descriptor from which the numbers of signals are read as they arrive."""
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    os.set_blocking(woken, False)
    before = signal.set_wakeup_fd(waker)
    for number in _HANDLED:
        signal.signal(number, lambda number, frame: None)
    try:
        yield woken
    finally:
        signal.set_wakeup_fd(before)
        os.close(woken)
        os.close(waker)

"""The one thread that writes: it takes everything that waits, runs it in one transaction, commits,
and only then answers.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from random import random
from threading import Thread
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from rtdash.store.errors import OutcomeUnknown, RunAgain, StoreUnavailable, is_conflict, translate
from rtdash.store.write_jobs import Commit, Job, Settled

ATTEMPTS = 3
"""Runs of a transaction that another one undid, that lost its connection, or that asks for it."""

CONFLICT_PAUSE_S = 0.05
"""Longest pause before a transaction that another one undid runs again, times the attempts so far.
At once it would take its locks anew before the other, on a busy machine, has been woken for them.
"""


class Writer:
    """Functions of a connection, submitted on the event loop and run in order in a thread of their
    own.

    `report` is called on the event loop after each transaction, before its callers get their
    answers.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        queue_limit: int,
        report: Callable[[Commit], None],
        enter: Callable[[Connection, bool], None] = lambda _conn, _is_new: None,
        on_disk_error: Callable[[], None] = lambda: None,
        after_commit: Callable[[Connection], None] = lambda _conn: None,
    ) -> None:
        self._open_connection = connect
        self._queue_limit = queue_limit
        self._report = report
        self._enter = enter
        self._on_disk_error = on_disk_error
        self._after_commit = after_commit
        self._is_new = True
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._is_closing = False
        self._submitted = self._done = 0
        self._conn: Connection | None = None
        self._thread = Thread(target=self._run, name="rtdash-writer", daemon=True)
        self._thread.start()

    def submit(
        self, work: Callable[[Connection], Any], on_failed: Callable[[], None] | None = None
    ) -> asyncio.Future[Any]:
        """Queue `work`. The future gets its result after COMMIT, or StoreUnavailable,
        OutcomeUnknown, or what it raised itself.

        Futures are settled in the order of commit; `on_failed` is called in the writer's thread,
        before anything else is written. Raises StoreUnavailable when too many wait or it is closed.
        """
        if self._is_closing:
            raise StoreUnavailable("the store is closed", reason="closed")
        if self._queue.qsize() >= self._queue_limit:
            raise StoreUnavailable(f"{self._queue_limit} writes wait already", reason="queue_full")
        future: asyncio.Future[Any] = self._loop.create_future()
        self._submitted += 1
        self._queue.put(Job(work, future, monotonic(), on_failed))
        return future

    @property
    def quiet_mark(self) -> int | None:
        """The number of writes so far, None while one waits or runs; asked for on the event loop."""
        return self._submitted if self._done == self._submitted else None

    async def finish(self) -> None:
        """Write what waits, then end the thread."""
        self._is_closing = True
        self._queue.put(None)  # nothing comes behind it
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            taken = self._take()
            jobs = [job for job in taken if job is not None]
            is_last = len(jobs) < len(taken)
            self._write(jobs)
            self._done += len(jobs)
            self._tidy()
        self._drop_connection()

    def _take(self) -> list[Job | None]:
        first = self._queue.get()
        # no other thread takes from it; what comes meanwhile is for the next transaction
        return [first, *(self._queue.get() for _ in range(self._queue.qsize()))]

    def _write(self, jobs: Sequence[Job]) -> None:
        """Run the jobs in one transaction; where one of several raises, each in its own, so that it
        harms no other.
        """
        if not (jobs := [job for job in jobs if not job.future.cancelled()]):
            return
        began = monotonic()
        fault: StoreUnavailable | None = None
        try:
            settled = [
                Settled(job, result=result)
                for job, result in zip(jobs, self._transact(jobs), strict=True)
            ]
        except StoreUnavailable as trouble:
            fault = trouble
            settled = [Settled(job, error=trouble) for job in jobs]
            if trouble.reason == "io_error":
                self._leave_file()
        except Exception as error:  # noqa: BLE001
            # whatever a caller's function raises goes to that caller
            if len(jobs) > 1:
                for job in jobs:
                    self._write([job])
                return
            settled = [Settled(jobs[0], error=error)]
        for one in settled:
            if one.error is not None and one.job.on_failed is not None:
                one.job.on_failed()
        ended = monotonic()
        commit = Commit(len(jobs), began - jobs[0].queued_at, ended - began, fault)
        # A loop that was closed without closing the store has no caller left.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle, commit, settled)

    def _tidy(self) -> None:
        """Do what the store needs between transactions; callers have their answers."""
        try:
            if self._conn is not None:
                self._after_commit(self._conn)
        except StoreUnavailable:
            self._leave_file()

    def _leave_file(self) -> None:
        self._drop_connection()
        self._on_disk_error()

    def _transact(self, jobs: Sequence[Job]) -> list[Any]:
        """The results of the jobs, committed. Raises StoreUnavailable, or what the first failing
        job raised; then nothing is stored.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._attempt(jobs)
            except RunAgain:
                if attempt == ATTEMPTS:
                    raise
            except SQLAlchemyError as error:
                fault = translate(error)
                if fault is not None:
                    self._drop_connection()
                if attempt < ATTEMPTS and is_conflict(error):
                    sleep(CONFLICT_PAUSE_S * attempt * (1 + random()) / 2)  # noqa: S311
                    continue
                if attempt < ATTEMPTS and fault is not None and fault.reason == "lost":
                    continue
                if fault is not None:
                    raise fault from error
                if is_conflict(error):
                    raise StoreUnavailable(
                        "other processes wrote the same rows again and again", reason="conflict"
                    ) from error
                raise
        raise AssertionError("the last attempt returns or raises")

    def _attempt(self, jobs: Sequence[Job]) -> list[Any]:
        conn = self._connect()
        transaction = conn.begin()
        try:
            self._enter(conn, self._is_new)
            # Group commit: everything that waited shares one transaction, and so one fsync. While
            # it runs the next group gathers, so that groups grow with the load and a single
            # booking waits for no other.
            results = [job.work(conn) for job in jobs]
        except BaseException:
            self._roll_back()
            raise
        try:
            transaction.commit()
        except SQLAlchemyError as error:
            fault = translate(error)
            self._drop_connection()
            reason, hint = (fault.reason, fault.hint) if fault else ("commit_failed", "")
            raise OutcomeUnknown(
                f"COMMIT failed ({fault or error})", reason=reason, hint=hint
            ) from error
        self._is_new = False
        return results

    def _connect(self) -> Connection:
        if self._conn is None:
            self._conn, self._is_new = self._open_connection(), True
        return self._conn

    def _roll_back(self) -> None:
        """Undo what the transaction did; a connection that can't even do that is replaced."""
        try:
            assert self._conn is not None, "a transaction runs on it"
            self._conn.rollback()
        except SQLAlchemyError:
            self._drop_connection()

    def _drop_connection(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            # It may be broken in any way: closing is all that is wanted of it.
            with contextlib.suppress(SQLAlchemyError):
                conn.invalidate()
            with contextlib.suppress(SQLAlchemyError):
                conn.close()

    def _settle(self, commit: Commit, settled: Sequence[Settled]) -> None:
        self._report(commit)
        for one in settled:
            if one.job.future.done():
                continue
            if one.error is not None:
                one.job.future.set_exception(one.error)
            else:
                one.job.future.set_result(one.result)

"""Lives of a store on the simulated disk: `LD_PRELOAD=simulated_disk.so python -m
tests.faults.disk_lives HOME SEED…` prints a line of JSON for each.

A life writes, meets faults and goes on. After any write the machine may lose its power: what the
disk has then must be whole, with everything that was acknowledged.
"""

import asyncio
import contextlib
import ctypes
import json
import logging
import os
import random
import shutil
import sqlite3
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, insert, select, update

from rtdash.store import sqlite_log
from rtdash.store.database import Database, StoreError
from rtdash.store.schema import meta

STEPS = 10
KINDS = ("log", "database", "both", "background", "writes")
COUNTS = ("fsyncs", "failed", "given_up", "evicted")


class Faults(ctypes.Structure):
    """Per 10,000 operations: of the database, its log, its journal."""

    _fields_ = (
        ("fsync", ctypes.c_int * 3),
        ("write", ctypes.c_int * 3),
        ("writeback", ctypes.c_int * 3),
        ("evict", ctypes.c_int),
        ("reaches_disk", ctypes.c_int),
    )


def draw_faults(kind: str, rng: random.Random) -> Faults:
    """Faults of a kind, rare or frequent."""
    faults = Faults(evict=rng.choice((0, 20, 200)), reaches_disk=rng.choice((0, 3_000, 8_000)))
    if kind in {"database", "both", "writes"}:
        faults.fsync[0] = rng.choice((1_000, 3_000, 6_000))
    if kind in {"log", "both", "writes"}:
        faults.fsync[1] = rng.choice((200, 600, 1_500))
    if kind in {"background", "writes"}:
        faults.writeback[:2] = rng.choice((30, 300)), rng.choice((20, 100))
    if kind == "writes":
        faults.write[:2] = rng.choice((20, 200)), rng.choice((10, 60))
    return faults


class Life:
    """One store, from its first write to its end."""

    def __init__(self, simulation: ctypes.CDLL, home: Path, seed: int) -> None:
        self._simulation = simulation
        self._home = home / str(seed)
        self._rng = random.Random(seed)
        self._kind = KINDS[seed % len(KINDS)]
        self._seed = seed
        self._file = self._home / "data" / "rtdash.db"
        self._acknowledged: dict[str, str] = {}
        self._refused = self._cuts = self._number = 0
        self._wrong = ""
        self._other: sqlite3.Connection | None = None

    async def run(self) -> bool:
        """Print what it saw; whether nothing was wrong."""
        shutil.rmtree(self._home, ignore_errors=True)
        for name in ("data", "disk", "cut"):
            (self._home / name).mkdir(parents=True, mode=0o700)
        names = (self._file.parent, self._file, self._home / "disk", self._home / "trace")
        self._simulation.sim_begin(
            *(os.fsencode(name) for name in names), ctypes.c_uint64(self._seed)
        )
        store = await Database.open(
            f"sqlite:///{self._file}",
            data_dir=self._file.parent,
            clock=lambda: datetime.now(UTC),
            busy_timeout_s=0.2,
        )
        readers = [asyncio.ensure_future(self._read(store)) for _ in range(self._rng.randrange(3))]
        for step in range(STEPS):
            await self._step(store, has_faults=step % 2 == 1)
        self._fail(Faults())
        if self._other is not None:
            self._other.close()
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        if not await store.probe():
            self._wrong = self._wrong or f"it doesn't come back: {store.fault}"
        await store.close()
        self._simulation.sim_evict()
        self._cut()
        return self._tell()

    async def _step(self, store: Database, *, has_faults: bool) -> None:
        self._fail(draw_faults(self._kind, self._rng) if has_faults else Faults())
        if self._other is not None and self._rng.random() < 0.6:
            self._other.close()
            self._other = None
        elif self._other is None and self._rng.random() < 0.25:
            self._other = _other_program(self._file)
        for _ in range(self._rng.randrange(2, 8)):
            writes = [self._write(store) for _ in range(self._rng.choice((1, 1, 1, 3, 8)))]
            await asyncio.gather(*writes)
            if self._rng.random() < 0.3:
                self._cut()
            if self._rng.random() < 0.05:
                self._simulation.sim_evict()

    def _fail(self, faults: Faults) -> None:
        self._simulation.sim_faults(ctypes.byref(faults))

    async def _write(self, store: Database) -> None:
        self._number += 1
        key = f"{self._rng.getrandbits(32):08x}-{self._number}"
        value = f"{self._number:08}" + "v" * self._rng.choice((5, 50, 700, 3_000))

        def work(conn: Connection) -> None:
            conn.execute(insert(meta), {"key": key, "value": value})
            conn.execute(update(meta).where(meta.c.key == "probed_at"), {"value": value[:8]})

        try:
            await store.write(work)
            self._acknowledged[key] = value
        except StoreError:
            self._refused += 1

    async def _read(self, store: Database) -> None:
        """Read for some ms, in the way of checkpoints."""
        pauses = random.Random(self._seed)

        def look(conn: Connection) -> set[str]:
            conn.execute(select(meta.c.key).limit(1)).all()
            time.sleep(pauses.random() * 0.02)
            return set(conn.execute(select(meta.c.key)).scalars())

        while True:
            known = set(self._acknowledged)
            with contextlib.suppress(StoreError):
                if missing := known - await store.read(look):
                    self._wrong = self._wrong or f"a read misses {len(missing)} of {len(known)}"
            await asyncio.sleep(pauses.random() * 0.01)

    def _cut(self) -> None:
        self._cuts += 1
        cut = self._home / "cut" / "rtdash.db"
        cut.with_name("rtdash.db-shm").unlink(missing_ok=True)
        self._simulation.sim_cut(os.fsencode(cut), ctypes.c_uint64(self._rng.getrandbits(60)))
        if not self._wrong:
            self._wrong = find_damage(cut, self._acknowledged)

    def _tell(self) -> bool:
        counts = (ctypes.c_int64 * len(COUNTS))()
        self._simulation.sim_counts(counts)
        seen = {"seed": self._seed, "kind": self._kind, "acknowledged": len(self._acknowledged)}
        seen |= {"refused": self._refused, "cuts": self._cuts} | dict(
            zip(COUNTS, counts, strict=True)
        )
        sys.stdout.write(json.dumps({**seen, "wrong": self._wrong}) + "\n")
        sys.stdout.flush()
        if not self._wrong:
            shutil.rmtree(self._home)
        return not self._wrong


def _other_program(file: Path) -> sqlite3.Connection | None:
    """A reader that stands in the middle of a transaction, such as a backup."""
    other = sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None, timeout=0.05)
    try:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM meta").fetchall()
    except sqlite3.Error:
        other.close()
        return None
    return other


def find_damage(file: Path, acknowledged: dict[str, str]) -> str:
    """What is wrong with a database that a power cut has left; nothing if it is empty."""
    try:
        with contextlib.closing(sqlite3.connect(file)) as database:
            (verdict,) = database.execute("PRAGMA integrity_check(1)").fetchone()
            found = dict(database.execute("SELECT key, value FROM meta"))
    except sqlite3.Error as error:
        return f"damaged: {error}"
    lost = [key for key, value in acknowledged.items() if found.get(key) != value]
    if verdict != "ok":
        return f"damaged: {verdict}"
    return f"lost {len(lost)} of {len(acknowledged)}" if lost else ""


def main() -> None:
    """Live the seeds of the command line; exit code 1 if anything was wrong."""
    logging.disable(logging.CRITICAL)
    sqlite_log.LOG_PAGES = 75
    simulation = ctypes.CDLL(os.environ["LD_PRELOAD"])
    home, *seeds = sys.argv[1:]
    were_well = [asyncio.run(Life(simulation, Path(home), int(seed)).run()) for seed in seeds]
    sys.exit(not all(were_well))


if __name__ == "__main__":
    main()

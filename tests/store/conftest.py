"""The fixtures of every test on a store."""

from tests.stores import anyio_backend, clock, database, database_url

__all__ = ["anyio_backend", "clock", "database", "database_url"]

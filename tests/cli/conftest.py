"""A server as it is typed, for the commands that talk to it."""

from tests.client.processes import served

__all__ = ["served"]

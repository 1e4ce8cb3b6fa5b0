"""A server as it is typed, with the metrics that it shows."""

from tests.client.processes import served

__all__ = ["served"]

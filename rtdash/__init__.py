"""rtdash: the real-time backend of hotel and restaurant dashboards, and the tools around it."""

from importlib.metadata import version

__version__ = version("rtdash")

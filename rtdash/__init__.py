"""rtdash: the real-time backend of hotel and restaurant dashboards, and the tools around it."""


def __getattr__(name: str) -> str:
    """`__version__`, when it is asked for: nothing is imported here, so that a Ctrl-C at once finds
    `cli` ready for it.
    """
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version  # noqa: PLC0415

    return version(__name__)

"""Limit of the open files of a process, for all that hold many connections."""

import resource


def raise_file_limit() -> None:
    """Allow this process as many open files as the system permits: each connection is one. Children
    inherit the limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

"""Constants that take long to make: documents and pages, each made once a process, at first use."""

import asyncio
from functools import _lru_cache_wrapper
from typing import Any, TypeVar

Value = TypeVar("Value")


async def made_once(make: "_lru_cache_wrapper[Value]", *arguments: Any) -> Value:
    """Return what a cached function gives. The first time it runs in a thread: it may take a tenth
    of a second, for which connections don't wait.
    """
    if make.cache_info().currsize:
        return make(*arguments)
    return await asyncio.to_thread(make, *arguments)

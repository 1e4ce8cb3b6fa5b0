"""Requests as monitors and proxies send them, made into those that the routes know."""

from starlette.types import Message, Scope, Send


def as_get(scope: Scope, send: Send) -> tuple[Scope, Send]:
    """Return a HEAD request as a GET with an answer that is sent without its body: HEAD is answered
    wherever GET is (RFC 9110 section 9.3.2).
    """

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return {**scope, "method": "GET"}, send_head


def without_prefix(scope: Scope) -> Scope:
    """Return the scope without the root path, for a proxy that has not taken it off itself."""
    path, prefix = scope["path"], scope["root_path"]
    if not path.startswith(f"{prefix}/"):
        return scope
    return {**scope, "path": path.removeprefix(prefix)}

"""The dashboard page and the browser client: files of the package, held in memory, compressed at
the start.
"""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rtdash.protocol.etags import is_listed, weak_etag

_FILES = Path(__file__).resolve().parent.parent / "web"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}
_COMMENT = re.compile(r"^[ \t]*(?:/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*|//.*)$", re.MULTILINE)
_SHIM = b'export * from "./lib/rtdash.js";\n'
CACHE_CONTROL = "no-cache"
"""To be asked about before each use, so that a page is never of two versions."""


@dataclass(frozen=True, slots=True)
class WebFile:
    """A file as it is sent: plain and compressed."""

    content: bytes
    compressed: bytes
    etag: str
    media_type: str


def web_routes(frame_ancestors: str) -> list[Route]:
    """Return the routes of the page and of the browser client.

    `frame_ancestors` are the sources, as in a Content-Security-Policy, that may frame the page.
    """
    headers = _security_headers(frame_ancestors)
    return [
        Route(path, partial(send_file, file=file, headers=headers), methods=["GET"])
        for path, file in load_files().items()
    ]


def load_files() -> dict[str, WebFile]:
    """Return every file of the page and of the client by its path on the server."""
    sources = dict(_read_sources())
    digest = blake2b(digest_size=8)
    for path, content in sorted(sources.items()):
        digest.update(path.encode() + b"\0" + content)
    build, release = digest.hexdigest(), version("rtdash")
    index = sources.pop("/page/index.html").decode()
    sources["/"] = index.replace("{{build}}", build).replace("{{version}}", release).encode()
    # A page that stands for weeks compares its own build with this one.
    sources["/page/build.json"] = json.dumps({"build": build, "version": release}).encode()
    sources["/rtdash.js"] = _SHIM
    return {path: make_file(path, content) for path, content in sources.items()}


def strip_comments(source: str) -> str:
    """Return a module without the comments that have lines of their own; line numbers stay.

    Types and reasons are half of what the modules weigh: they are for readers of the package.
    """
    return _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), source)


def _read_sources() -> Iterator[tuple[str, bytes]]:
    for folder in ("lib", "page"):
        for file in (_FILES / folder).iterdir():
            if file.suffix in _MEDIA_TYPES:
                content = file.read_text(encoding="utf-8")
                if file.suffix == ".js":
                    content = strip_comments(content)
                yield f"/{folder}/{file.name}", content.encode()


def make_file(path: str, content: bytes) -> WebFile:
    """Return a file as it is sent; the suffix of its path names its type."""
    return WebFile(
        content,
        gzip.compress(content, 9, mtime=0),
        weak_etag(content),
        _MEDIA_TYPES[Path(path).suffix or ".html"],
    )


async def send_file(request: Request, *, file: WebFile, headers: Mapping[str, str]) -> Response:
    """Send the file, compressed where that is accepted; 304 to a client that has it."""
    head = {**headers, "ETag": file.etag, "Cache-Control": CACHE_CONTROL, "Vary": "Accept-Encoding"}
    if is_listed(request.headers.get("if-none-match"), file.etag):
        return Response(status_code=304, headers=head)
    if "gzip" in request.headers.get("accept-encoding", ""):
        head["Content-Encoding"] = "gzip"
        return Response(file.compressed, media_type=file.media_type, headers=head)
    return Response(file.content, media_type=file.media_type, headers=head)


def _security_headers(frame_ancestors: str) -> dict[str, str]:
    """Nothing but the server's own files runs in the page, and no text becomes markup."""
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": frame_ancestors,
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": (
            "camera=(), geolocation=(), microphone=(), payment=(), usb=(),"
            " fullscreen=(self), screen-wake-lock=(self)"
        ),
    }

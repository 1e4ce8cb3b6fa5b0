"""The guide at `/guide`: the package's Markdown pages as HTML, rendered at the first request."""

from base64 import b64encode
from functools import cache, partial
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from rtdash.resources import guide_pages, guide_pictures
from rtdash.server.guide_style import STYLE
from rtdash.server.made_once import made_once
from rtdash.server.web import WebFile, make_file, send_file

PATH = "/guide"
_STYLE_HASH = "sha256-" + b64encode(sha256(STYLE.encode()).digest()).decode()
"""Source of the only style that the pages may have (CSP level 3, section 2.3.1)."""


def guide_routes(frame_ancestors: str) -> list[Route]:
    """Return the routes of the guide: `/guide`, its quickstart, `/guide/{page}`, and its pictures
    at `/guide/pictures/{name}`.
    """
    policy = {
        "default-src": "'none'",
        "img-src": "'self'",
        "style-src": f"'{_STYLE_HASH}'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": frame_ancestors,
    }
    headers = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    serve = partial(_serve, headers=headers)
    return [
        Route(PATH, serve, methods=["GET"]),
        Route(f"{PATH}/{{page:path}}", serve, methods=["GET"]),
    ]


async def _serve(request: Request, *, headers: dict[str, str]) -> Response:
    files = await made_once(load_guide)
    file = files.get(request.path_params.get("page", ""))
    if file is None:
        known = ", ".join(name for name in files if name and "/" not in name)
        return PlainTextResponse(f"There is no such page. There are: {known}\n", 404, headers)
    return await send_file(request, file=file, headers=headers)


@cache
def load_guide() -> dict[str, WebFile]:
    """Return pages and pictures by name; under the empty name the first one, as `/guide` shows it.

    Links are relative, so that they hold below any path that a proxy puts before the server's.
    """
    # the renderer takes a while to import, and few ask for the guide
    from rtdash.server.guide_renderer import render  # noqa: PLC0415

    pages = guide_pages()
    first = next(iter(pages.values()))
    files = {
        name: make_file(f"{name}.html", render(page, pages, "")) for name, page in pages.items()
    }
    pictures = {
        f"pictures/{path.name}": make_file(path.name, path.read_bytes())
        for path in guide_pictures()
    }
    return {"": make_file("index.html", render(first, pages, "guide/"))} | files | pictures

"""The guide at `/guide`: the package's Markdown pages as HTML, rendered at the first request."""

import re
from base64 import b64encode
from functools import cache, partial
from hashlib import sha256
from html import escape
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from rtdash.resources import GuidePage, guide_pages
from rtdash.server.web import WebFile, make_file, send_file

PATH = "/guide"
_COMMENT = re.compile(r"^<!--.*?-->\n", re.MULTILINE | re.DOTALL)
_PAGE_LINK = re.compile(r"([a-z-]+)\.md((?:#.*)?)\Z")
_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.55 system-ui,sans-serif;max-width:52rem;margin:0 auto;padding:1rem}
nav{font-size:.9rem;border-bottom:1px solid #8886;padding-bottom:.6rem}
nav a{margin-right:.8rem;white-space:nowrap}
nav a[aria-current]{font-weight:bold;text-decoration:none}
h1,h2,h3{line-height:1.2;margin-top:1.8em}
pre,code{font:.88em ui-monospace,monospace;background:#8881;border-radius:4px}
code{padding:.1em .3em}
pre{padding:.8rem;overflow-x:auto}
pre code{padding:0;background:none}
table{border-collapse:collapse;display:block;overflow-x:auto}
th,td{border:1px solid #8886;padding:.3rem .6rem;text-align:left;vertical-align:top}
"""
_STYLE_HASH = "sha256-" + b64encode(sha256(_STYLE.encode()).digest()).decode()
"""Source of the only style that the pages may have (CSP level 3, section 2.3.1)."""


def guide_routes(frame_ancestors: str) -> list[Route]:
    """Return the routes of the guide: `/guide`, its quickstart, and `/guide/{page}`."""
    policy = {
        "default-src": "'none'",
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
        Route(f"{PATH}/{{page}}", serve, methods=["GET"]),
    ]


async def _serve(request: Request, *, headers: dict[str, str]) -> Response:
    files = load_guide()
    file = files.get(request.path_params.get("page", ""))
    if file is None:
        known = ", ".join(name for name in files if name)
        return PlainTextResponse(f"There is no such page. There are: {known}\n", 404, headers)
    return await send_file(request, file=file, headers=headers)


@cache
def load_guide() -> dict[str, WebFile]:
    """Return the pages by name; under the empty name the first one, as `/guide` shows it.

    Links are relative, so that they hold below any path that a proxy puts before the server's.
    """
    pages = guide_pages()
    first = next(iter(pages.values()))
    files = {
        name: make_file(f"{name}.html", _render(page, pages, "")) for name, page in pages.items()
    }
    return {"": make_file("index.html", _render(first, pages, "guide/"))} | files


def _render(page: GuidePage, pages: dict[str, GuidePage], prefix: str) -> bytes:
    """Render a page; `prefix` leads from its address to those of the others."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(_COMMENT.sub("", page.text))
    _name_headings(tokens)
    _link_pages(tokens, prefix)
    body = parser.renderer.render(tokens, parser.options, {})
    links = " ".join(
        f'<a href="{prefix}{name}"{" aria-current=page" if name == page.name else ""}>{name}</a>'
        for name in pages
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(page.title)} · rtdash</title><style>{_STYLE}</style>"
        f"<nav>{links}</nav><main>{body}</main></html>"
    ).encode()


def _name_headings(tokens: list[Token]) -> None:
    """Give each heading the id that links of the pages use: as GitHub makes it."""
    for heading, inline in pairwise(tokens):
        if heading.type == "heading_open":
            words = re.sub(r"[^\w\- ]", "", inline.content.lower())
            heading.attrSet("id", words.replace(" ", "-"))


def _link_pages(tokens: list[Token], prefix: str) -> None:
    """Turn links to `page.md` into links to the page's address."""
    for token in tokens:
        for child in token.children or ():
            href = str(child.attrGet("href") or "")
            if child.type == "link_open" and (found := _PAGE_LINK.match(href)):
                child.attrSet("href", f"{prefix}{found[1]}{found[2]}")

"""Rendering of the guide's Markdown pages as HTML."""

import re
from html import escape
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

from rtdash.resources import GuidePage
from rtdash.server.guide_style import STYLE

_COMMENT = re.compile(r"^<!--.*?-->\n", re.MULTILINE | re.DOTALL)
_PAGE_LINK = re.compile(r"([a-z-]+)\.md((?:#.*)?)\Z")


def render(page: GuidePage, pages: dict[str, GuidePage], prefix: str) -> bytes:
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
        f"<title>{escape(page.title)} · rtdash</title><style>{STYLE}</style>"
        f"<nav>{links}</nav><main>{body}</main></html>"
    ).encode()


def _name_headings(tokens: list[Token]) -> None:
    """Give each heading the id that links of the pages use: as GitHub makes it."""
    for heading, inline in pairwise(tokens):
        if heading.type == "heading_open":
            words = re.sub(r"[^\w\- ]", "", inline.content.lower())
            heading.attrSet("id", words.replace(" ", "-"))


def _link_pages(tokens: list[Token], prefix: str) -> None:
    """Turn links to `page.md` into links to the page's address; pictures stand below it."""
    for token in tokens:
        for child in token.children or ():
            href = str(child.attrGet("href") or "")
            if child.type == "link_open" and (found := _PAGE_LINK.match(href)):
                child.attrSet("href", f"{prefix}{found[1]}{found[2]}")
            elif child.type == "image":
                child.attrSet("src", f"{prefix}{child.attrGet('src')}")

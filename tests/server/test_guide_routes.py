"""The guide as the server shows it: every page, its links, and nothing that runs."""

import re
from urllib.parse import urljoin

import httpx2
import pytest

from rtdash.resources import guide_pages, guide_pictures
from rtdash.server.guide_routes import load_guide

PAGES = list(guide_pages())


@pytest.mark.parametrize("path", ["", *(f"/{page}" for page in PAGES)])
def test_links_lead_somewhere(path):
    """To a page that there is and to a heading that it has, below any path of a proxy."""
    base = f"http://dash.example/below/guide{path}"
    html = load_guide()[path.removeprefix("/")].content.decode()
    for href in re.findall(r'href="([^"]+)"', html):
        address, _, fragment = urljoin(base, href).partition("#")
        if address.startswith("http://dash.example/"):
            page = address.removeprefix("http://dash.example/below/guide").removeprefix("/")
            there = load_guide()[page].content.decode()
            assert not fragment or f'id="{fragment}"' in there, href


def test_pages_are_served_without_a_token(server):
    """`/guide` is the quickstart; what isn't there is 404 with what there is."""
    first = httpx2.get(f"{server.url}/guide")
    assert "<h1" in first.text
    assert "default-src 'none'" in first.headers["content-security-policy"]
    again = httpx2.get(f"{server.url}/guide", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert "Protocol" in httpx2.get(f"{server.url}/guide/protocol").text
    missing = httpx2.get(f"{server.url}/guide/nowhere")
    assert (missing.status_code, "quickstart" in missing.text) == (404, True)


def test_pictures_are_shown(server):
    """Each picture that a page names is served, may be shown, and is small; none is without use."""
    shown = set()
    for page in PAGES:
        at = f"{server.url}/guide/{page}"
        answer = httpx2.get(at)
        for source in re.findall(r'<img src="([^"]+)" alt="[^"]+"', answer.text):
            assert "img-src 'self'" in answer.headers["content-security-policy"]
            picture = httpx2.get(urljoin(at, source))
            assert picture.headers["content-type"] == "image/png"
            assert picture.content.startswith(b"\x89PNG")
            assert len(picture.content) <= 150_000, source
            shown.add(source.rpartition("/")[2])
    assert shown == {path.name for path in guide_pictures()}
    assert shown


def test_no_comment_is_shown():
    """What the Markdown says to tools alone isn't for readers."""
    assert all(b"not run:" not in file.content for file in load_guide().values())

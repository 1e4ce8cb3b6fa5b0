"""The dashboard page and the browser client as files: what is sent, how, and within which size."""

import gzip
import re

import httpx2
import pytest

from rtdash.server.web import load_files, strip_comments

FILES = load_files()
SENT = {path: file for path, file in FILES.items() if not path.endswith(".d.ts")}


def test_the_page_needs_no_token(server):
    """The page, each module and each picture are served without a token, with the headers."""
    for path in FILES:
        answer = httpx2.get(server.url + path)
        assert answer.status_code == 200, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["content-encoding"] == "gzip"


def test_what_is_known_is_not_sent_again(server):
    """The ETag of each file is answered with 304; another, or none, with the file."""
    first = httpx2.get(f"{server.url}/lib/session.js")
    again = httpx2.get(
        f"{server.url}/lib/session.js", headers={"If-None-Match": first.headers["etag"]}
    )
    assert again.status_code == 304
    assert not again.content
    other = httpx2.get(f"{server.url}/lib/session.js", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


def test_a_client_without_gzip_gets_it_plain(server):
    """The content is the same, compressed or not."""
    with httpx2.stream(
        "GET", f"{server.url}/page/page.js", headers={"Accept-Encoding": "identity"}
    ) as answer:
        assert "content-encoding" not in answer.headers
        plain = answer.read()
    assert plain == httpx2.get(f"{server.url}/page/page.js").content


def test_framing_is_a_setting(serve):
    """A page of one's own may frame the dashboard where the setting names it."""
    server = serve(frame_ancestors="https://intranet.example")
    policy = httpx2.get(server.url).headers["content-security-policy"]
    assert "frame-ancestors https://intranet.example" in policy


def test_sizes_stay_within_the_budget():
    """The client in 14 KB, the whole page in 45 KB, in at most 20 requests."""
    lib = [file for path, file in SENT.items() if path.startswith("/lib/")]
    page = [file for path, file in SENT.items() if path not in {"/rtdash.js", "/page/build.json"}]
    assert sum(len(file.compressed) for file in lib) <= 14_000
    assert sum(len(file.compressed) for file in page) <= 45_000
    assert len(page) <= 20


def test_every_module_is_preloaded():
    """The page names each module, and nothing that is not there; nothing is from elsewhere."""
    index = FILES["/"].content.decode()
    named = set(re.findall(r'<link rel="modulepreload" href="([^"]+)"', index))
    modules = {path[1:] for path in SENT if path.endswith(".js") and path != "/rtdash.js"}
    assert named == modules
    for path in re.findall(r'(?:href|src)="([^"]+)"', index):
        assert f"/{path}" in FILES
    imported = re.findall(
        r'from "(\.[^"]+)"', "".join(file.content.decode() for file in SENT.values())
    )
    assert all(one.startswith(("./", "../")) for one in imported)


def test_files_carry_their_build():
    """A page compares its own build with the server's."""
    build = re.search(rb'rtdash-build" content="(\w+)"', FILES["/"].content)
    assert build is not None
    assert build[1] in FILES["/page/build.json"].content


@pytest.mark.parametrize(
    ("source", "left"),
    [
        ("/** About. */\nconst a = 1;\n", "\nconst a = 1;\n"),
        ("  // why\n  b();\n", "\n  b();\n"),
        ("/**\n * One\n * two.\n */\nc();\n", "\n\n\n\nc();\n"),
        ("const d = /** @type {any} */ (e);\n", "const d = /** @type {any} */ (e);\n"),
        ("/** @type {X} */ f = 1;\n/** g */\n", "/** @type {X} */ f = 1;\n\n"),
        ('const url = "http://example";\n', 'const url = "http://example";\n'),
        ("a = 1; // kept: the line is code\n", "a = 1; // kept: the line is code\n"),
    ],
)
def test_only_comments_on_lines_of_their_own_go(source, left):
    """Code stays as it is, on its line."""
    assert strip_comments(source) == left


def test_compressed_files_are_the_files():
    """What is sent compressed unpacks to what is sent plain."""
    for file in FILES.values():
        assert gzip.decompress(file.compressed) == file.content

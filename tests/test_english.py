"""The coarse part of the rule for English: docstrings that stand alone, and no person for a thing.

The rule is in the guide, page contributing, section English.
"""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(path for room in ("rtdash", "loadtests") for path in (ROOT / room).rglob("*.py"))
PERSONS = re.compile(
    r"\b(tell|tells|told|telling|whoever|somebody|nobody|whose|whom|everybody|everyone)\b"
    r"|(?<!guest )(?<!guests )(?<!person )(?<!user )(?<!operator )(?<!operators )\bwho\b",
    re.IGNORECASE,
)
"""The last word is right for people: a guest who comes again."""
PRONOUNS = re.compile(
    r"(It|They|He|She|We|You|This|That|These|Those|Its|Their|Them|What|Which)\b|\.\.\.|…"
)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_stand_alone(path):
    """No docstring opens with a pronoun or an ellipsis."""
    opened = [
        f"{node.lineno}: {text.splitlines()[0]}"
        for node, text in _docstrings(path)
        if PRONOUNS.match(text)
    ]
    assert opened == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_person_for_a_thing(path):
    """Docstrings, comments and texts speak of clients, processes and callers as of things."""
    assert _persons(path.read_text()) == []


def test_the_guide_speaks_of_things():
    """README and guide keep to the same words."""
    for page in [ROOT / "README.md", *(ROOT / "rtdash" / "guide").glob("*.md")]:
        lines = page.read_text().splitlines()
        assert [line for line in lines if re.search(r"\b(tells?|told)\b", line)] == [], page


def _docstrings(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield (node.body[0], text)


def _persons(source):
    found = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            match = PERSONS.search(token.string)
            if match:
                found.append(f"{token.start[0]}: {match.group()}: {token.string[:80]}")
    return found

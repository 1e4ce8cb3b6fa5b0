"""Lines of tables and keys in a TOML text."""

from rtdash.domain.toml_lines import TomlLines

TEXT = '''# a comment
title = "x"

[[venue]]
id = "a" # id = "not this"
"name" = """
id = "nor this"
"""
[[venue.rooms]]
id = "a1"
[[ venue.rooms ]]
id = "a2"
'tags' = [
  "one",
]
[venue.address]
street.name = "s"
[[venue]]
[[venue.rooms]]
id = "b1"
rooms = [{ id = "inline" }]
'''


def test_keys_are_found_in_their_tables() -> None:
    """Each key has the number of its own line, however often it occurs."""
    lines = TomlLines(TEXT)
    assert lines.find(("title",)) == 2
    assert lines.find(("venue", 0, "id")) == 5
    assert lines.find(("venue", 0, "name")) == 6
    assert lines.find(("venue", 0, "rooms", 0, "id")) == 10
    assert lines.find(("venue", 0, "rooms", 1, "id")) == 12
    assert lines.find(("venue", 0, "rooms", 1, "tags")) == 13
    assert lines.find(("venue", 0, "address", "street")) == 17
    assert lines.find(("venue", 1, "rooms", 0, "id")) == 20


def test_what_is_not_written_is_told_by_what_is_around_it() -> None:
    """A missing key has the line of its table's header, an inline table that of its key, and an
    empty file the first line.
    """
    lines = TomlLines(TEXT)
    assert lines.find(("venue", 1, "id")) == 18
    assert lines.find(("venue", 1, "rooms", 0, "rooms", 0, "id")) == 21
    assert lines.find(("venue", 0, "rooms")) == 9
    assert lines.find(("other", 3)) == 1


def test_what_a_multi_line_text_says_is_no_key() -> None:
    """Lines inside the quotes are text, those behind them are keys again."""
    lines = TomlLines("a = '''\nb = 1\nc = 1\n'''\nb = 2\n[t]\nd = '''\n[u]\n'''\ne = 3\n")
    assert [lines.find((key,)) for key in "abc"] == [1, 5, 1]
    assert lines.find(("t", "e")) == 10


def test_a_multi_line_text_on_one_line_hides_nothing() -> None:
    """Quotes that open and close on one line leave the next line as it is."""
    lines = TomlLines("a = '''x'''\nb = \"\"\"y\"\"\"\nc = 1\n")
    assert [lines.find((key,)) for key in "abc"] == [1, 2, 3]

"""Files that travel with the package: `fixtures/`, `loadtests/` and the guide, in a checkout and in
the wheel alike.
"""

import re
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_path(*parts: str) -> Path:
    """Return the path of a packaged file, e.g. `data_path("fixtures", "venues", "default.toml")`.

    Raises FileNotFoundError with both places that were looked at.
    """
    places = [_PACKAGE / "_data" / Path(*parts), _PACKAGE.parent / Path(*parts)]
    for place in places:
        if place.exists():
            return place
    raise FileNotFoundError(f"{Path(*parts)} is neither at {places[0]} nor at {places[1]}")


@dataclass(frozen=True, slots=True)
class GuidePage:
    """A page of the guide: its name, and its Markdown."""

    name: str
    text: str

    @property
    def title(self) -> str:
        """The page's heading."""
        return self.text.partition("\n")[0].removeprefix("# ").strip()

    @property
    def summary(self) -> str:
        """The first sentence below the heading, without its markup."""
        paragraph = next(
            (
                block
                for block in self.text.split("\n\n")[1:]
                if block.strip() and not block.lstrip().startswith(("#", "```", "|", "<!--", "!["))
            ),
            "",
        )
        plain = re.sub(r"[*`]|\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(paragraph.split()))
        return re.split(r"(?<=[.!?])\s", plain, maxsplit=1)[0]


def guide_pages() -> dict[str, GuidePage]:
    """Return the pages of the guide by name, the quickstart first."""
    found = sorted(
        (_PACKAGE / "guide").glob("*.md"), key=lambda path: (path.stem != "quickstart", path.stem)
    )
    return {path.stem: GuidePage(path.stem, path.read_text(encoding="utf-8")) for path in found}


def guide_pictures() -> list[Path]:
    """Return the pictures that the guide's pages show."""
    return sorted((_PACKAGE / "guide" / "pictures").glob("*.png"))

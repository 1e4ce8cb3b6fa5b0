"""Files that travel with the package: `fixtures/` and `loadtests/`, in a checkout and in the wheel
alike.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_path(*parts: str) -> Path:
    """The path of a packaged file, e.g. `data_path("fixtures", "venues", "default.toml")`.

    Raises FileNotFoundError with both places that were looked at.
    """
    places = [_PACKAGE / "_data" / Path(*parts), _PACKAGE.parent / Path(*parts)]
    for place in places:
        if place.exists():
            return place
    raise FileNotFoundError(f"{Path(*parts)} is neither at {places[0]} nor at {places[1]}")

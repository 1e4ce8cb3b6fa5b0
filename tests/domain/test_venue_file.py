"""Venue files: what they say, and how a wrong one is refused."""

from datetime import time
from pathlib import Path
from typing import Any

import pytest

from rtdash.domain.venue_file import VenueFileError, parse_venues, venue_from_json, venue_to_json
from rtdash.domain.venues import MenuItem, RoomType, Venue, VenueKind
from rtdash.resources import data_path

VENUES = sorted(data_path("fixtures", "venues").glob("*.toml"))

HOTEL = """\
[[venue]]
id = "inn"
name = "Inn"
kind = "hotel"
timezone = "Asia/Tokyo"
currency = "JPY"

[[venue.roomTypes]]
id = "double"
name = "Double"
capacity = 2
baseRate = 12000
totalRooms = 3
"""

RESTAURANT = """\
[[venue]]
id = "grill"
name = "Grill"
kind = "restaurant"
timezone = "Asia/Kuwait"
currency = "KWD"
[[venue.menu]]
id = "mains"
name = "Mains"
[[venue.menu.items]]
id = "fish"
name = "Fish"
price = 4.125
"""


def refused(text: str) -> VenueFileError:
    """What a file is refused with."""
    with pytest.raises(VenueFileError) as caught:
        parse_venues(text, source="my.toml")
    return caught.value


def test_what_is_left_out_has_its_default() -> None:
    """A hotel turns its date at three, and a stay starts at three in the afternoon."""
    [hotel] = parse_venues(HOTEL, source="my.toml")
    assert hotel == Venue(
        "inn",
        "Inn",
        VenueKind.HOTEL,
        "Asia/Tokyo",
        "JPY",
        closeout_hour=3,
        check_in_time=time(15),
        upcoming_lead_minutes=60,
        allow_overbooking=False,
        large_party=8,
        room_types=(RoomType("double", "Double", 2, 12000, 3),),
    )


def test_a_restaurant_turns_its_date_at_four() -> None:
    """Prices have the digits of the currency; an item is available unless the file says otherwise."""
    [grill] = parse_venues(RESTAURANT, source="my.toml")
    assert (grill.kind, grill.closeout_hour) == (VenueKind.RESTAURANT, 4)
    assert grill.menu[0].items == (MenuItem("fish", "Fish", "", 4125),)


def test_what_is_given_is_kept() -> None:
    """Every key of a venue is read."""
    given = (
        'closeoutHour = 5\ncheckInTime = "14:30"\nupcomingLeadMinutes = 90\nallowOverbooking ='
        " true\nlargeParty = 6\n"
    )
    [hotel] = parse_venues(
        HOTEL.replace("\n\n", f"\n{given}\n") + 'amenities = ["wifi", "bath"]\n', source="my.toml"
    )
    assert (hotel.closeout_hour, hotel.check_in_time, hotel.upcoming_lead_minutes) == (
        5,
        time(14, 30),
        90,
    )
    assert (hotel.allow_overbooking, hotel.large_party, hotel.room_types[0].amenities) == (
        True,
        6,
        ("wifi", "bath"),
    )


def test_venues_stand_in_the_order_of_the_file() -> None:
    """The first of the file is the first."""
    assert [venue.id for venue in parse_venues(RESTAURANT + HOTEL, source="my.toml")] == [
        "grill",
        "inn",
    ]


WRONG = [
    ('id = "inn"', 'id = "the inn"', 2, "must be up to 64 letters"),
    ('id = "inn"\n', "", 1, "id is missing: every [[venue]] needs it"),
    ('name = "Inn"', 'name = " "', 3, "name must be a text"),
    ('name = "Inn"', "name = 7", 3, "name must be a text"),
    ('kind = "hotel"', 'kind = "motel"', 4, "must be 'hotel' or 'restaurant', not 'motel'"),
    ('kind = "hotel"', 'kind = "restaurant"', 8, "unknown key 'roomTypes'"),
    ("Asia/Tokyo", "Asia/Tokio", 5, "did you mean 'Asia/Tokyo'?"),
    ("Asia/Tokyo", "../Tokyo", 5, "unknown time zone"),
    ("Asia/Tokyo", "zzzz", 5, "write a name of the IANA database"),
    ('"JPY"', '"jpy"', 6, "did you mean 'JPY'?"),
    ('"JPY"', '"YEN"', 6, "three letters of ISO 4217"),
    ('"JPY"', '"JPY"\ncloseoutHour = 24', 7, "whole number from 0 to 23, not 24"),
    ('"JPY"', '"JPY"\ncloseoutHour = -1', 7, "not -1"),
    ('"JPY"', '"JPY"\ncloseoutHour = true', 7, "not true"),
    ('"JPY"', '"JPY"\ncloseoutHour = 3.5', 7, "not 3.5"),
    ('"JPY"', '"JPY"\ncheckInTime = "3pm"', 7, "as in \"15:00\", not '3pm'"),
    ('"JPY"', '"JPY"\ncheckInTime = "24:00"', 7, "not '24:00'"),
    ('"JPY"', '"JPY"\ncheckInTime = "02:59"', 7, "must not be before the closeout hour (3)"),
    ('"JPY"', '"JPY"\ncheckInTime = 15:00:00', 7, "must be a text"),
    ('"JPY"', '"JPY"\nallowOverbooking = "no"', 7, "must be true or false"),
    ('"JPY"', '"JPY"\nupcomingLeadMinutes = 0', 7, "from 1 to 1440"),
    ('"JPY"', '"JPY"\nlargParty = 8', 7, "unknown key 'largParty': did you mean 'largeParty'?"),
    ('"JPY"', '"JPY"\nxyz = 8', 7, "known here are id, name"),
    ("capacity = 2", "capacity = 0", 11, "from 1 to 100"),
    ("baseRate = 12000", "baseRate = -1", 12, "must not be negative"),
    ("baseRate = 12000", "baseRate = 120.5", 12, "more digits behind the point than JPY"),
    ("baseRate = 12000", 'baseRate = "dear"', 12, "must be a number"),
    ("baseRate = 12000", "baseRate = nan", 12, "beyond what an amount"),
    ("baseRate = 12000", "baserate = 12000", 12, "did you mean 'baseRate'?"),
    ('"JPY"', '"JPY"\ntotalRooms = 8', 7, "'totalRooms' belongs to [[venue.roomTypes]]"),
    ('"JPY"', '"JPY"\ntotalrooms = 8', 7, "'totalRooms' belongs to [[venue.roomTypes]]"),
    ("baseRate = 12000", 'checkInTime = "15:00"', 12, "'checkInTime' belongs to [[venue]] of a"),
    ("totalRooms = 3\n", "", 8, "totalRooms is missing: every [[venue.roomTypes]] needs it"),
    ("totalRooms = 3", "totalRooms = 3\namenities = [1]", 14, "must be a list of texts"),
    ("[[venue.roomTypes]]", "[venue.roomTypes]", 8, "each begun with [[venue.roomTypes]]"),
    ("[[venue]]", "[[venues]]", 1, "did you mean 'venue'?"),
    ("kind =", "kind", 4, "not TOML"),
    ('name = "Double"', 'name = "Double', 10, "not TOML"),
]


@pytest.mark.parametrize(("right", "wrong", "line", "problem"), WRONG)
def test_a_wrong_value_is_told_with_its_line(
    right: str, wrong: str, line: int, problem: str
) -> None:
    """The error names the file, the line and what to write instead."""
    assert right in HOTEL
    error = refused(HOTEL.replace(right, wrong, 1))
    assert (error.source, error.line) == ("my.toml", line)
    assert problem in error.problem
    assert str(error).startswith(f"my.toml, line {line}: ")


@pytest.mark.parametrize(
    ("extra", "line", "problem"),
    [
        (HOTEL, 15, "'inn' is there twice"),
        (HOTEL.replace('"inn"', '"inn2"'), 16, "'Inn' is there twice"),
        (HOTEL[HOTEL.index("[[venue.roomTypes]]") :], 15, "'double' is there twice"),
    ],
)
def test_what_is_there_twice_is_told_at_the_second(extra: str, line: int, problem: str) -> None:
    """Ids and names differ within their list, or it would not be clear which is meant."""
    error = refused(HOTEL + extra)
    assert problem in error.problem
    assert error.line == line


def test_a_dish_is_on_the_menu_once() -> None:
    """An item's id differs from those of all categories."""
    again = (
        RESTAURANT[RESTAURANT.index("[[venue.menu]]") :]
        .replace('"mains"', '"fish"')
        .replace('"Mains"', '"Fish"')
    )
    error = refused(RESTAURANT + again)
    assert (error.line, error.problem[:20]) == (18, "'fish' is there twic")


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_a_file_without_venues_is_refused(text: str) -> None:
    """An empty file is a mistake, and the error says how to begin."""
    assert "begin one with [[venue]]" in refused(text).problem


def test_a_hotel_without_rooms_is_refused() -> None:
    """A hotel has something to sell."""
    assert (
        "at least one [[venue.roomTypes]]"
        in refused(HOTEL[: HOTEL.index("[[venue.roomTypes]]")]).problem
    )


def test_the_first_problem_is_told() -> None:
    """Of two wrong venues the first is named, and none is taken."""
    assert refused(HOTEL.replace("hotel", "motel") + RESTAURANT.replace("KWD", "X")).line == 4


@pytest.mark.parametrize("path", VENUES, ids=[path.name for path in VENUES])
def test_the_venues_that_come_along_are_right(path: Path) -> None:
    """Each file is taken, and each venue survives the way into the store and back."""
    for venue in parse_venues(path.read_text(encoding="utf-8"), source=path.name):
        assert venue_from_json(venue_to_json(venue)) == venue


def test_an_empty_database_gets_a_hotel_and_a_restaurant() -> None:
    """The default file has harbour-hotel with 50 rooms, and harbour-grill with a menu."""
    text = data_path("fixtures", "venues", "default.toml").read_text(encoding="utf-8")
    hotel, grill = parse_venues(text, source="default.toml")
    assert (hotel.id, hotel.kind, hotel.total_rooms) == ("harbour-hotel", VenueKind.HOTEL, 50)
    assert (grill.id, grill.kind, len(grill.menu)) == ("harbour-grill", VenueKind.RESTAURANT, 5)
    assert all(category.items for category in grill.menu)


def test_a_venue_survives_as_json(hotel: Venue, restaurant: Venue) -> None:
    """Also with what no file here says: other times, letters beyond ASCII."""
    odd: dict[str, Any] = {"check_in_time": time(14, 30), "name": "Zum Löwen"}
    changed = Venue(**{name: getattr(hotel, name) for name in hotel.__dataclass_fields__} | odd)
    assert venue_from_json(venue_to_json(changed)) == changed
    assert "Zum Löwen" in venue_to_json(changed)
    assert venue_from_json(venue_to_json(restaurant)) == restaurant

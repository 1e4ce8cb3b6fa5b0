"""Countries of guests: where names come from, and telephone numbers that reach no one.

Codes are those of ISO 3166-1 alpha-3, as in the booking data set.
"""

from dataclasses import dataclass
from random import Random

from rtdash.simulate.distributions import Discrete


@dataclass(frozen=True, slots=True)
class Country:
    """Country of a guest: Faker's locale, a telephone number with `#` for any digit.

    Numbers are of ranges kept free for fiction where the regulator has one. Otherwise they have
    the country's code and length, and begin with a digit that its subscriber numbers never begin
    with (0; in Italy 2). `first_names` and `last_names` replace Faker's where it has none in Latin
    script.
    """

    locale: str
    phone: str
    first_names: tuple[str, ...] = ()
    last_names: tuple[str, ...] = ()

    def draw_phone(self, rng: Random) -> str:
        """Return a telephone number."""
        return "".join(str(rng.randrange(10)) if sign == "#" else sign for sign in self.phone)


COUNTRIES: dict[str, Country] = {
    "AGO": Country("pt_PT", "+244 0## ### ###"),
    "ARG": Country("es_AR", "+54 0## #### ####"),
    "AUS": Country("en_AU", "+61 491 570 ###"),  # ACMA
    "AUT": Country("de_AT", "+43 0## #######"),
    "BEL": Country("nl_BE", "+32 0## ## ## ##"),
    "BRA": Country("pt_BR", "+55 0# ##### ####"),
    "CAN": Country("en_CA", "+1 416 555 01##"),  # North American numbering plan
    "CHE": Country("de_CH", "+41 0# ### ## ##"),
    "CHN": Country("zh_CN", "+86 0## #### ####"),
    "CZE": Country("cs_CZ", "+420 0## ### ###"),
    "DEU": Country("de_DE", "+49 171 39200##"),  # Bundesnetzagentur
    "DNK": Country("da_DK", "+45 0# ## ## ##"),
    "ESP": Country("es_ES", "+34 0## ### ###"),
    "FIN": Country("fi_FI", "+358 0# #######"),
    "FRA": Country("fr_FR", "+33 6 39 98 ## ##"),  # ARCEP
    "GBR": Country("en_GB", "+44 7700 900###"),  # Ofcom
    "HUN": Country("hu_HU", "+36 0# ### ####"),
    "IND": Country("en_IN", "+91 0#### #####"),
    "IRL": Country("en_IE", "+353 20 91# ####"),  # ComReg
    "ISR": Country(
        "en_US",
        "+972 0# ### ####",
        ("Noam", "Yael", "David", "Tamar", "Ariel", "Maya", "Yosef", "Shira", "Eitan", "Noa"),
        ("Cohen", "Levi", "Mizrahi", "Peretz", "Biton", "Dahan", "Friedman", "Katz", "Azoulay"),
    ),
    "ITA": Country("it_IT", "+39 2## ### ####"),
    "JPN": Country("ja_JP", "+81 0# #### ####"),
    "LTU": Country("lt_LT", "+370 0## #####"),
    "LUX": Country("fr_FR", "+352 0## ### ###"),
    "MAR": Country(
        "fr_FR",
        "+212 0## ######",
        ("Mohammed", "Fatima", "Youssef", "Khadija", "Omar", "Amina", "Hassan", "Salma", "Karim"),
        ("Alaoui", "Benali", "El Amrani", "Bennani", "Tazi", "Idrissi", "Berrada", "Chraibi"),
    ),
    "MEX": Country("es_MX", "+52 0## ### ####"),
    "NLD": Country("nl_NL", "+31 0 ########"),
    "NOR": Country("no_NO", "+47 0## ## ###"),
    "POL": Country("pl_PL", "+48 0## ### ###"),
    "PRT": Country("pt_PT", "+351 0## ### ###"),
    "ROU": Country("ro_RO", "+40 0## ### ###"),
    "RUS": Country("ru_RU", "+7 0## ### ## ##"),
    "SWE": Country("sv_SE", "+46 70 174 06 ##"),  # PTS
    "TUR": Country("tr_TR", "+90 0## ### ## ##"),
    "USA": Country("en_US", "+1 212 555 01##"),  # North American numbering plan
}

ELSEWHERE: Discrete[str] = Discrete(
    dict.fromkeys(("ARG", "CAN", "CZE", "HUN", "IND", "LTU", "MEX", "TUR", "JPN", "AGO"), 1.0)
)
"""Countries that stand for those without a share of their own. Assumed."""

VISITORS: Discrete[str] = Discrete(
    {"FRA": 18, "DEU": 13, "GBR": 11, "ESP": 10, "ITA": 7, "BEL": 4, "BRA": 4, "USA": 4, "NLD": 3}
)
"""Countries of a restaurant's guests from abroad: those of the city hotel's, by their shares."""

HOME_SHARE = 0.85
"""Share of a restaurant's guests from its own country. Assumed: no source has their countries."""

_HOMES = {
    "America/Argentina": "ARG",
    "America/Mexico_City": "MEX",
    "America/Sao_Paulo": "BRA",
    "America/Toronto": "CAN",
    "America": "USA",
    "Africa/Casablanca": "MAR",
    "Africa/Luanda": "AGO",
    "Asia/Jerusalem": "ISR",
    "Asia/Kolkata": "IND",
    "Asia/Shanghai": "CHN",
    "Asia/Tokyo": "JPN",
    "Australia": "AUS",
    "Europe/Amsterdam": "NLD",
    "Europe/Berlin": "DEU",
    "Europe/Brussels": "BEL",
    "Europe/Bucharest": "ROU",
    "Europe/Budapest": "HUN",
    "Europe/Copenhagen": "DNK",
    "Europe/Dublin": "IRL",
    "Europe/Helsinki": "FIN",
    "Europe/Istanbul": "TUR",
    "Europe/London": "GBR",
    "Europe/Luxembourg": "LUX",
    "Europe/Madrid": "ESP",
    "Europe/Moscow": "RUS",
    "Europe/Oslo": "NOR",
    "Europe/Paris": "FRA",
    "Europe/Prague": "CZE",
    "Europe/Rome": "ITA",
    "Europe/Stockholm": "SWE",
    "Europe/Vienna": "AUT",
    "Europe/Vilnius": "LTU",
    "Europe/Warsaw": "POL",
    "Europe/Zurich": "CHE",
}


def home_of(timezone: str) -> str:
    """Return the country of a time zone; Portugal, where the data are from, for others."""
    region = timezone.partition("/")[0]
    argentina = timezone.rpartition("/")[0]
    return _HOMES.get(timezone) or _HOMES.get(argentina) or _HOMES.get(region) or "PRT"

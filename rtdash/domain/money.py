"""Money: integer minor units inside, numbers in major units outside, by the currency's number of
digits.
"""

from decimal import Context, Decimal, Inexact, InvalidOperation

MAX_MINOR = 10**13
"""No single amount is larger: sums of many stay exact in 64 bits, and one amount stays exact as a
JSON number (RFC 8259 section 6)."""

# fmt: off
CURRENCIES = frozenset({
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN",
    "BHD", "BIF", "BMD", "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF",
    "CHF", "CLF", "CLP", "CNY", "COP", "CRC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD",
    "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ",
    "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IQD", "IRR", "ISK", "JMD", "JOD",
    "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR",
    "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR",
    "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN",
    "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR",
    "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB",
    "TJS", "TMT", "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS",
    "VED", "VES", "VND", "VUV", "WST", "XAF", "XCD", "XCG", "XOF", "XPF", "YER", "ZAR", "ZMW",
    "ZWG",
})
# fmt: on
"""Alphabetic codes of ISO 4217, list one (circulating currencies, and CLF)."""

_EXACT = Context(prec=40, traps=[Inexact])
_WHOLE = (
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
)
_THOUSANDTHS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_DIGITS = dict.fromkeys(_WHOLE, 0) | dict.fromkeys(_THOUSANDTHS, 3) | {"CLF": 4}
_UNITS: dict[str, int] = {currency: 10**digits for currency, digits in _DIGITS.items()}


def minor_digits(currency: str) -> int:
    """Return the digits behind the decimal point (ISO 4217, list one): EUR 2, JPY 0, KWD 3."""
    return _DIGITS.get(currency, 2)


def to_minor(major: float | Decimal | str, currency: str) -> int:
    """Return major units in minor ones, exactly: 12.5 EUR is 1250. A float counts as the decimal
    that it prints as.

    Raises ValueError for what is no number, has more digits than the currency, or is beyond
    `MAX_MINOR`.
    """
    digits = minor_digits(currency)
    try:
        amount = Decimal(str(major))
    except InvalidOperation:
        raise ValueError(
            f"{major!r} is not an amount of money: write a number such as {_example(digits)}"
        ) from None
    if not amount.is_finite() or abs(amount) > MAX_MINOR:
        raise ValueError(_beyond(major, currency))
    try:
        minor = int(_EXACT.scaleb(amount, digits).to_integral_exact(context=_EXACT))
    except Inexact:
        raise ValueError(
            f"{major} has more digits behind the point than {currency} ({digits}): write it as in"
            f" {_example(digits)}"
        ) from None
    if abs(minor) > MAX_MINOR:
        raise ValueError(_beyond(major, currency))
    return minor


def to_major(minor: int, currency: str) -> int | float:
    """Return minor units in major ones, as the JSON number to show: an int when whole, else the
    nearest float.
    """
    unit = _UNITS.get(currency, 100)
    return minor // unit if minor % unit == 0 else minor / unit


def _example(digits: int) -> str:
    return f"{120:.{digits}f}"


def _beyond(major: float | Decimal | str, currency: str) -> str:
    return (
        f"{major} is beyond what an amount of money can be: at most {to_major(MAX_MINOR, currency)}"
        f" {currency}"
    )

"""Customers: when two reservations are one guest's, and how a name is written and shown.

People write themselves in composed and decomposed letters, with blanks and punctuation as they
come; what is compared here is what a reader would see.
"""

from unicodedata import category, combining, decimal, normalize

ERASED = "Erased guest"
"""Name that stands where one was erased."""

_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Characters that Unicode calls letters or symbols and that show nothing: the fillers of Hangul and
the empty Braille pattern."""
_ZERO_WIDTH_JOINER = "\u200d"


def tidy_text(text: str) -> str:
    """Return the text in NFC, its blanks trimmed, and each run of them one space."""
    return " ".join((text if text.isascii() else normalize("NFC", text)).split())


def is_visible(text: str) -> bool:
    """Return whether a reader would see anything of the text."""
    if text.isascii() and text.isprintable():  # nearly every text: no need to look at each letter
        return not text.isspace() and text != ""
    return any(category(char)[0] in "LNPS" and char not in _BLANK_LETTERS for char in text)


def customer_key(name: str, email: str | None, phone: str | None) -> str:
    """Return what identifies a customer: the lower-cased email, else the phone's digits, else the
    name (guide: rest, "What the figures mean").
    """
    if email and (address := tidy_text(_without_formats(email)).lower()):
        return address
    if phone:
        digits = (decimal(char, None) for char in phone)
        if dialled := "".join(str(digit) for digit in digits if digit is not None):
            return dialled
    return tidy_text(_without_formats(name))


def customer_initials(name: str) -> str:
    """Return the first letters of the first and the last word, in capitals: "John Smith" is "JS".
    Marks belong to their letter. Empty when no word has a letter or digit.
    """
    words = (name if name.isascii() else normalize("NFC", name)).split()
    letters = [letter for word in words if (letter := _first_letter(word))]
    return "".join(letters[:1] + letters[1:][-1:])


def _without_formats(text: str) -> str:
    """Leave out what has no width (category Cf): joiners, marks of direction, soft hyphens."""
    if text.isascii():
        return text
    return "".join(char for char in text if category(char) != "Cf")


def _first_letter(word: str) -> str:
    """Return the first grapheme that is a letter or digit, as a capital; of "ß" that is "S"."""
    if word.isascii() and word[0].isalnum():  # nearly every word
        return word[0].upper()
    start = next((index for index, char in enumerate(word) if char.isalnum()), None)
    if start is None:
        return ""
    end = start + 1
    while end < len(word) and _continues(word, end):
        end += 1
    letter = word[start:end]
    capital = letter.upper()
    return capital if len(capital) == len(letter) else _first_letter(capital)


def _continues(word: str, index: int) -> bool:
    """Whether the character belongs to the one before it (a short form of UAX 29's rules GB9)."""
    char = word[index]
    return (
        combining(char) > 0
        or category(char) in {"Mn", "Mc", "Me"}
        or char == _ZERO_WIDTH_JOINER
        or word[index - 1] == _ZERO_WIDTH_JOINER
    )

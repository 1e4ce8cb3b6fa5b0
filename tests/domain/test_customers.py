"""When two reservations are one guest's, and how a name is shown."""

from unicodedata import normalize

import pytest

from rtdash.domain.customers import customer_initials, customer_key, is_visible, tidy_text


@pytest.mark.parametrize(
    ("name", "initials"),
    [
        ("John Smith", "JS"),
        ("Ana Maria dos Reis", "AR"),
        ("Madonna", "M"),
        ("  ana   reis ", "AR"),
        ("Émile Ångström", "ÉÅ"),
        ("Ana Reis (VIP)", "AV"),
        ("Ana -", "A"),
        ("王 小明", "王小"),
        (normalize("NFD", "Émile Ångström"), "ÉÅ"),
        ("x\u0323\u0307a Reis", "\u1e8a\u0323R"),
        ("நிலா கதிர்", "நிக"),
        ("ßeta ﬁnn", "SF"),
        ("***", ""),
        ("", ""),
    ],
)
def test_initials_are_of_the_first_and_the_last_word(name: str, initials: str) -> None:
    """First letters in capitals, each with all its marks, of words that have one."""
    assert customer_initials(name) == initials


@pytest.mark.parametrize(
    ("email", "phone", "key"),
    [
        ("Ana@X.PT", "1", "ana@x.pt"),
        (" ana@x.pt ", None, "ana@x.pt"),
        ("\u200bana@x.pt\ufeff", None, "ana@x.pt"),
        ("ANNE@É.PT", None, "anne@é.pt"),
        (None, "1", "1"),
        ("", "1", "1"),
        (None, "+351 912-345.678", "351912345678"),
        (None, "٣٥١", "351"),
        (None, "+\uff13\uff15\uff11", "351"),
        (None, "n/a", "Ana Reis"),
        (None, None, "Ana Reis"),
        (None, "", "Ana Reis"),
    ],
)
def test_a_customer_is_the_email_else_the_phone_else_the_name(
    email: str | None, phone: str | None, key: str
) -> None:
    """The first of the three that is there, whatever its case, blanks and punctuation."""
    assert customer_key("Ana Reis", email, phone) == key


@pytest.mark.parametrize(
    "name",
    [
        normalize("NFD", "José Núñez"),
        "José  Núñez ",
        "José\u00a0Núñez",
        "\u200eJosé Nú\u00adñez",
        "José\u3000Núñez\u200b",
    ],
)
def test_one_name_is_one_customer(name: str) -> None:
    """However its letters are composed and whatever blanks and marks without width are in it."""
    assert customer_key(name, None, None) == "José Núñez"


@pytest.mark.parametrize(
    "name", ["", " ", "\u200b", "\u3164", "\u2800\u2800", "\u0301", "\ufeff\u00ad", "\u202e"]
)
def test_some_names_show_nothing(name: str) -> None:
    """Blanks, fillers, marks without a letter and characters without width."""
    assert not is_visible(name)


def test_what_is_kept_is_composed_and_tidy() -> None:
    """A joiner inside a word stays: some scripts need it."""
    persian = "\u0646\u0627\u0645\u200c\u0647\u0627"
    assert tidy_text(f"  Ame\u0301lie \t {persian} ") == f"Amélie {persian}"
    assert is_visible("王")

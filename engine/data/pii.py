"""Personal data in texts by their form: e-mail and IP addresses, phone and card numbers, numbers of identity
papers and accounts; masked with what they were, counted.

Rules, no model: names and postal addresses are not found. A number is a card's only if its check digit is
right (Luhn 1960), an account's only if its remainder is (ISO 13616).
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

KINDS = ("email", "ip", "card", "id", "phone")

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}\.[A-Za-z]{2,24}(?![\w-])")
_IP4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IP6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:.])")
_CARD = re.compile(r"(?<![\d.,-])\d(?:[ -]?\d){12,18}(?![\d-])")
_ID = re.compile(r"\b\d{3}-\d{2}-\d{4}\b|\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")
_PHONE = re.compile(
    r"(?<![\w.,/-])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,5}\)[ .-]?)?\d{2,4}(?:[ .-]\d{2,4}){1,4}(?![\w/]|[.,-]\d)"
    r"|(?<![\w.])\+\d{1,3}(?:[ .-]?\(?\d{1,9}\)?){1,5}(?![\w])"
)


class Masked(NamedTuple):
    """The text with [EMAIL], [PHONE] ... in place of what was found, and how many of each kind there were."""

    text: str
    counts: dict[str, int]


def mask(text: str, kinds: tuple[str, ...] = KINDS) -> Masked:
    """`text` without personal data of these kinds."""
    counts: Counter[str] = Counter()
    if "@" not in text and not any(letter.isdigit() for letter in text) and "::" not in text:
        return Masked(text, {})
    for kind in KINDS:
        if kind not in kinds:
            continue
        for pattern, real in _RULES[kind]:

            def masked(found: re.Match[str], kind: str = kind, real: Callable[[str], bool] = real) -> str:
                if not real(found[0]):
                    return found[0]
                counts[kind] += 1
                return f"[{kind.upper()}]"

            text = pattern.sub(masked, text)
    return Masked(text, dict(counts))


def luhn(number: str) -> bool:
    """Whether the check digit of a number is right (blanks and dashes aside)."""
    digits = [int(letter) for letter in number if letter.isdigit()]
    twice = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return len(digits) > 1 and (sum(digits[-1::-2]) + sum(twice)) % 10 == 0


def _card(text: str) -> bool:
    return luhn(text) and text[0] in "3456" and len(set(text) - set(" -")) > 1


def _ip(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.is_loopback or address.is_unspecified:  # every machine's own: nobody's
        return False
    return "." in text or (
        len(text) >= 6 and any(letter.isdigit() for letter in text)
    )  # a::b is a path of code


def _id(text: str) -> bool:
    if text[0].isdigit():  # US social security numbers: no area 000, 666 or 9xx
        area, group, serial = text.split("-")
        return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"
    plain = text.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1


def _phone(text: str) -> bool:
    digits = sum(letter.isdigit() for letter in text)
    if not 8 <= digits <= 15:
        return False
    if text[0] in "+(":
        return True
    groups = re.split(r"[ .-]", text)
    if re.fullmatch(
        r"\d{3}-\d{2}-\d{4}", text
    ):  # the form of an identity number, whose check it did not pass
        return False
    dates = re.fullmatch(r"\d{4}[-. ]\d{2}[-. ]\d{2}|\d{2}[-. ]\d{2}[-. ]\d{4}", text)  # these are days
    years = all(len(group) == 4 and group[:2] in ("18", "19", "20") for group in groups)
    spaced = " " in text and "-" not in text and text[0] != "0"  # "2 500 000" is a quantity
    return not (dates or years or spaced)


_RULES: dict[str, tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...]] = {
    "email": ((_EMAIL, lambda text: True),),
    "ip": ((_IP4, _ip), (_IP6, _ip)),
    "card": ((_CARD, _card),),
    "id": ((_ID, _id),),
    "phone": ((_PHONE, _phone),),
}

"""Words as phones of the acoustic model: from the IPA that espeak-ng writes to the 39 phones of CMUdict (ARPAbet).

The acoustic model is English. Russian words are written with the English phones that come nearest: palatalised
consonants lose their softness, which one of the neighbouring vowels usually shows as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_SHARED: Mapping[str, str] = {
    "p": "P", "b": "B", "t": "T", "d": "D", "k": "K", "ɡ": "G", "g": "G", "f": "F", "v": "V", "s": "S", "z": "Z",
    "ʃ": "SH", "ʒ": "ZH", "m": "M", "n": "N", "ŋ": "NG", "l": "L", "h": "HH", "j": "Y", "tʃ": "CH", "dʒ": "JH",
    "ts": "T S", "dz": "D Z",
}  # fmt: skip

_ENGLISH: Mapping[str, str] = {
    **_SHARED,
    "θ": "TH", "ð": "DH", "ɹ": "R", "r": "R", "w": "W", "ɾ": "T", "ʔ": "T", "n̩": "AH N", "əl": "AH L", "ɫ": "L",
    "iː": "IY", "i": "IY", "ɪ": "IH", "ᵻ": "IH", "ɛ": "EH", "e": "EH", "æ": "AE", "a": "AE", "aa": "AE", "ɑː": "AA",
    "ɑ": "AA", "ɒ": "AA", "ɔː": "AO", "ɔ": "AO", "oː": "AO", "o": "AO", "uː": "UW", "u": "UW", "ʊ": "UH", "ʌ": "AH",
    "ə": "AH", "ɐ": "AH", "ɜː": "ER", "ɚ": "ER", "ɝ": "ER", "eɪ": "EY", "aɪ": "AY", "ɔɪ": "OY", "oʊ": "OW", "əʊ": "OW",
    "aʊ": "AW", "ɪɹ": "IH R", "ɛɹ": "EH R", "ʊɹ": "UH R", "ɑːɹ": "AA R", "ɔːɹ": "AO R", "oːɹ": "AO R", "aɪɚ": "AY ER",
    "aɪə": "AY AH", "iə": "IY AH", "x": "K",
}  # fmt: skip

_RUSSIAN: Mapping[str, str] = {
    **_SHARED,
    "ɕ": "SH", "ʂ": "SH", "ʐ": "ZH", "ʑ": "ZH", "x": "HH", "ɣ": "G", "ɭ": "L", "r": "R", "c": "K", "ɟ": "G",
    "tɕ": "CH", "ɪ^": "", "a": "AH", "ɑ": "AA", "ʌ": "AH", "ə": "AH", "æ": "AE", "e": "EH", "ɛ": "EH", "i": "IY",
    "ɪ": "IH", "y": "IH", "ɨ": "IH", "o": "AO", "ɵ": "AO", "ɔ": "AO", "u": "UW", "ʊ": "UW", "ʉ": "UW", 'u"': "UW",
    "ja": "Y AH", "ju": "Y UW", "jo": "Y AO", "je": "Y EH", "w": "V",
}  # fmt: skip

_TABLES: Mapping[str, Mapping[str, str]] = {"en": _ENGLISH, "ru": _RUSSIAN}

LANGUAGES = tuple(_TABLES)
"""Primary language tags whose words can be written in phones."""

_STRESS = "ˈˌ"
_LANGUAGE_SWITCH = re.compile(r"\([a-z-]+\)")


def from_ipa(ipa: str, language: str) -> str | None:
    """Returns ARPAbet phones, parted by spaces; None when the word has none or one that is not in the table.

    Args:
        ipa: What espeak-ng writes, phonemes parted by `_`, e.g. `h_ə_l_ˈoʊ`.
        language: One of LANGUAGES.
    """
    table = _TABLES[language]
    phones: list[str] = []
    for symbol in re.split(r"[_\s]+", _LANGUAGE_SWITCH.sub(" ", ipa)):
        plain = symbol.translate({ord(mark): None for mark in _STRESS}).replace("̪", "").replace("ʲ", "")
        if not plain:
            continue
        if language == "ru" and plain == "i" and not symbol.startswith(tuple(_STRESS)):
            phones.append("IH")
            continue
        phone = table.get(plain, table.get(plain.rstrip("ː")))
        if phone is None:
            return None
        phones.append(phone)
    return " ".join(phone for phone in phones if phone) or None

"""Names as they are searched: unaccented, lower case, words separated by one space."""

import re
import unicodedata

_LIGATURES = str.maketrans({"œ": "oe", "Œ": "oe", "æ": "ae", "Æ": "ae", "ß": "ss"})
_NOT_A_LETTER_OR_DIGIT = re.compile(r"[^a-z0-9]+")
_ABBREVIATIONS = {"st": "saint", "ste": "sainte", "sts": "saints", "stes": "saintes"}


def normalise(text: str) -> str:
    """``text`` without accents, ligatures, apostrophes or hyphens, in lower case, « St » written « saint ».

    The same function makes the stored ``search_name`` and the words of a query, so both always agree.
    """
    decomposed = unicodedata.normalize("NFKD", text.translate(_LIGATURES))
    letters = "".join(mark for mark in decomposed if not unicodedata.combining(mark)).lower()
    words = _NOT_A_LETTER_OR_DIGIT.sub(" ", letters).split()
    return " ".join(_ABBREVIATIONS.get(word, word) for word in words)

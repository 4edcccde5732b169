"""The invented dossiers answer each question for itself."""

from calls.data.questions import QUESTIONS
from calls.enums import QuestionKind
from demonstration.play.answers import TEXTS


def test_each_question_of_the_call_has_its_two_answers():
    written = {row.code: row for row in QUESTIONS if row.kind in {QuestionKind.TEXT, QuestionKind.LINE}}
    assert TEXTS.keys() == written.keys()
    texts = [text for code, pair in TEXTS.items() for text in set(pair)]
    assert len(set(texts)) == len(texts) >= 2 * len(TEXTS) - 1
    place = "Saint-Remy-en-Bouzemont-Saint-Genest-et-Isson"
    for code, pair in TEXTS.items():
        for text in pair:
            assert 5 < len(text.format(place=place, rank=12)) <= written[code].max_length

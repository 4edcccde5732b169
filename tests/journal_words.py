"""Every act that a test writes to the journal must have its words: pages show no code to who controls.

Rows that the ledger's trigger writes do not pass here; ``tests/core/test_journal_words.py`` counts its movements.
"""

from typing import Any

from django.db.models.signals import post_save

# Acts of no room, with which the journal itself is tried.
TRIAL = "essai"


def watch() -> None:
    """Fail the test that writes an act without words."""
    post_save.connect(_check, sender="core.JournalEntry", dispatch_uid="tests.journal_words")


def _check(*, instance: Any, **options: Any) -> None:
    from core.journal_words import act_in_words

    if instance.action.partition(".")[0] != TRIAL and act_in_words(instance.action) == instance.action:
        raise AssertionError(f"« {instance.action} » has no French words: add it to the room’s journal_words.py")

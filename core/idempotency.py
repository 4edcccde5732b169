"""One command, one effect: same key and content, same answer; same key and other content, refused."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import connection

from core.errors import Refused
from core.models import IdempotencyRecord

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser


class KeyReused(Refused):
    """The key already served for another act, another person or another content."""


@dataclass
class Command:
    """``answer`` is what a replay receives; set it before leaving the block."""

    is_replay: bool = False
    answer: dict[str, Any] = field(default_factory=dict)


def content_digest(content: dict[str, Any]) -> str:
    """SHA-256 of a canonical form of ``content`` (keys sorted, everything unknown to JSON as text)."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def idempotent(*, key: str, act: str, actor: "AbstractBaseUser | None", content: dict[str, Any]) -> Iterator[Command]:
    """Runs a command at most once per key, inside the caller's transaction.

    Two simultaneous calls with one key are serialised by an advisory lock of the transaction. Raises KeyReused.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("idempotent needs a transaction")
    digest = content_digest(content)
    actor_id = actor.pk if actor else None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", [key])
    known = IdempotencyRecord.objects.filter(pk=key).first()
    if known is not None:
        if (known.act, known.actor_id, known.content_sha256) != (act, actor_id, digest):
            raise KeyReused(
                "Ce formulaire a déjà servi pour une autre demande. Rechargez la page avant de recommencer."
            )
        yield Command(is_replay=True, answer=known.answer)
        return
    command = Command()
    yield command
    IdempotencyRecord.objects.create(key=key, act=act, actor_id=actor_id, content_sha256=digest, answer=command.answer)

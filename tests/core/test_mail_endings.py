"""Every mail of the site ends alike, whatever room writes it."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from core.mail import send_mail

MAILS = sorted(path for path in (Path(settings.BASE_DIR) / "templates" / "emails").glob("*/[a-z]*.txt"))


@pytest.mark.parametrize("path", MAILS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_mail_ends_alike_once(db, mailoutbox, path, settings):
    settings.PUBLIC_NOTICE = {**settings.PUBLIC_NOTICE, "contact_email": "aide@example.fr"}
    foot = path.parent / "_foot.txt"
    names = re.findall(r"{{ (\w+) }}", path.read_text() + (foot.read_text() if foot.exists() else ""))
    context = {name: f"[{name}]" for name in names} | {"items": [], "step": "", "moved_from": ""}
    context |= {name: "" for name in ("motive", "message", "is_waived", "needs_factor")}
    template = f"emails/{path.parent.name}/{path.name}"
    send_mail({"to": ["a@example.fr"], "subject": "S", "template": template, "context": context, "attachments": []})
    body = mailoutbox[0].body
    assert body.count("Ce message est envoyé automatiquement") == 1
    assert body.count("Nous ne vous demanderons jamais votre mot de passe.") == 1
    assert body.count("Guichet, les appels à projets de l’État pour les collectivités") == 1
    contact = context.get("contact_email") or context.get("contact") or "aide@example.fr"
    assert contact in body
    assert "\n\n\n\n" not in body
    assert body.endswith("mot de passe.\n")

"""Installing the text of the convention."""

from datetime import datetime

from django.db import transaction

from calls.models import Call
from conventions.data import transformation_numerique as text
from conventions.merge import check
from conventions.models import ConventionTemplate, TemplateArticle


def install_template(*, call: Call, at: datetime) -> ConventionTemplate:
    """The call's template, with its twenty articles; made once per version of the text."""
    with transaction.atomic():
        template, created = ConventionTemplate.objects.get_or_create(
            call=call,
            version=text.VERSION,
            defaults={"title": text.TITLE, "preamble": text.PREAMBLE, "effective_at": at},
        )
        if created:
            check(text.PREAMBLE)
            for number, title, mandatory, body in text.ARTICLES:
                check(body)
                TemplateArticle.objects.create(
                    template=template, number=number, title=title, body=body, is_mandatory=mandatory
                )
    return template

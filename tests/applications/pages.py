"""What the tests of the applicant's pages share: addresses, and what a browser sends."""

import re
from uuid import uuid4

from django.urls import reverse

from applications.content import content_sha256
from applications.models import Application


def bare(response):
    """The bytes of a page without what is drawn at random for each answer (the form's token, the script's nonce)."""
    return re.sub(rb'(X-CSRFToken": "|csrfmiddlewaretoken" value="|nonce=")[^"]+', rb"\1", response.content)


def filing_of(application, key=""):
    """What the page of the filing sends back, the dossier being as stored now."""
    application = Application.objects.get(pk=application.pk)
    return {
        "idempotency_key": key or str(uuid4()),
        "sworn_as": "mandated",
        "sworn": "on",
        "shown": content_sha256(application),
    }


def section_url(application, slug):
    return reverse("application_section", args=[application.pk, slug])


def rows(prefix, *lines, initial=0):
    """A set of lines as a browser sends it."""
    data = {f"{prefix}-TOTAL_FORMS": str(len(lines)), f"{prefix}-INITIAL_FORMS": str(initial)}
    for index, line in enumerate(lines):
        data |= {f"{prefix}-{index}-{name}": value for name, value in line.items()}
    return data

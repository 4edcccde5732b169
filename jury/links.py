"""Addresses of pages that rooms above own; a page that is not installed gives an empty text, never a broken link."""

from django.urls import NoReverseMatch, reverse

from jury.models import DecisionList


def batch_url(decision_list: DecisionList) -> str:
    """Where one follows the conventions that a release has begun; empty when it began none."""
    batch = getattr(decision_list, "batch", None)
    if batch is None:
        return ""
    try:
        return reverse("batch_detail", kwargs={"pk": batch.pk})
    except NoReverseMatch:
        return ""

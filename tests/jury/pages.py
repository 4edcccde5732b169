"""What the pages of a juror send back."""


def form_data(evaluation, mark="3", **changes):
    codes = evaluation.juror.jury.grid.criteria.values_list("code", flat=True)
    data = {f"mark_{code}": mark for code in codes} | {f"comment_{code}": "" for code in codes}
    key = "6a2f41a3-c54c-4b06-9b2f-1f2b5f6d7a10"
    return {**data, "comment": "", "version": evaluation.version, "idempotency_key": key, **changes}


def hidden(response):
    """What the recap sends back."""
    form = response.context["form"]
    return {name: form[name].value() for name in ("version", "idempotency_key")}

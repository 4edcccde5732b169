from collections.abc import Iterable

from django.apps import AppConfig


def chains_of_open_juries() -> Iterable[str]:
    """What a jury says stays with it until a deliberation is closed and none is open."""
    from jury.enums import DeliberationState
    from jury.models import Deliberation, Jury

    states = Deliberation.objects.values("jury")
    closed = Jury.objects.filter(pk__in=states.filter(state=DeliberationState.CLOSED)).exclude(
        pk__in=states.filter(state=DeliberationState.OPEN)
    )
    return [f"jury:{pk}" for pk in Jury.objects.exclude(pk__in=closed.values("pk")).values_list("pk", flat=True)]


class JuryConfig(AppConfig):
    name = "jury"
    verbose_name = "Jury"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import hooks
        from applications.hooks import decisions, on_admissible
        from core.journal import hidden_chains
        from jury.rights import evaluations_told
        from jury.services.base import open_to_chair
        from jury.told import decision_told

        if chains_of_open_juries not in hidden_chains:
            hidden_chains.append(chains_of_open_juries)
        if decision_told not in decisions:
            decisions.append(decision_told)
        if evaluations_told not in hooks.rights:
            hooks.rights.append(evaluations_told)
        # A dossier that comes after the jury was seated exists for its chair at once.
        if open_to_chair not in on_admissible:
            on_admissible.append(open_to_chair)

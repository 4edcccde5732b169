from django.apps import AppConfig


class CallsConfig(AppConfig):
    name = "calls"
    verbose_name = "Appels à projets"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import hooks
        from calls.backends import approves_recoveries
        from calls.rights import mandates_told

        # Read from the mandate each time: who administered once, or administers one département, agrees to nothing.
        hooks.recovery_approver = approves_recoveries
        if mandates_told not in hooks.rights:
            hooks.rights.append(mandates_told)

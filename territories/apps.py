from django.apps import AppConfig


class TerritoriesConfig(AppConfig):
    name = "territories"
    verbose_name = "Territoires"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.hooks import on_identity
        from territories.identity import attach_identity

        if attach_identity not in on_identity:
            on_identity.append(attach_identity)

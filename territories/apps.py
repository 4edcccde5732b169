from django.apps import AppConfig


class TerritoriesConfig(AppConfig):
    name = "territories"
    verbose_name = "Territoires"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.hooks import on_identity, rights
        from territories.identity import attach_identity
        from territories.rights import affiliations_told

        if attach_identity not in on_identity:
            on_identity.append(attach_identity)
        if affiliations_told not in rights:
            rights.append(affiliations_told)

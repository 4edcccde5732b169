from django.apps import AppConfig


class JuryConfig(AppConfig):
    name = "jury"
    verbose_name = "Jury"
    default_auto_field = "django.db.models.BigAutoField"

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = "Socle"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from core import checks  # noqa: F401 - registers them
        from core.logs import configure_structlog
        from core.plain_messages import speak_plainly

        speak_plainly()
        configure_structlog()

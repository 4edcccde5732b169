from django.apps import AppConfig


class DemonstrationConfig(AppConfig):
    """Plays the call through the services of the rooms below; owns no table."""

    name = "demonstration"
    verbose_name = "Démonstration"

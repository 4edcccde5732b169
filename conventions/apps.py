from django.apps import AppConfig


class ConventionsConfig(AppConfig):
    name = "conventions"
    verbose_name = "Conventions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from applications.hooks import follow_ups
        from conventions.follow_up import convention_of
        from conventions.services.batches import open_batch
        from jury.services.release import after_release

        # The jury's room knows nothing of conventions: it calls whoever asked to follow a release.
        if open_batch not in after_release:
            after_release.append(open_batch)
        if convention_of not in follow_ups:
            follow_ups.append(convention_of)

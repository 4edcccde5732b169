"""What the site refuses to start with."""

import pytest

from core.checks import demonstration_keys_stay_in_demonstrations


@pytest.mark.parametrize(
    ("secure", "home_made", "demonstration", "refused"),
    [(True, True, False, 1), (True, True, True, 0), (True, False, False, 0), (False, True, False, 0)],
)
def test_public_site_does_not_seal_with_its_own_authority(settings, secure, home_made, demonstration, refused):
    settings.SECURE, settings.DEMONSTRATION_PKI, settings.DEMONSTRATION = secure, home_made, demonstration
    assert len(demonstration_keys_stay_in_demonstrations()) == refused


def test_sign_of_life_has_a_queue_of_its_own(settings):
    from config.celery import app

    routed = app.amqp.router.route({}, "core.tasks.heartbeat_task")["queue"].name
    other = app.amqp.router.route({}, "conventions.tasks.write_convention_task")["queue"].name
    assert (routed, other) == ("pulse", "celery")
    assert {"pulse", "celery"} <= set(app.amqp.queues)

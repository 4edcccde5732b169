"""Payments recorded before they knew their call are given it, and stay what they were."""

from importlib import import_module

import pytest

from conventions.models import Payment
from tests.factories.conventions import ConventionWorld

pytestmark = pytest.mark.usefixtures("ready_bytes")


def test_payments_already_recorded_are_given_their_call(transactional_db, superuser_connection):
    world = ConventionWorld(1)
    world.paid()
    fill = import_module("conventions.migrations.0007_one_payment_per_reference").FILL
    table = "ALTER TABLE conventions_payment"
    superuser_connection.execute(f"{table} ALTER COLUMN call_id DROP NOT NULL")
    superuser_connection.execute(f"{table} DISABLE TRIGGER conventions_payment_append_only")
    superuser_connection.execute("UPDATE conventions_payment SET call_id = NULL")
    superuser_connection.execute(f"{table} ENABLE TRIGGER conventions_payment_append_only")
    superuser_connection.execute(fill)
    superuser_connection.execute(f"{table} ALTER COLUMN call_id SET NOT NULL")
    assert Payment.objects.get().call == world.call
    with pytest.raises(Exception, match=r"append|chang|refus|inséré"):
        superuser_connection.execute("UPDATE conventions_payment SET reference = 'X'")

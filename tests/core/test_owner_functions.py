"""Functions that run with the owner's rights: each is closed to the public, with a search path of its own."""

import pytest
from django.db import ProgrammingError, connection, transaction

# What the serving role calls by name; all the others run from a trigger of ours, and from nowhere else.
CALLED = {"core_take_number", "territories_refresh_statistics", "budget_lock_balances"}

OWNED = """
    SELECT p.proname, p.prorettype = 'trigger'::regtype AS is_trigger, array_to_string(p.proconfig, ' ') AS settings,
        has_function_privilege('guichet_app', p.oid, 'EXECUTE') AS by_the_role,
        EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) WHERE grantee = 0) AS by_all
    FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace ORDER BY 1
"""


def owned_functions():
    with connection.cursor() as cursor:
        cursor.execute(OWNED)
        return cursor.fetchall()


@pytest.mark.django_db
def test_functions_of_the_owner_are_executed_by_whom_they_are_meant_for():
    found = owned_functions()
    assert len(found) >= 11
    for name, is_trigger, settings, by_the_role, by_all in found:
        assert settings is not None
        assert settings.startswith("search_path=pg_catalog"), name
        assert settings.endswith("pg_temp"), name
        assert not by_all, name
        assert by_the_role == (name in CALLED), name
        assert is_trigger == (name not in CALLED), name


@pytest.mark.parametrize(
    "name", ["core_journal_head", "core_journal_number", "budget_ledger_apply", "jury_guard_score"]
)
@pytest.mark.django_db
def test_serving_role_cannot_hang_a_guard_on_a_table_of_its_own(name):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE mine (number bigint, chain text, hash text)")
        with pytest.raises(ProgrammingError, match="permission denied for function"), transaction.atomic():
            cursor.execute(f"CREATE TRIGGER mine BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION {name}()")
        cursor.execute("DROP TABLE mine")

"""The page of a batch: as many queries with one convention as with thirty."""

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories.accounts import sign_in
from tests.factories.conventions import ConventionWorld


def test_batch_costs_the_same_with_1_3_and_30_conventions(db):
    costs: dict[str, list[int]] = {"batch_detail": [], "batch_progress": []}
    for size in (1, 3, 30):
        world = ConventionWorld(size)
        conventions = world.release()
        client = Client()
        sign_in(client, world.officer)
        client.get(reverse("batch_list"))  # the first page of a session registers it
        for name, found in costs.items():
            with CaptureQueriesContext(connection) as queries:
                content = client.get(reverse(name, args=[world.batch.pk])).content.decode()
            found.append(len(queries))
            if name == "batch_detail":
                assert all(row.number in content for row in conventions)
    assert {name for name, found in costs.items() if len(set(found)) > 1} == set(), costs


def test_released_list_leads_to_its_conventions(client, db):
    world = ConventionWorld(1)
    world.release()
    sign_in(client, world.officer)
    page = client.get(reverse("decision_list_detail", args=[world.batch.decision_list_id]))
    assert reverse("batch_detail", args=[world.batch.pk]) in page.content.decode()

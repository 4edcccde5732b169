from django.urls import URLPattern, URLResolver, path

from calls.views import affiliations, simulator, visitor

urlpatterns: list[URLPattern | URLResolver] = [
    path("", visitor.home, name="home"),
    path("appels/", visitor.call_list, name="call_list"),
    path("appels/<slug:code>/", visitor.call_detail, name="call_detail"),
    path("eligibilite/", simulator.eligibility, name="eligibility"),
    path("eligibilite/recherche/", simulator.eligibility_search, name="eligibility_search"),
    path("rattachements/", affiliations.affiliation_requests, name="affiliation_requests"),
    path(
        "rattachements/<int:affiliation_id>/valider/",
        affiliations.affiliation_validate,
        name="affiliation_validate",
    ),
    path(
        "rattachements/<int:affiliation_id>/refuser/",
        affiliations.affiliation_refuse,
        name="affiliation_refuse",
    ),
    path("rattachements/en-vigueur/", affiliations.affiliation_list, name="affiliation_list"),
    path(
        "rattachements/<int:affiliation_id>/terminer/",
        affiliations.affiliation_terminate,
        name="affiliation_terminate",
    ),
]

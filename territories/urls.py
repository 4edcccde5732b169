from django.urls import URLPattern, URLResolver, path

from territories import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("rattachement/", views.affiliation_home, name="affiliation_home"),
    path("rattachement/recherche/", views.affiliation_search, name="affiliation_search"),
    path("rattachement/demander/", views.affiliation_request, name="affiliation_request"),
    path("rattachement/<int:affiliation_id>/terminer/", views.affiliation_end, name="affiliation_end"),
    path("rattachement/<int:affiliation_id>/accepter/", views.affiliation_accept, name="affiliation_accept"),
    path("rattachement/<int:affiliation_id>/decliner/", views.affiliation_decline, name="affiliation_decline"),
    path("rattachement/<int:affiliation_id>/retirer/", views.affiliation_remove, name="affiliation_remove"),
]

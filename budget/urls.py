from django.urls import URLPattern, URLResolver, path

from budget import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("budget/", views.budget_overview, name="budget_overview"),
    path("budget/<slug:call>/", views.budget_call, name="budget_call"),
    path("budget/<slug:call>/enveloppes.<slug:file_format>", views.budget_export, name="budget_export"),
    path("budget/<slug:call>/ouvrir-des-credits/", views.payment_credits_open, name="payment_credits_open"),
    path("budget/<slug:call>/<slug:envelope>/", views.envelope_detail, name="envelope_detail"),
    path(
        "budget/<slug:call>/<slug:envelope>/ecritures.<slug:file_format>",
        views.envelope_entries_export,
        name="envelope_entries_export",
    ),
    path("budget/<slug:call>/<slug:envelope>/demandes/", views.envelope_requests, name="envelope_requests"),
    path(
        "budget/<slug:call>/<slug:envelope>/dossiers/<slug:figure>/",
        views.envelope_dossiers,
        name="envelope_dossiers",
    ),
    path(
        "budget/<slug:call>/<slug:envelope>/dossiers/<slug:figure>/dossiers.<slug:file_format>",
        views.envelope_dossiers_export,
        name="envelope_dossiers_export",
    ),
]

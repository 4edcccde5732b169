from django.urls import path

from applications.views import attachments, drafts, filing, follow_up, screening, screening_acts, starting

urlpatterns = [
    # The applicant's way.
    path("dossiers/", starting.application_list, name="application_list"),
    path("dossiers/nouveau/", starting.application_start, name="application_start"),
    path("dossiers/<uuid:pk>/", follow_up.application_detail, name="application_detail"),
    path("dossiers/<uuid:pk>/rubriques/<slug:section>/", drafts.application_section, name="application_section"),
    path("dossiers/<uuid:pk>/totaux/", drafts.application_totals, name="application_totals"),
    path("dossiers/<uuid:pk>/ce-qui-manque/", drafts.application_missing, name="application_missing"),
    path("dossiers/<uuid:pk>/pieces/", attachments.attachment_add, name="attachment_add"),
    path(
        "dossiers/<uuid:pk>/pieces/<uuid:attachment>/",
        attachments.attachment_download,
        name="attachment_download",
    ),
    path(
        "dossiers/<uuid:pk>/pieces/<uuid:attachment>/retrait/",
        attachments.attachment_remove,
        name="attachment_remove",
    ),
    path("dossiers/<uuid:pk>/depot/", filing.application_submit, name="application_submit"),
    path("dossiers/<uuid:pk>/depose/", filing.application_submitted, name="application_submitted"),
    path("dossiers/<uuid:pk>/retrait/", filing.application_withdraw, name="application_withdraw"),
    path("dossiers/<uuid:pk>/complements/", filing.completion_answer, name="completion_answer"),
    path("dossiers/<uuid:pk>/messages/", follow_up.application_message, name="application_message"),
    path(
        "dossiers/<uuid:pk>/accuse-de-reception/",
        follow_up.acknowledgement_download,
        name="acknowledgement_download",
    ),
    # The service's way.
    path("instruction/", screening.screening_list, name="screening_list"),
    path("instruction/export.csv", screening.screening_export, name="screening_export"),
    path("instruction/<uuid:pk>/", screening.screening_detail, name="screening_detail"),
    path("instruction/<uuid:pk>/complet/", screening_acts.screening_complete, name="screening_complete"),
    path("instruction/<uuid:pk>/complements/", screening_acts.screening_request, name="screening_request"),
    path("instruction/<uuid:pk>/recevable/", screening_acts.screening_admissible, name="screening_admissible"),
    path(
        "instruction/<uuid:pk>/irrecevable/",
        screening_acts.screening_inadmissible,
        name="screening_inadmissible",
    ),
    path("instruction/<uuid:pk>/messages/", screening_acts.screening_message, name="screening_message"),
]

from django.urls import URLPattern, URLResolver, path

from conventions import converters  # noqa: F401  (registers « convention » in addresses)
from conventions.views import batches, follow_up, open_data, payments, reading, signing, verification

urlpatterns: list[URLPattern | URLResolver] = [
    path("conventions/", reading.convention_list, name="convention_list"),
    path("conventions/conventions.<slug:file_format>", reading.convention_export, name="convention_export"),
    path("conventions/a-signer/", reading.signing_queue, name="signing_queue"),
    path("conventions/lots/", batches.batch_list, name="batch_list"),
    path("conventions/lots/<uuid:pk>/", batches.batch_detail, name="batch_detail"),
    path("conventions/lots/<uuid:pk>/avancement/", batches.batch_progress, name="batch_progress"),
    path("conventions/lots/<uuid:pk>/reprise/", batches.batch_retry, name="batch_retry"),
    path("conventions/<convention:number>/", reading.convention_detail, name="convention_detail"),
    path("conventions/<convention:number>/document/", reading.convention_document, name="convention_document"),
    path("conventions/<convention:number>/signature/", signing.convention_sign, name="convention_sign"),
    path("conventions/<convention:number>/versement/", payments.convention_pay, name="convention_pay"),
    path("conventions/<convention:number>/comptes-rendus/nouveau/", follow_up.report_new, name="report_new"),
    path("conventions/<convention:number>/comptes-rendus/<int:pk>/piece/", reading.report_file, name="report_file"),
    path("conventions/<convention:number>/reversements/nouveau/", follow_up.repayment_notify, name="repayment_notify"),
    path("conventions/<convention:number>/reversements/<int:pk>/", follow_up.repayment_detail, name="repayment_detail"),
    path(
        "conventions/<convention:number>/reversements/<int:pk>/observations/",
        follow_up.repayment_answer,
        name="repayment_answer",
    ),
    path(
        "conventions/<convention:number>/reversements/<int:pk>/decision/",
        follow_up.repayment_decide,
        name="repayment_decide",
    ),
    path(
        "conventions/<convention:number>/reversements/<int:pk>/encaissement/",
        follow_up.repayment_receive,
        name="repayment_receive",
    ),
    path("verifier/", verification.document_verify, name="document_verify"),
    path("verifier/numero/", verification.document_verify_typed, name="document_verify_typed"),
    path("verifier/<str:number>/", verification.document_verify_number, name="document_verify_number"),
    path("donnees-ouvertes/", open_data.open_data, name="open_data"),
    path("donnees-ouvertes/subventions.csv", open_data.open_data_csv, name="open_data_csv"),
]

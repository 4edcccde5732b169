from django.urls import path

from jury.views import constitution, decisions, deliberation, dossier, juror, panel, ranking, recusal

urlpatterns = [
    # A juror.
    path("jury/", juror.jury_desk, name="jury_desk"),
    path("jury/evaluations/<uuid:pk>/", juror.evaluation_page, name="evaluation_page"),
    path("jury/evaluations/<uuid:pk>/sans-conflit/", juror.evaluation_declare, name="evaluation_declare"),
    path("jury/evaluations/<uuid:pk>/deport/", juror.evaluation_recuse, name="evaluation_recuse"),
    path("jury/evaluations/<uuid:pk>/enregistrer/", juror.evaluation_save, name="evaluation_save"),
    path("jury/evaluations/<uuid:pk>/relire/", juror.evaluation_review, name="evaluation_review"),
    path("jury/evaluations/<uuid:pk>/remettre/", juror.evaluation_submit, name="evaluation_submit"),
    # The chair and the secretariat.
    path("jury/suivi/", panel.jury_index, name="jury_index"),
    path("jury/releves/<int:pk>/constituer/", constitution.jury_constitute, name="jury_constitute"),
    path("jury/<int:pk>/", panel.jury_detail, name="jury_detail"),
    path("jury/<int:pk>/dossiers/<uuid:dossier>/", dossier.jury_dossier_page, name="jury_dossier"),
    path("jury/<int:pk>/dossiers/<uuid:dossier>/jure/", panel.seat_add, name="seat_add"),
    path("jury/<int:pk>/dossiers/<uuid:dossier>/deport/", recusal.jury_recuse, name="jury_recuse"),
    path("jury/<int:pk>/deports/", recusal.jury_conflicts, name="jury_conflicts"),
    path("jury/<int:pk>/affectation/", panel.assignment_propose, name="assignment_propose"),
    path("jury/affectations/<int:pk>/", panel.assignment_run, name="assignment_run"),
    path("jury/affectations/<int:pk>/rejeu.json", panel.assignment_replay, name="assignment_replay"),
    path("jury/affectations/<int:pk>/confirmer/", panel.assignment_confirm, name="assignment_confirm"),
    path("jury/affectations/<int:pk>/dossiers/<uuid:dossier>/", panel.assignment_change, name="assignment_change"),
    path("jury/<int:pk>/classement/", ranking.jury_ranking, name="jury_ranking"),
    path("jury/<int:pk>/classement.csv", ranking.ranking_export, name="ranking_export"),
    path("jury/<int:pk>/convocation/", deliberation.deliberation_summon, name="deliberation_summon"),
    path("jury/deliberations/<int:pk>/", deliberation.deliberation_detail, name="deliberation_detail"),
    path("jury/deliberations/<int:pk>/report/", deliberation.deliberation_postpone, name="deliberation_postpone"),
    path(
        "jury/deliberations/<int:pk>/presences/",
        deliberation.deliberation_attendance,
        name="deliberation_attendance",
    ),
    path(
        "jury/deliberations/<int:pk>/dossiers/<uuid:dossier>/",
        deliberation.deliberation_opinion,
        name="deliberation_opinion",
    ),
    path("jury/deliberations/<int:pk>/bloc/", deliberation.deliberation_block, name="deliberation_block"),
    path("jury/deliberations/<int:pk>/clore/", deliberation.deliberation_close, name="deliberation_close"),
    path(
        "jury/deliberations/<int:pk>/proces-verbal/",
        deliberation.deliberation_minutes,
        name="deliberation_minutes",
    ),
    # The ministry.
    path("decisions/", decisions.decision_index, name="decision_index"),
    path("decisions/deliberations/<int:pk>/liste/", decisions.decision_list_prepare, name="decision_list_prepare"),
    path(
        "decisions/deliberations/<int:pk>/liste-d-attente/",
        decisions.decision_list_waiting,
        name="decision_list_waiting",
    ),
    path("decisions/<uuid:pk>/", decisions.decision_list_detail, name="decision_list_detail"),
    path("decisions/<uuid:pk>/export.csv", decisions.decision_list_export, name="decision_list_export"),
    path("decisions/<uuid:pk>/dossiers/<int:decision>/", decisions.decision_edit, name="decision_edit"),
    path("decisions/<uuid:pk>/dossiers/<int:decision>/retirer/", decisions.decision_remove, name="decision_remove"),
    path("decisions/<uuid:pk>/proposer/", decisions.decision_list_propose, name="decision_list_propose"),
    path("decisions/<uuid:pk>/reprendre/", decisions.decision_list_reopen, name="decision_list_reopen"),
    path("decisions/<uuid:pk>/renvoyer/", decisions.decision_list_send_back, name="decision_list_send_back"),
    path("decisions/<uuid:pk>/annuler/", decisions.decision_list_cancel, name="decision_list_cancel"),
    path("decisions/<uuid:pk>/liberer/", decisions.decision_list_release, name="decision_list_release"),
    path("decisions/<uuid:pk>/liberee/", decisions.decision_list_released, name="decision_list_released"),
]

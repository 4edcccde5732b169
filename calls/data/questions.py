"""The questions of the dossier, per axis."""

from typing import NamedTuple

from calls.enums import QuestionKind


class QuestionData(NamedTuple):
    """One question; ``axes`` are the codes of the axes that ask it."""

    code: str
    label: str
    help_text: str
    axes: tuple[str, ...]
    kind: QuestionKind = QuestionKind.TEXT
    is_required: bool = True
    max_length: int = 3000
    choices: tuple[str, ...] = ()


_PROJECTS = ("axe-1", "axe-2", "axe-3")

QUESTIONS = (
    QuestionData(
        "besoin",
        "À quel besoin le projet répond-il ?",
        "Dites pour qui, combien de personnes sont concernées et comment elles font aujourd’hui.",
        _PROJECTS,
    ),
    QuestionData(
        "benefice-usagers",
        "Qu’est-ce que le projet changera pour les usagers ?",
        "Décrivez l’effet concret et la façon dont vous le mesurerez.",
        _PROJECTS,
    ),
    QuestionData(
        "benefice-agents",
        "Qu’est-ce que le projet changera pour vos agents ?",
        "Temps gagné, tâches supprimées, accompagnement prévu.",
        _PROJECTS,
        is_required=False,
    ),
    QuestionData(
        "existant",
        "Quelles solutions existantes avez-vous étudiées ?",
        "Outils publics, logiciels libres, solutions d’autres collectivités, et pourquoi les retenir ou non.",
        ("axe-1", "axe-2"),
    ),
    QuestionData(
        "equipe",
        "Qui conduit le projet ?",
        "Équipe, responsable, élu référent, prestataires pressentis, instances de décision.",
        _PROJECTS,
    ),
    QuestionData(
        "mutualisation",
        "Avec qui le projet sera-t-il partagé, et comment sera-t-il réutilisable ?",
        "Partenaires, code et données ouverts, documentation, licence.",
        _PROJECTS,
    ),
    QuestionData(
        "licence",
        "Sous quelle licence les développements seront-ils publiés ?",
        "Choisissez la licence prévue ; « sans objet » si le projet ne produit pas de code.",
        ("axe-1", "axe-2"),
        kind=QuestionKind.CHOICE,
        choices=(
            "Licence libre permissive (MIT, Apache 2.0, CeCILL-B)",
            "Licence libre avec réciprocité (GPL, AGPL, CeCILL)",
            "Licence publique de l’Union européenne (EUPL)",
            "Sans objet",
        ),
    ),
    QuestionData(
        "donnees",
        "Quelles données le projet utilise-t-il ou produit-il ?",
        "Origine, données personnelles, ouverture, archivage.",
        ("axe-2",),
    ),
    QuestionData(
        "accessibilite",
        "Comment garantissez-vous l’accessibilité (RGAA), la sécurité et la protection des données ?",
        "Audits, responsables, échéances, homologation, analyse d’impact s’il y a lieu.",
        _PROJECTS,
    ),
    QuestionData(
        "inclusion",
        "Que proposez-vous aux personnes éloignées du numérique ?",
        "Accueil, accompagnement, maintien d’une autre voie d’accès au service.",
        _PROJECTS,
        max_length=2000,
    ),
    QuestionData(
        "fonctionnement",
        "Que coûtera le projet les années suivantes, et qui le paiera ?",
        "Coûts de fonctionnement après la subvention, économies attendues.",
        _PROJECTS,
        max_length=2000,
    ),
    QuestionData(
        "population-touchee",
        "Combien d’habitants utiliseront le service chaque année ?",
        "Une estimation suffit, en nombre d’habitants.",
        _PROJECTS,
        kind=QuestionKind.NUMBER,
        is_required=False,
    ),
    QuestionData(
        "service-raccorde",
        "Quel service en ligne raccordez-vous ?",
        "Son nom et son adresse, ou celle de sa version d’essai.",
        ("pack-franceconnect",),
        kind=QuestionKind.LINE,
        max_length=250,
    ),
    QuestionData(
        "raccordement",
        "Que raccordez-vous ?",
        "",
        ("pack-franceconnect",),
        kind=QuestionKind.CHOICE,
        choices=("Le bouton FranceConnect", "Une API de l’État", "Les deux"),
    ),
    QuestionData(
        "numero-habilitation",
        "Quel est le numéro de votre habilitation ?",
        "Il figure dans le message qui vous a accordé l’habilitation.",
        ("pack-franceconnect",),
        kind=QuestionKind.LINE,
        max_length=80,
    ),
    QuestionData(
        "en-production",
        "Le raccordement sera-t-il ouvert aux usagers dans les six mois ?",
        "",
        ("pack-franceconnect",),
        kind=QuestionKind.YES_NO,
    ),
)

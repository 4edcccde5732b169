"""The scoring grid: six criteria, and for each of them what each mark from 0 to 5 means."""

from typing import NamedTuple


class CriterionData(NamedTuple):
    """One criterion. ``descriptors[n]`` says what the mark ``n`` means."""

    code: str
    label: str
    weight: int
    descriptors: tuple[str, str, str, str, str, str]


CRITERIA = (
    CriterionData(
        "benefice",
        "Bénéfice pour les usagers et les agents",
        25,
        (
            "Aucun bénéfice n’est décrit, ou le projet dégrade le service rendu.",
            "Le bénéfice est affirmé, sans public désigné ni effet concret.",
            "Un public est désigné, mais l’effet attendu reste général et n’est pas mesurable.",
            "Les effets pour les usagers ou pour les agents sont concrets, avec un premier indicateur.",
            "Les effets pour les usagers et pour les agents sont concrets, mesurés par des indicateurs chiffrés, "
            "avec un point de départ.",
            "Les effets sont importants, chiffrés et vérifiés auprès d’usagers et d’agents, et leur mesure "
            "est déjà organisée.",
        ),
    ),
    CriterionData(
        "pertinence",
        "Pertinence au regard des objectifs de l’appel",
        15,
        (
            "Le projet ne relève d’aucun thème de l’axe.",
            "Le lien avec un thème de l’axe est ténu ; le besoin n’est pas établi.",
            "Le projet relève d’un thème, mais le besoin local est peu documenté.",
            "Le projet répond à un besoin établi et relève clairement d’un thème de l’axe.",
            "Le besoin est documenté, les solutions existantes ont été étudiées et le choix est justifié.",
            "Le projet répond à un besoin prioritaire, documenté, que rien d’existant ne couvre, et il sert "
            "directement les objectifs de l’appel.",
        ),
    ),
    CriterionData(
        "mutualisation",
        "Mutualisation et réutilisation",
        20,
        (
            "Le projet refuse toute réutilisation ou refait un outil public disponible.",
            "Aucune réutilisation n’est prévue.",
            "La réutilisation est évoquée, sans engagement ni destinataire.",
            "Les livrables seront partagés avec au moins une autre collectivité, ou réutilisent une brique commune.",
            "Le projet est porté à plusieurs, ou publie ses livrables sous licence libre avec leur documentation.",
            "Le projet est mutualisé dès l’origine, publie code, données et documentation sous licence libre, et "
            "accompagne ceux qui les reprendront.",
        ),
    ),
    CriterionData(
        "maturite",
        "Maturité, équipe et gouvernance",
        15,
        (
            "Ni équipe, ni responsable, ni calendrier.",
            "Un responsable est nommé, mais ni l’équipe ni les décisions ne sont organisées.",
            "L’équipe est incomplète ou le portage politique et administratif n’est pas acquis.",
            "L’équipe et le portage sont établis, le calendrier est vraisemblable.",
            "L’équipe a les compétences voulues, la gouvernance associe les métiers, les jalons sont précis.",
            "L’équipe a déjà conduit un projet semblable, la gouvernance associe élus, métiers et usagers, et "
            "les risques sont suivis.",
        ),
    ),
    CriterionData(
        "faisabilite",
        "Faisabilité, coût au regard du bénéfice",
        15,
        (
            "Le projet n’est pas réalisable dans le délai, ou son coût est sans rapport avec le bénéfice.",
            "Les coûts ne sont pas justifiés ou le plan de financement n’est pas crédible.",
            "Des postes importants sont estimés sans explication, ou le calendrier est fragile.",
            "Les coûts sont expliqués et le calendrier est réaliste.",
            "Les coûts sont étayés par des devis ou des comparaisons et proportionnés au bénéfice attendu.",
            "Les coûts sont étayés, les coûts de fonctionnement des années suivantes sont prévus et financés, et "
            "le bénéfice attendu les dépasse nettement.",
        ),
    ),
    CriterionData(
        "responsable",
        "Numérique responsable",
        10,
        (
            "Le projet ignore ses obligations d’accessibilité, de sécurité ou de protection des données.",
            "Ces obligations sont citées, sans moyens ni responsable.",
            "Une partie seulement est traitée, les autres sont renvoyées à plus tard.",
            "Accessibilité, sécurité et protection des données ont chacune un responsable et une échéance.",
            "Des audits et des corrections sont prévus et financés, une solution existe pour les personnes éloignées "
            "du numérique.",
            "L’accessibilité est vérifiée avec des personnes concernées, la sécurité est éprouvée, les données sont "
            "limitées au nécessaire, la sobriété est mesurée et un accueil humain demeure.",
        ),
    ),
)

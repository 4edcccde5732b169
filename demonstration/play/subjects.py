"""What the invented dossiers are about, and the invented names of the people who file them."""

from dataclasses import dataclass

FIRST_NAMES = (
    "Alix",
    "Basile",
    "Camille",
    "Damien",
    "Élise",
    "Firmin",
    "Gaëlle",
    "Honoré",
    "Inès",
    "Joris",
    "Katell",
    "Lubin",
    "Maëlys",
    "Nolwenn",
    "Octave",
    "Perrine",
    "Quentin",
    "Rosalie",
    "Sylvain",
    "Thaïs",
    "Ursule",
    "Valère",
    "Yseult",
    "Zélie",
)
# Those whose titles are written in the feminine.
FEMININE = frozenset(
    {
        "Alix",
        "Camille",
        "Élise",
        "Gaëlle",
        "Inès",
        "Katell",
        "Maëlys",
        "Nolwenn",
        "Perrine",
        "Rosalie",
        "Thaïs",
        "Ursule",
        "Yseult",
        "Zélie",
    }
)
LAST_NAMES = (
    "Abrivard",
    "Bellonneau",
    "Castaignède",
    "Dourlens",
    "Escoffrier",
    "Farguevieille",
    "Grandvoinnet",
    "Houdemer",
    "Issartel",
    "Jacquemoud",
    "Kerdraon",
    "Lavalvert",
    "Montrichard",
    "Nédellecq",
    "Ozanneau",
    "Pellapra",
    "Quistrebert",
    "Rocheblave",
    "Sauvageon",
    "Tournebize",
    "Urvoaz",
    "Vautherin",
    "Wassermer",
    "Yvonnet",
)


@dataclass(frozen=True)
class Subject:
    """A project: its theme's code, its title and what it does for people; expenses as (label, category, nature)."""

    theme: str
    title: str
    summary: str
    costs: tuple[tuple[str, str, str], ...]


_BUILD = ("Développement et intégration", "development", "investment")
_STUDY = ("Étude des usages et ateliers avec les habitants", "services", "operating")
_LICENCES = ("Licences et hébergement de la première année", "software", "operating")
_TRAINING = ("Formation et accompagnement des agents", "training", "operating")

SUBJECTS: dict[str, tuple[Subject, ...]] = {
    "axe-1": (
        Subject(
            "outils-partages",
            "Un agenda commun pour prendre rendez-vous en mairie",
            "Un outil libre de prise de rendez-vous, conçu avec six collectivités et réutilisable par toutes, pour les titres d’identité, l’urbanisme et l’action sociale.",
            (_STUDY, _BUILD, _TRAINING),
        ),
        Subject(
            "outils-partages",
            "Une messagerie sécurisée entre élus et services",
            "Un espace d’échange ouvert et hébergé en France, mis en commun par plusieurs collectivités qui n’en ont pas les moyens seules.",
            (_BUILD, _LICENCES, _TRAINING),
        ),
        Subject(
            "outils-partages",
            "Un modèle commun de site communal accessible",
            "Un site prêt à l’emploi, conforme au référentiel d’accessibilité, que chaque commune adapte sans prestataire.",
            (_STUDY, _BUILD),
        ),
        Subject(
            "outils-partages",
            "Suivre ensemble les demandes des habitants",
            "Un outil partagé de suivi des signalements de voirie et d’éclairage, avec réponse à l’habitant à chaque étape.",
            (_BUILD, _LICENCES),
        ),
    ),
    "axe-2": (
        Subject(
            "dematerialisation",
            "Demander ses aides sociales en une seule fois",
            "L’habitant ne saisit ses informations qu’une fois : les services se les transmettent avec son accord, et il suit sa demande en ligne ou au guichet.",
            (_STUDY, _BUILD, _TRAINING),
        ),
        Subject(
            "donnees",
            "Archiver les documents numériques à l’échelle du territoire",
            "Un service d’archivage électronique mutualisé, ouvert aux communes membres, avec ses règles de conservation.",
            (_BUILD, _LICENCES),
        ),
        Subject(
            "donnees",
            "Ouvrir les données de mobilité et de voirie",
            "Des jeux de données fiables et à jour, publiés dans un format commun, pour les habitants et les réutilisateurs.",
            (_STUDY, _BUILD),
        ),
        Subject(
            "cooperation",
            "Un dossier unique pour l’habitat et la rénovation",
            "Les services de la collectivité, des communes et de l’État instruisent le même dossier au lieu de trois.",
            (_BUILD, _TRAINING),
        ),
        Subject(
            "dematerialisation",
            "Un guichet de la petite enfance pour tous les modes de garde",
            "Une seule demande pour la crèche, l’assistante maternelle et l’aide financière, avec une réponse datée.",
            (_STUDY, _BUILD, _LICENCES),
        ),
    ),
    "axe-3": (
        Subject(
            "services-en-ligne",
            "Inscrire ses enfants à l’école et à la cantine en ligne",
            "Un service simple pour les familles, relié au logiciel de la mairie, avec un accompagnement au guichet.",
            (_BUILD, _TRAINING),
        ),
        Subject(
            "cybersecurite",
            "Protéger la mairie contre les attaques informatiques",
            "Un diagnostic, un plan d’action, des sauvegardes vérifiées et un exercice de crise avec les agents.",
            (("Diagnostic de sécurité et plan d’action", "services", "operating"), _TRAINING),
        ),
        Subject(
            "formation",
            "Former tous les agents aux démarches numériques",
            "Un parcours court par métier, en binôme, pour que chacun sache aider un habitant en difficulté.",
            (_TRAINING,),
        ),
        Subject(
            "ingenierie",
            "Un chef de projet numérique partagé entre les communes",
            "Une prestation d’ingénierie partagée pour choisir, acheter et suivre les outils communs.",
            (("Assistance à maîtrise d’ouvrage", "services", "operating"), _STUDY),
        ),
        Subject(
            "services-en-ligne",
            "Déposer et suivre son permis de construire en ligne",
            "Le dossier est déposé, complété et suivi en ligne ; la mairie et l’instructeur voient la même chose.",
            (_BUILD, _LICENCES, _TRAINING),
        ),
    ),
    "pack-franceconnect": (
        Subject(
            "franceconnect",
            "Raccorder l’espace famille à FranceConnect",
            "Les familles se connectent avec un compte qu’elles ont déjà, sans nouveau mot de passe.",
            (("Raccordement et recette", "development", "operating"),),
        ),
    ),
}

REFUSAL = "Le dossier ne décrit pas assez les usagers concernés ni la façon dont le bénéfice sera mesuré."
DEFERRAL = (
    "Le projet est utile, mais son calendrier et son équipe restent à préciser : il peut être présenté de nouveau."
)
REDIRECTIONS = {
    "axe-1": "Le projet peut servir à d’autres collectivités : il relève des outils partagés de l’axe 1.",
    "axe-2": "Par son ampleur, le projet relève des appels à projets nationaux de l’axe 2.",
    "axe-3": "Le projet répond à un besoin local : il relève du guichet territorial de l’axe 3.",
}
WAITING = "Le projet est de qualité ; il sera retenu si des crédits se libèrent, dans l’ordre de la liste."
INADMISSIBLE = "Le projet porte sur l’achat de matériel seul, que le règlement de l’appel exclut."
COMPLETION = "Délibération signée et datée (celle jointe est un projet)."
ACCLAMATION = (
    "Projet exemplaire : le jury le retient, bien que l’enveloppe de son département ne suffise pas à tous ceux qu’il y "
    "retient ; à l’autorité de choisir, ou d’abonder cette enveloppe."
)
DISCUSSION = (
    "Après discussion, le jury retient le projet pour le montant demandé, au vu de son bénéfice pour les habitants."
)

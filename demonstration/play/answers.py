"""What the invented applicants answer: for each question of the call, two texts that take turns."""

from applications.models import Application
from applications.rules import questions_of, rules_of
from calls.enums import QuestionKind
from calls.models import Question
from demonstration.play.draw import Candidate

TEXTS: dict[str, tuple[str, str]] = {
    "besoin": (
        "À {place}, ces démarches se font encore au guichet, aux heures où beaucoup d’habitants travaillent. Une personne "
        "sur trois revient parce qu’il lui manquait une pièce. Les ateliers tenus en mairie ont montré ce qui bloque.",
        "Les demandes arrivent à {place} par téléphone, courrier et courriel, et sont saisies trois fois. Les habitants "
        "ne savent pas où en est la leur ; les agents passent une heure par jour à leur répondre.",
    ),
    "benefice-usagers": (
        "La demande se fera en dix minutes, de chez soi ou avec un agent, et son état se lira à tout moment. Nous mesurons "
        "le délai de réponse et la part des demandes complètes du premier coup, avant et après.",
        "Un seul déplacement au lieu de trois, et une réponse en cinq jours au lieu de quinze. Une question de "
        "satisfaction sera posée à la fin de chaque démarche, et son résultat publié.",
    ),
    "benefice-agents": (
        "Plus de double saisie : environ six heures gagnées par semaine, rendues à l’accueil. Deux demi-journées de "
        "formation par agent, puis un référent dans chaque service.",
        "Les pièces sont contrôlées à l’arrivée ; l’agent n’écrit plus pour réclamer ce qui manque. Les équipes ont choisi "
        "elles-mêmes les tâches à supprimer.",
    ),
    "existant": (
        "Trois outils publics et deux logiciels libres ont été essayés. Nous retenons le plus simple à reprendre et ne "
        "développons que ce qui lui manque : le suivi par l’usager.",
        "Une solution voisine tourne chez deux collectivités de la région. Elle couvre l’essentiel ; le reste sera "
        "développé avec elles et leur reviendra.",
    ),
    "equipe": (
        "La direction générale porte le projet, avec une responsable à mi-temps et l’élu délégué au numérique. Un comité "
        "se réunit chaque mois ; deux agents d’accueil y siègent.",
        "Le service informatique et le service concerné le conduisent ensemble. Un prestataire sera choisi par marché "
        "public ; le conseil est informé chaque trimestre.",
    ),
    "mutualisation": (
        "Les communes voisines de {place} pourront reprendre le service sans frais. Le code, la documentation et les "
        "modèles de courrier seront publiés dès l’ouverture.",
        "Deux collectivités relisent le projet à chaque étape et l’essaieront avant l’ouverture. Tout ce qui est produit "
        "sera déposé sur une forge publique, avec un guide d’installation.",
    ),
    "donnees": (
        "Les données viennent des demandes elles-mêmes et du référentiel des adresses. Les données personnelles sont "
        "effacées au bout de deux ans ; les chiffres d’usage sont ouverts chaque trimestre.",
        "Le projet croise les demandes et l’état civil des services, sans en garder copie. Un jeu de données sans aucun "
        "nom sera publié chaque année ; l’archivage suit l’avis du service départemental.",
    ),
    "accessibilite": (
        "Un audit RGAA avant l’ouverture et un autre un an après ; l’homologation de sécurité et l’analyse d’impact sont "
        "prévues avec le délégué à la protection des données.",
        "L’accessibilité est un critère du marché et se vérifie à chaque livraison, avec des personnes concernées. Le "
        "délégué à la protection des données suit le projet depuis son début.",
    ),
    "inclusion": (
        "L’accueil reste ouvert aux mêmes heures. Un conseiller numérique tient une permanence par semaine, et chaque "
        "démarche garde son formulaire papier.",
        "Les agents peuvent faire la démarche avec la personne, ou à sa place si elle le demande. Les textes sont relus "
        "en langage facile à lire et à comprendre.",
    ),
    "fonctionnement": (
        "Environ un dixième du coût chaque année, pour l’hébergement et la maintenance. Il est inscrit au budget de "
        "{place} et couvert par le temps gagné à l’accueil.",
        "L’hébergement et l’assistance, partagés entre les collectivités qui utilisent le service. Les économies "
        "d’affranchissement en paient près de la moitié.",
    ),
    "service-raccorde": (
        "Espace des usagers de {place} (adresse fictive)",
        "Prise de rendez-vous en ligne de {place} (adresse fictive)",
    ),
    "numero-habilitation": ("DEMO-{rank:05d}", "DEMO-{rank:05d}"),
}
# One inhabitant in so many uses the service in a year.
ONE_IN = (8, 12, 20)
FEWEST = 40


def answers_of(application: Application, candidate: Candidate) -> dict[str, str]:
    """An answer to every question of the dossier, by code. Raises KeyError for a question without a text here."""
    asked = questions_of(application, rules_of(application, candidate.starts_at))
    return {question.code: _answer(question, candidate) for question in asked}


def _answer(question: Question, candidate: Candidate) -> str:
    if question.kind == QuestionKind.CHOICE:
        choice = question.choices[candidate.rank % len(question.choices)]
        return str(choice[0] if isinstance(choice, list | tuple) else choice)
    if question.kind == QuestionKind.YES_NO:
        return "oui"
    if question.kind == QuestionKind.NUMBER:
        inhabitants = candidate.territory.population or 0
        return str(max(FEWEST, inhabitants // ONE_IN[candidate.rank % len(ONE_IN)]))
    text = TEXTS[question.code][candidate.rank % 2].format(place=candidate.territory.name, rank=candidate.rank)
    return text[: question.max_length]

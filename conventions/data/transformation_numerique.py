"""The text of the convention for the digital transformation call. French for the signatories; fields in braces are
those of ``conventions.merge``. A dagger in the issue of the law is ``is_mandatory`` here (décret 2018-514, art. 8).
"""

VERSION = 3
TITLE = "Convention de subvention – Transformation numérique des collectivités territoriales"

PREAMBLE = """\
L’État a ouvert l’appel à projets « {appel} » pour financer des projets qui changent concrètement la relation des habitants avec leurs services publics locaux. Il est financé par le plan France Relance, avec le concours de l’Union européenne dans le cadre de NextGenerationEU.

Vu la loi organique n° 2001-692 du 1er août 2001 relative aux lois de finances ;

Vu le décret n° 2012-1246 du 7 novembre 2012 relatif à la gestion budgétaire et comptable publique ;

Vu le décret n° 2018-514 du 25 juin 2018 relatif aux subventions de l’État pour des projets d’investissement ;

Vu le règlement de l’appel à projets, {version_reglement}, et ses conditions ({source_reglement}) ;

Vu le dossier {dossier}, reçu le {date_reception} ;

Vu {deliberation} ;

Vu l’avis du jury consigné au procès-verbal {proces_verbal} ;

Vu la décision d’attribution {liste} ;

l’État ({service}), d’une part, et {beneficiaire}, SIRET {siret}, {adresse}, représenté par {representant}, ci-après « le bénéficiaire », d’autre part, conviennent de ce qui suit.
"""

# number, title, mandatory, text
ARTICLES: list[tuple[int, str, bool, str]] = [
    (
        1,
        "Objet et projet",
        True,
        """\
La présente convention fixe les conditions dans lesquelles l’État soutient le projet « {projet} », présenté par le bénéficiaire sur l’axe « {axe} » et décrit à l’annexe 1.

Le projet est réalisé à : {lieu}.
""",
    ),
    (
        2,
        "Bénéficiaires, chef de file et mandat",
        True,
        """\
Le bénéficiaire est {beneficiaire} (SIRET {siret}). {mandat_groupement}

{repartition}

Le bénéficiaire est seul responsable, à l’égard de l’État, de l’exécution du projet et de l’emploi de la subvention. Il ne peut la reverser à un tiers que dans la mesure prévue au présent article.
""",
    ),
    (
        3,
        "Durée, calendrier et étapes",
        True,
        """\
Le projet commence le {debut} et s’achève au plus tard le {fin}. Ses étapes figurent à l’annexe 1.

La convention prend effet à sa notification et prend fin quand les obligations des parties sont éteintes, notamment la remise du compte rendu final prévu à l’article 11.
""",
    ),
    (
        4,
        "Coût éligible, base des montants et exclusions",
        True,
        """\
Le coût total du projet est de {cout_total}, dont {cout_eligible} de dépenses éligibles. Tous les montants de la convention sont exprimés {base_montants}.

Ne sont pas éligibles les dépenses que le règlement de l’appel exclut pour cet axe, les dépenses engagées avant la réception du dossier, ainsi que les frais financiers, amendes et provisions. Le détail des dépenses figure à l’annexe 2.
""",
    ),
    (
        5,
        "Montant maximal de la subvention",
        True,
        """\
L’État attribue au bénéficiaire une subvention unique d’un montant maximal de {montant} ({montant_en_lettres}).

{mode_de_calcul}
""",
    ),
    (
        6,
        "Plan de financement, cumul et participation du bénéficiaire",
        False,
        """\
Le plan de financement figure à l’annexe 2. Le total des aides publiques ne peut pas dépasser 100 % du coût éligible (décret n° 2018-514, article 10).

Pour une opération d’investissement, le bénéficiaire apporte lui-même au moins 20 % du total des financements publics, sauf exception ou dérogation prévue au III de l’article L. 1111-10 du code général des collectivités territoriales.

Le bénéficiaire informe l’État sans délai de toute autre aide publique obtenue pour le même projet.
""",
    ),
    (
        7,
        "Modalités de versement",
        True,
        """\
La subvention est versée en une seule fois, après la signature de la convention par les deux parties et le constat du service fait.

Elle est versée sur le compte ouvert au nom de {titulaire}, IBAN {iban}, BIC {bic}.

La dépense est imputée sur les crédits suivants : {programme}, centre de coût {centre_cout}, domaine fonctionnel {domaine_fonctionnel}, référentiel de programmation {referentiel}. Le numéro d’engagement juridique est porté sur la notification de la convention. Le service ordonnateur est le suivant : {service}.
""",
    ),
    (
        8,
        "Pièces justificatives",
        False,
        """\
Le bénéficiaire conserve et présente à la première demande :

- les marchés, bons de commande et factures du projet ;
- l’état récapitulatif des dépenses, certifié par le comptable public ;
- les preuves de réalisation : livrables, procès-verbaux de réception, mises en service ;
- le suivi des indicateurs de l’annexe 3.
""",
    ),
    (
        9,
        "Commencement d’exécution, prorogation et caducité",
        False,
        """\
Le premier acte juridique qui engage le projet (bon de commande, marché) ne peut pas précéder la réception du dossier, le {date_reception}.

Si le projet n’a reçu aucun commencement d’exécution dans le délai de deux ans à compter de la notification, l’État constate la caducité de sa décision, sauf prorogation accordée pour un an au plus sur demande motivée. Le bénéficiaire déclare l’achèvement du projet dans les douze mois qui suivent la date de fin prévue à l’article 3.
""",
    ),
    (
        10,
        "Obligations du bénéficiaire",
        False,
        """\
Le bénéficiaire réalise le projet dans le respect du droit, et en particulier :

- des règles de la commande publique ;
- de l’accessibilité numérique (référentiel général d’amélioration de l’accessibilité) ;
- de la protection des données personnelles ;
- de la sécurité des systèmes d’information (référentiel général de sécurité) ;
- de l’ouverture des codes sources et des données produits avec la subvention, dans les limites de la loi.

Il met à la disposition des autres collectivités, gratuitement, les livrables qui peuvent être réutilisés, et suit les indicateurs de l’annexe 3.
""",
    ),
    (
        11,
        "Comptes rendus",
        False,
        """\
Le bénéficiaire dépose sur le site {site} un compte rendu d’avancement à la demande de l’État, et un compte rendu final dans les douze mois qui suivent la fin du projet. Le compte rendu final présente les dépenses réalisées, les résultats obtenus et la valeur des indicateurs.
""",
    ),
    (
        12,
        "Communication",
        False,
        """\
Le bénéficiaire mentionne le soutien de l’État, de France Relance et de l’Union européenne (« Financé par l’Union européenne – NextGenerationEU ») sur ses documents et pages relatifs au projet, dans les conditions de l’annexe 7. Il autorise l’État à faire connaître le projet et ses résultats.
""",
    ),
    (
        13,
        "Modifications",
        False,
        """\
Toute modification du projet, de son calendrier, de son coût ou de ses bénéficiaires est signalée sans délai à l’État. Une modification substantielle fait l’objet d’un avenant signé par les deux parties avant sa mise en œuvre. Un avenant ne peut pas augmenter le montant maximal de l’article 5 sans nouvelle décision d’attribution.
""",
    ),
    (
        14,
        "Contrôle, audit et conservation",
        False,
        """\
Le bénéficiaire accepte les contrôles de l’État, de l’Union européenne, de la Cour des comptes et de la Cour des comptes européenne, sur pièces et sur place. Il conserve les pièces relatives au projet pendant dix ans à compter du versement de la subvention.
""",
    ),
    (
        15,
        "Reversement",
        True,
        """\
L’État demande le reversement total ou partiel de la subvention dans les trois cas prévus par l’article 14 du décret n° 2018-514 :

- si l’objet de la subvention ou l’affectation de l’investissement a été modifié sans autorisation ;
- si le total des aides publiques dépasse le plafond de l’article 6 ;
- si le projet n’est pas réalisé ou si son achèvement n’est pas déclaré dans les délais.

Aucun reversement n’est décidé sans que le bénéficiaire ait été informé des motifs et mis en mesure de présenter ses observations, écrites ou orales, dans un délai d’au moins un mois.
""",
    ),
    (
        16,
        "Résiliation",
        False,
        """\
En cas de manquement grave d’une partie à ses obligations, l’autre peut résilier la convention, un mois après une mise en demeure restée sans effet et après avoir recueilli ses observations. Les dépenses éligibles exposées avant la résiliation sont prises en compte pour arrêter le montant définitif de la subvention.
""",
    ),
    (
        17,
        "Publication des données essentielles",
        False,
        """\
L’État publie les données essentielles de la convention (bénéficiaire, objet, montant, date, conditions de versement) en application de l’article L. 312-1-1 du code des relations entre le public et l’administration, dans les trois mois de la signature.
""",
    ),
    (
        18,
        "Données personnelles",
        False,
        """\
Les données des personnes qui représentent les parties sont traitées par le service responsable de l’appel ({service}) pour instruire le dossier, suivre la convention et répondre aux contrôles. Elles sont conservées pendant la durée fixée à l’article 14. Chacun peut exercer ses droits d’accès, de rectification et d’opposition auprès du service : {service_contact}.
""",
    ),
    (
        19,
        "Litiges",
        False,
        """\
Les parties recherchent d’abord un règlement amiable. À défaut, le litige est porté devant le {tribunal}, dans le délai de deux mois prévu à l’article R. 421-1 du code de justice administrative.
""",
    ),
    (
        20,
        "Notification et entrée en vigueur",
        False,
        """\
La convention est établie sous forme électronique, en un document unique. Elle est revêtue du cachet électronique de l’État, puis signée électroniquement par le représentant légal du bénéficiaire et par le signataire de l’État. Elle entre en vigueur à la date de cette dernière signature, qui vaut notification quand elle est mise à la disposition du bénéficiaire sur le site {site}.

Son authenticité se vérifie sur ce site avec son numéro, {numero}, et le code imprimé sur le document.
""",
    ),
]

# Annexes: number, title, the part of the document that fills it.
ANNEXES = [
    (1, "Fiche du projet, calendrier et étapes", "project"),
    (2, "Dépenses et plan de financement", "budget"),
    (3, "Indicateurs", "indicators"),
    (4, "Échéancier de versement", "schedule"),
    (5, "Coordonnées bancaires", "bank"),
    (6, "Délibération ou délégation du représentant légal", "deliberation"),
    (7, "Charte de communication", "communication"),
]

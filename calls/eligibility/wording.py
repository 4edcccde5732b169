"""The figures of a verdict in plain French, for pages and papers."""

from calls.eligibility.rules import NBSP, number
from calls.eligibility.verdict import RuleResult


def figures_in_words(result: RuleResult) -> list[tuple[str, str]]:
    """What the rule compared, as pairs of a label and a value; empty when it compared no figure."""
    figures = result.figures
    if "threshold" in figures:
        pairs = [
            (
                "Population couverte",
                "inconnue" if figures["population"] is None else f"{number(figures['population'])}{NBSP}habitants",
            ),
            ("Seuil", f"{number(figures['threshold'])}{NBSP}habitants"),
            ("Communes couvertes", number(figures["communes"])),
        ]
        if figures["population"] is None and figures["known_population"]:
            pairs.insert(1, ("Part connue", f"{number(figures['known_population'])}{NBSP}habitants"))
        if figures["shared_communes"]:
            pairs.append(("Dont communes partagées, comptées une fois", number(figures["shared_communes"])))
        pairs.append(("Populations légales", f"millésime {figures['vintage']}"))
        return pairs
    if "prior_requests" in figures:
        known = figures["prior_requests"]
        return [
            ("Demandes déjà faites", "inconnu" if known is None else number(known)),
            ("Demandes possibles", number(figures["maximum"])),
        ]
    return []

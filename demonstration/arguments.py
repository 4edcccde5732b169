"""What the commands of the demonstration take."""

from argparse import ArgumentTypeError

# Every outcome is met from 40 dossiers on; beyond 600, the smallest axis lacks authorities.
FEWEST, MOST = 40, 600


def dossier_count(text: str) -> int:
    """Number of dossiers to play, for ``add_argument(type=…)``. Raises ArgumentTypeError outside ``FEWEST`` to ``MOST``."""
    if not (text.isascii() and text.isdigit() and FEWEST <= int(text) <= MOST):
        raise ArgumentTypeError(f"un nombre de {FEWEST} à {MOST}, et non « {text} »")
    return int(text)

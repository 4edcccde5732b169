"""Severity of each juror, by an additive model with shrinkage; a reading aid, never a decision.

``mark = mean + dossier + juror + chance``, the last three drawn from normal laws whose variances are estimated by
maximum likelihood (EM on Henderson's equations). Raw marks stay authoritative and are never overwritten. Never a
z-score per juror: it takes the quality of a panel's dossiers for its severity.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FEWEST_DOSSIERS = 5
SIGNIFICANCE = 0.05
ROUNDS = 60

NOT_CONNECTED = (
    "Les notes ne peuvent pas être comparées : des jurés et leurs dossiers ne sont reliés à aucun autre par une "
    "lecture commune."
)
TOO_FEW = "Les notes ne peuvent pas être corrigées : au moins un juré a remis moins de cinq évaluations."
NO_DIFFERENCE = "Les jurés ne notent pas différemment de façon significative : il n’y a rien à corriger."
NOT_ENOUGH = "Les notes remises ne suffisent pas : il faut plus d’évaluations que de jurés et de dossiers."


@dataclass(frozen=True)
class Mark:
    """One submitted total, out of 20."""

    dossier: str
    juror: int
    total: float


@dataclass(frozen=True)
class Severity:
    """Points out of 20 that a juror adds (positive: generous) or takes away, with a 95 % interval."""

    juror: int
    points: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Calibration:
    """``refusal`` says in French why there is no correction; otherwise severities and corrected means out of 20."""

    refusal: str = ""
    severities: tuple[Severity, ...] = ()
    corrected: dict[str, float] | None = None


def calibrate(marks: Sequence[Mark]) -> Calibration:
    """Estimates severities, or refuses and says why. Same marks in any order, same answer."""
    rows = sorted(marks, key=lambda mark: (mark.dossier, mark.juror))
    dossiers = sorted({mark.dossier for mark in rows})
    jurors = sorted({mark.juror for mark in rows})
    if len(rows) <= len(dossiers) + len(jurors):
        return Calibration(refusal=NOT_ENOUGH)
    d = np.searchsorted(dossiers, [mark.dossier for mark in rows])
    j = np.searchsorted(jurors, [mark.juror for mark in rows])
    y = np.array([mark.total for mark in rows], dtype=float)
    refusal = _refusal(d, j, y, len(dossiers), len(jurors))
    if refusal:
        return Calibration(refusal=refusal)
    effects, errors = _shrunk_juror_effects(d, j, y, len(dossiers), len(jurors))
    counts = np.bincount(j, minlength=len(jurors))
    severities = tuple(
        Severity(
            juror=juror,
            points=float(effect),
            low=float(effect - 1.96 * error),
            high=float(effect + 1.96 * error),
            count=int(count),
        )
        for juror, effect, error, count in zip(jurors, effects, errors, counts, strict=True)
    )
    corrected = np.bincount(d, weights=y - effects[j]) / np.bincount(d)
    return Calibration(
        severities=severities, corrected={key: float(value) for key, value in zip(dossiers, corrected, strict=True)}
    )


def _refusal(d: np.ndarray, j: np.ndarray, y: np.ndarray, n: int, m: int) -> str:
    if np.bincount(j, minlength=m).min() < FEWEST_DOSSIERS:
        return TOO_FEW
    # scipy late, here and below: every process of the site would pay two seconds at its start for what one page needs.
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    graph = sparse.coo_matrix((np.ones(len(y)), (d, j + n)), shape=(n + m, n + m))
    if connected_components(graph, directed=False, return_labels=False) > 1:
        return NOT_CONNECTED
    return "" if _jurors_differ(d, j, y, n, m) else NO_DIFFERENCE


def _jurors_differ(d: np.ndarray, j: np.ndarray, y: np.ndarray, n: int, m: int) -> bool:
    """F test of the juror effects, dossiers being absorbed (each mark minus its dossier's mean)."""
    from scipy import sparse, stats

    sizes = np.bincount(d)
    absorbed = y - (np.bincount(d, weights=y) / sizes)[d]
    design = np.zeros((len(y), m))
    design[np.arange(len(y)), j] = 1.0
    shares = sparse.csr_matrix((1.0 / sizes[d], (d, j)), shape=(n, m)).toarray()
    design -= shares[d]
    solution, _, order, _ = np.linalg.lstsq(design, absorbed, rcond=None)
    rest = float(((absorbed - design @ solution) ** 2).sum())
    freedom = len(y) - n - int(order)
    if freedom <= 0 or not order:
        return False
    explained = float((absorbed**2).sum()) - rest
    if rest <= 1e-12:
        return explained > 1e-12
    statistic = (explained / order) / (rest / freedom)
    return bool(stats.f.sf(statistic, order, freedom) < SIGNIFICANCE)


def _shrunk_juror_effects(d: np.ndarray, j: np.ndarray, y: np.ndarray, n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Best linear predictors of the juror effects and their standard errors.

    The equations of the dossiers are diagonal: they are absorbed, so that one round solves a system of the size of
    the jury whatever the number of dossiers.
    """
    from scipy import sparse
    from scipy.linalg import cho_factor, cho_solve

    count = len(y)
    sizes, loads = np.bincount(d).astype(float), np.bincount(j).astype(float)
    together = sparse.csr_matrix((np.ones(count), (d, j)), shape=(n, m)).toarray()
    crossed = np.column_stack([sizes, together])
    inner = np.zeros((m + 1, m + 1))
    inner[0, 0], inner[0, 1:], inner[1:, 0] = count, loads, loads
    inner[1:, 1:] = np.diag(loads)
    sums = np.concatenate([[y.sum()], np.bincount(j, weights=y, minlength=m)])
    dossier_sums = np.bincount(d, weights=y)
    error = dossier = juror = float(y.var()) / 3 or 1.0
    solution, inverse = np.zeros(m + 1), np.eye(m + 1)
    for _ in range(ROUNDS):
        held = sizes + error / dossier
        scaled = crossed / held[:, None]
        system = inner - crossed.T @ scaled
        system[np.arange(1, m + 1), np.arange(1, m + 1)] += error / juror
        inverse = cho_solve(cho_factor(system), np.eye(m + 1))
        solution = inverse @ (sums - scaled.T @ dossier_sums)
        a = (dossier_sums - crossed @ solution) / held
        u = solution[1:]
        juror_next = float(u @ u + error * np.trace(inverse[1:, 1:])) / m
        spread = (1 / held).sum() + ((scaled @ inverse) * scaled).sum()
        dossier_next = float(a @ a + error * spread) / n
        fitted = solution[0] + u[j] + a[d]
        error = max(float(y @ (y - fitted)) / (count - 1), 1e-9)
        juror, dossier = max(juror_next, 1e-9), max(dossier_next, 1e-9)
    return solution[1:], np.sqrt(np.diag(inverse)[1:] * error)

"""Small real data sets, shipped with the package, and a reader for your own file.

Every loader returns a fresh ``Dataset``; nothing is downloaded, and nothing is read before a loader is
called. The sources and licences in full are in ``SOURCES.md`` beside this file.
"""

from __future__ import annotations

import bz2
from dataclasses import replace
from importlib.resources import files

import numpy as np

from .dataset import Certified, Dataset
from .table import parse_csv, read_csv

__all__ = ["Certified", "Dataset", "load_breast_cancer", "load_diabetes", "load_iris", "load_line", "load_norris", "read_csv"]

def load_breast_cancer() -> Dataset:
    """Wisconsin diagnostic breast cancer: 569 tumours, 30 measures of nuclei, malignant (0) or benign (1).

    Lengths are in the units of the digitised image; the first ten features are means over the nuclei, the
    next ten their standard errors, the last ten the means of the three largest values.

    Source: W. N. Street, W. H. Wolberg, O. L. Mangasarian, *Nuclear feature extraction for breast tumor
    diagnosis*, IS&T/SPIE 1905 (1993) 861-870; UCI Machine Learning Repository, 1995; CC BY 4.0.

    >>> load_breast_cancer()
    <Dataset breast_cancer: 569 rows × 30 features, 2 classes: malignant, benign>
    """
    table = _shipped("breast_cancer", target="diagnosis", licence="CC BY 4.0",
                     source="Wolberg, Street and Mangasarian (1995), UCI Machine Learning Repository")
    # The reader numbers classes in sorted order; everyone who uses these data has malignant = 0.
    return replace(table, target=1 - table.target, target_names=table.target_names[::-1])


def load_iris() -> Dataset:
    """Fisher's iris: 150 flowers, four lengths in cm, three species of 50 flowers each.

    The values are those of Fisher's paper, as in R; the copy at UCI has two wrong rows.

    Source: R. A. Fisher, *The use of multiple measurements in taxonomic problems*, Annals of Eugenics 7
    (1936) 179-188; UCI Machine Learning Repository; CC BY 4.0.

    >>> load_iris()
    <Dataset iris: 150 rows × 4 features, 3 classes: setosa, versicolor, virginica>
    """
    return _shipped("iris", target="species", source="Fisher (1936)", licence="CC BY 4.0")


def load_diabetes() -> Dataset:
    """Diabetes: 442 patients, ten baseline measures, and how far the disease went in the following year.

    The measures are raw, neither centred nor scaled: age in years, sex (1 or 2), body mass index in kg/m²,
    mean blood pressure, and six blood serum values s1 to s6.

    Source: B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, *Least angle regression*, Annals of Statistics
    32 (2004) 407-499. The authors state no licence; the copy is scikit-learn's, BSD-3-Clause.

    >>> load_diabetes()
    <Dataset diabetes: 442 rows × 10 features, numbers to predict>
    """
    return _shipped("diabetes", target="progression", source="Efron, Hastie, Johnstone and Tibshirani (2004)",
                    licence="none stated by the authors; copied from scikit-learn, BSD-3-Clause")


def load_norris() -> Dataset:
    """NIST's Norris: 36 readings of an ozone monitor against NIST's own, to be fitted by a straight line.

    ``certified`` holds intercept and slope, their standard deviations, and the standard deviation of the
    residuals, as certified by NIST to 15 digits.

    Source: J. Norris, NIST, *Calibration of ozone monitors*; NIST Statistical Reference Datasets, linear
    regression, lower level of difficulty; a work of the United States government, in the public domain.

    >>> norris = load_norris()
    >>> norris
    <Dataset norris: 36 rows × 1 feature, numbers to predict, certified>
    >>> norris.certified.coefficients
    array([-0.26232307,  1.00211682])
    """
    certified = Certified(
        coefficients=np.array([-0.262323073774029, 1.00211681802045]),
        standard_deviations=np.array([0.232818234301152, 0.429796848199937e-3]),
        residual_sd=0.884796396144373,
        residual_ss=26.6173985294224,
    )
    table = _shipped("norris", target="y", source="NIST Statistical Reference Datasets, Norris", licence="public domain")
    return replace(table, certified=certified)


def load_line(seed: int = 0, n: int = 11) -> Dataset:
    """The line of the lecture notes, y = 2 x + noise at x = 0, 1, …, n - 1, the noise uniform on [0, 5).

    The expected intercept is therefore 2.5. The same ``seed`` gives the same data.

    Source: Y. Hu, *Machine learning* (lecture notes), the program before section 6; no licence needed.

    >>> load_line()
    <Dataset line: 11 rows × 1 feature, numbers to predict>
    """
    x = np.arange(n, dtype=np.float64)
    y = 2 * x + np.random.default_rng(seed).uniform(0, 5, size=n)
    return Dataset("line", x[:, None], y, ("x",), (), "Hu, Machine learning (lecture notes)", "none needed: synthetic")


def _shipped(name: str, *, target: str, source: str, licence: str) -> Dataset:
    text = bz2.decompress(files(__package__).joinpath(f"{name}.csv.bz2").read_bytes()).decode("utf-8")
    return parse_csv(text, target, name=name, source=source, licence=licence)

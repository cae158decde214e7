"""The shipped data: the right numbers, the caller's own copy, and where they come from."""

import subprocess
import sys
from dataclasses import FrozenInstanceError
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from dualdiff import datasets
from dualdiff.datasets import load_breast_cancer, load_diabetes, load_iris, load_line, load_norris

ROOT = Path(__file__).parent.parent
LOADERS = [load_breast_cancer, load_diabetes, load_iris, load_line, load_norris]

# Figures that the sources print: rows, features, classes and their sizes.
SHAPES = [
    (load_breast_cancer, (569, 30), {"malignant": 212, "benign": 357}),
    (load_iris, (150, 4), {"setosa": 50, "versicolor": 50, "virginica": 50}),
    (load_diabetes, (442, 10), {}),
    (load_norris, (36, 1), {}),
    (load_line, (11, 1), {}),
]


@pytest.mark.parametrize(("load", "shape", "classes"), SHAPES)
def test_a_data_set_has_the_rows_features_and_classes_of_its_source(load, shape, classes):
    data = load()
    assert data.data.shape == shape
    assert data.target.shape == shape[:1]
    assert data.data.dtype == np.float64
    assert len(data.feature_names) == shape[1]
    assert np.isfinite(data.data).all()
    assert data.target_names == tuple(classes)
    if classes:
        assert np.bincount(data.target).tolist() == list(classes.values())
    else:
        assert data.target.dtype == np.float64


# Least and greatest value of each feature as the source prints them, to three decimals at most.
# fmt: off
CANCER_RANGES = [
    # mean
    (6.981, 28.11), (9.71, 39.28), (43.79, 188.5), (143.5, 2501.0), (0.053, 0.163),
    (0.019, 0.345), (0.0, 0.427), (0.0, 0.201), (0.106, 0.304), (0.05, 0.097),
    # standard error
    (0.112, 2.873), (0.36, 4.885), (0.757, 21.98), (6.802, 542.2), (0.002, 0.031),
    (0.002, 0.135), (0.0, 0.396), (0.0, 0.053), (0.008, 0.079), (0.001, 0.03),
    # worst
    (7.93, 36.04), (12.02, 49.54), (50.41, 251.2), (185.2, 4254.0), (0.071, 0.223),
    (0.027, 1.058), (0.0, 1.252), (0.0, 0.291), (0.156, 0.664), (0.055, 0.208),
]
# fmt: on


def test_the_ranges_of_the_features_are_those_that_the_sources_print():
    cancer = load_breast_cancer().data
    ranges = np.column_stack([cancer.min(axis=0), cancer.max(axis=0)])
    np.testing.assert_allclose(ranges, CANCER_RANGES, atol=5.001e-4)
    iris = load_iris().data
    assert iris.min(axis=0).tolist() == [4.3, 2.0, 1.0, 0.1]
    assert iris.max(axis=0).tolist() == [7.9, 4.4, 6.9, 2.5]


def test_the_first_tumour_is_malignant_and_the_last_benign():
    cancer = load_breast_cancer()
    assert [cancer.target_names[label] for label in cancer.target[[0, -1]]] == ["malignant", "benign"]


def test_the_two_iris_rows_that_are_wrong_in_a_common_copy_are_right_here():
    # Fisher (1936), setosa 35 and 38: 4.9 3.1 1.5 0.2 and 4.9 3.6 1.4 0.1.
    np.testing.assert_array_equal(load_iris().data[[34, 37]], [[4.9, 3.1, 1.5, 0.2], [4.9, 3.6, 1.4, 0.1]])


def test_the_diabetes_measures_are_raw():
    data = load_diabetes()
    np.testing.assert_array_equal(data.data[0], [59, 2, 32.1, 101, 157, 93.2, 38, 4, 4.8598, 87])
    assert data.target[:3].tolist() == [151, 75, 141]
    assert set(data.data[:, data.feature_names.index("sex")]) == {1, 2}


def test_the_certified_values_of_norris_follow_from_its_data_to_the_last_digit():
    norris = load_norris()
    # Exact rational arithmetic on the decimals of the file; NIST prints 15 significant digits.
    x = [Fraction(repr(value)) for value in norris.data[:, 0].tolist()]
    y = [Fraction(repr(value)) for value in norris.target.tolist()]
    n, x_mean, y_mean = len(x), sum(x) / len(x), sum(y) / len(y)
    spread = sum((a - x_mean) ** 2 for a in x)
    slope = sum((a - x_mean) * (b - y_mean) for a, b in zip(x, y, strict=True)) / spread
    intercept = y_mean - slope * x_mean
    squares = sum((b - intercept - slope * a) ** 2 for a, b in zip(x, y, strict=True))
    variance = squares / (n - 2)

    def printed(exact, root=False):
        value = Decimal(exact.numerator) / exact.denominator
        return float(f"{value.sqrt() if root else value:.14e}")

    certified = norris.certified
    assert certified.coefficients.tolist() == [printed(intercept), printed(slope)]
    assert certified.standard_deviations.tolist() == [
        printed(variance * (Fraction(1, n) + x_mean**2 / spread), root=True),
        printed(variance / spread, root=True),
    ]
    assert certified.residual_sd == printed(variance, root=True)
    assert certified.residual_ss == printed(squares)


def test_only_norris_is_certified():
    assert [load for load in LOADERS if load().certified] == [load_norris]
    assert repr(load_norris().certified).startswith("Certified(coefficients=[-0.2623")


def test_the_line_is_that_of_the_lecture_notes():
    line = load_line()
    np.testing.assert_array_equal(line.data[:, 0], np.arange(11))
    noise = line.target - 2 * np.arange(11)
    assert (noise >= 0).all()
    assert (noise < 5).all()
    assert len(set(noise)) == 11


def test_the_line_is_the_same_for_the_same_seed_only():
    np.testing.assert_array_equal(load_line(seed=3).target, load_line(seed=3).target)
    assert not np.array_equal(load_line(seed=3).target, load_line(seed=4).target)


@pytest.mark.parametrize("n", [0, 1, 50])
def test_the_line_has_as_many_points_as_asked(n):
    assert load_line(n=n).data.shape == (n, 1)
    assert load_line(n=n).target.shape == (n,)


@pytest.mark.parametrize("load", LOADERS)
def test_a_data_set_names_its_source_and_licence(load):
    data = load()
    assert data.source
    assert data.licence
    assert "Source: " in load.__doc__


@pytest.mark.parametrize("load", LOADERS)
def test_what_one_caller_changes_the_next_does_not_see(load):
    first, second = load(), load()
    first.data[:] = -1
    first.target[:] = -1
    assert (second.data != -1).all()
    assert (second.target != -1).all()


def test_the_fields_of_a_data_set_are_fixed():
    with pytest.raises(FrozenInstanceError):
        load_line().name = "curve"


def test_the_repr_counts_and_names_a_few_classes():
    assert repr(load_iris()) == (
        "<Dataset iris: 150 rows × 4 features, 3 classes: setosa, versicolor, virginica>"
    )
    assert repr(load_norris()) == "<Dataset norris: 36 rows × 1 feature, numbers to predict, certified>"


def test_the_repr_of_many_classes_stays_on_one_line(tmp_path):
    path = tmp_path / "letters.csv"
    path.write_text("x,letter\n" + "".join(f"{i},{letter}\n" for i, letter in enumerate("abcdefg")))
    assert repr(datasets.read_csv(path, "letter")).endswith("7 classes: a, b, c, d, e, …>")


def test_importing_reads_no_data():
    program = """
import sys
opened = []
record = lambda event, args: event == "open" and str(args[0]).endswith(".csv.bz2") and opened.append(args)
sys.addaudithook(record)
import dualdiff.datasets
assert not opened, opened
dualdiff.datasets.load_iris()
assert len(opened) == 1, "the hook saw nothing, so it proves nothing"
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)

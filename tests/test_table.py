"""A user's own CSV file: what is read as it stands, and what each fault is answered with."""

import re

import numpy as np
import pytest

from dualdiff.datasets import read_csv
from dualdiff.errors import DataError, DualdiffError


@pytest.fixture
def table(tmp_path):
    """Read ``content`` (text or bytes) as the file own.csv."""

    def read(content, target="y", **options):
        path = tmp_path / "own.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_csv(path, target, **options)

    return read


@pytest.fixture
def refusal(table):
    """The message that a file is refused with, without the path it begins with."""

    def read(*args, **options):
        with pytest.raises(DataError) as caught:
            table(*args, **options)
        path, _, message = str(caught.value).partition("own.csv: ")
        assert path
        return message

    return read


# ---- what is read ---------------------------------------------------------------------------------------

SAME_TABLE = {
    "commas": "a,b,y\n1,2,3\n4,5.5,6\n",
    "semicolons": "a;b;y\n1;2;3\n4;5.5;6\n",
    "tabs": "a\tb\ty\n1\t2\t3\n4\t5.5\t6\n",
    "byte order mark": b"\xef\xbb\xbfa,b,y\n1,2,3\n4,5.5,6\n",
    "carriage returns": "a,b,y\r\n1,2,3\r\n4,5.5,6\r\n",
    "no newline at the end": "a,b,y\n1,2,3\n4,5.5,6",
    "quotes behind spaces": 'a, "b", y\n1, "2", 3\n4, 5.5, 6\n',
    "quoted fields": '"a","b","y"\n"1","2","3"\n"4","5.5","6"\n',
    "spaces around fields": "a, b , y\n 1,2 , 3\n4 ,5.5,6\n",
    "blank rows": "\na,b,y\n\n1,2,3\n,,\n  \n4,5.5,6\n,,\n\n",
    "exponents and signs": "a,b,y\n+1,2e0,3.\n.4e1,55E-1,6\n",
    "target in the middle": "a,y,b\n1,3,2\n4,6,5.5\n",
}


@pytest.mark.parametrize("content", SAME_TABLE.values(), ids=SAME_TABLE)
def test_every_spelling_of_a_table_gives_the_same_numbers(table, content):
    read = table(content)
    np.testing.assert_array_equal(read.data, [[1, 2], [4, 5.5]])
    np.testing.assert_array_equal(read.target, [3, 6])
    assert (read.data.dtype, read.target.dtype) == (np.float64, np.float64)
    assert (read.feature_names, read.target_names) == (("a", "b"), ())
    assert read.name == "own"


def test_a_quoted_field_may_hold_the_separator_a_quote_and_a_line_break(table):
    read = table('"width, in ""mm""","two\nlines",y\n1,2,a\n3,4,b\n')
    assert read.feature_names == ('width, in "mm"', "two\nlines")


def test_commas_inside_text_do_not_pass_for_separators(table):
    read = table('x;y\n1;"north, far"\n2;"south, near"\n')
    assert read.target_names == ("north, far", "south, near")


def test_a_file_without_header_names_its_columns_by_index(table):
    read = table("1,2,3\n4,5,6\n", target=2)
    assert read.feature_names == ("column 0", "column 1")
    np.testing.assert_array_equal(read.data, [[1, 2], [4, 5]])


def test_one_number_in_the_first_row_shows_that_there_is_no_header(table):
    assert table("1,2,a\n4,5,b\n", target=-1).data.shape == (2, 2)


def test_the_name_of_the_target_marks_a_header_whose_other_names_are_numbers(table):
    read = table("2019,2020,y\n1,2,3\n4,5,6\n", target="y")
    assert read.feature_names == ("2019", "2020")
    np.testing.assert_array_equal(read.target, [3, 6])


def test_the_caller_can_say_whether_there_is_a_header(table):
    assert table("1,2\n3,4\n5,6\n", target=1, header=True).feature_names == ("1",)
    assert table("1,a\n2,b\n3,c\n", target=1, header=False).target_names == ("a", "b", "c")


def test_an_unnamed_column_gets_its_index_as_name(table):
    assert table(",b,y\n0,1,2\n1,3,4\n").feature_names == ("column 0", "b")


def test_an_index_given_as_text_is_not_taken_for_a_name_in_the_first_row(table):
    np.testing.assert_array_equal(table("0,1,2\n3,4,5\n", target="2").target, [2, 5])


@pytest.mark.parametrize("missing", ["", " ", "?", "NA", "n/a", "NaN", "nan", "NULL", '""'])
def test_every_spelling_of_a_missing_value_is_called_missing(refusal, missing):
    assert "missing values at row 3, column 'x'" in refusal(f"x,y\n1,2\n{missing},3\n")


@pytest.mark.parametrize(("target", "value"), [("-3", 1), (-3, 1), (0, 1), (2, 3), (-1, 3)])
def test_the_first_and_the_last_column_can_be_the_target(table, target, value):
    assert table("a,b,c\n1,2,3\n4,5,6\n", target=target).target[0] == value


@pytest.mark.parametrize("target", ["b", "1", "-2", 1, -2])
def test_a_target_is_found_by_name_and_by_index_from_either_end(table, target):
    read = table("a,b,c\n1,2,3\n4,5,6\n", target=target)
    np.testing.assert_array_equal(read.target, [2, 5])
    assert read.feature_names == ("a", "c")


def test_a_column_that_is_named_like_an_index_is_found_by_its_name(table):
    read = table("a,b,0\n1,2,3\n4,5,6\n", target="0", header=True)
    np.testing.assert_array_equal(read.target, [3, 6])


def test_text_in_the_target_becomes_classes_in_sorted_order(table):
    read = table("x,y\n1,no\n2,yes\n3,no\n4,maybe\n")
    assert read.target_names == ("maybe", "no", "yes")
    np.testing.assert_array_equal(read.target, [1, 2, 1, 0])
    assert np.issubdtype(read.target.dtype, np.integer)


def test_whole_numbers_become_classes_in_numerical_order_when_asked(table):
    read = table("x,y\n1,10\n2,9\n3,10.0\n", kind="classes")
    assert read.target_names == ("9", "10")
    np.testing.assert_array_equal(read.target, [1, 0, 1])


def test_numbers_and_text_become_classes_together_when_asked(table):
    assert table("x,y\n1,10\n2,none\n", kind="classes").target_names == ("10", "none")


def test_the_target_may_be_asked_to_be_numbers(table):
    np.testing.assert_array_equal(table("x,y\n1,0\n2,1\n", kind="numbers").target, [0.0, 1.0])


def test_the_arrays_are_the_callers_to_change(table):
    read = table("x,y\n1,0\n2,1\n")
    read.data[0] = 5
    read.target[1] = 7
    np.testing.assert_array_equal(read.data, [[5], [2]])
    np.testing.assert_array_equal(read.target, [0, 7])


# ---- what is refused, and in which words ----------------------------------------------------------------

EIGHT_GAPS = "x,y\n" + ",1\n" * 7 + "2,\n"

# name: (content, options, every part the message must have)
REFUSED = {
    "empty": ("", {}, ["the file is empty", "one row per observation"]),
    "only blanks": (" \n\u00a0\n", {}, ["the file is empty"]),
    "only separators": (",,\n,,\n", {}, ["the file is empty"]),
    "only a header": ("x,y\n", {}, ["no row of data below the header"]),
    "one row": ("x,y\n1,2\n", {}, ["one row of data below the header"]),
    "one row, no header": ("1,2\n", {"target": 1}, ["one row of data;"]),
    "one column": ("y\n1\n2\n", {}, ["row 1 is one field, 'y'", "semicolon or tab"]),
    "spaces as separators": ("x y\n1 2\n", {}, ["row 1 is one field, 'x y'"]),
    "ragged": (
        "a,b,y\n1,2,3\n1,2\n1,2,3,4\n",
        {},
        ["row 1 has 3 fields separated by ','", "row 3 has 2; row 4 has 4", "double quotes"],
    ),
    "ragged after a row of two lines": ('a,b,y\n1,"2\n",3\n1,2\n', {}, ["row 4 has 2."]),
    "a quote left open": ('a,y\n1,2\n"3,4\n', {}, ["row 3 cannot be split", "double quote"]),
    "names used twice": ("a,b,a,y\n1,2,3,4\n1,2,3,4\n", {}, ["'a' in columns [0, 2]", "Rename"]),
    "missing": (
        "a,b,y\n1,,3\n?,2,3\n1,2,n/a\n",
        {},
        [
            "missing values at",
            "row 2, column 'b'",
            "row 3, column 'a' ('?')",
            "row 4, column 'y' ('n/a')",
            "Fill",
        ],
    ),
    "missing, no header": ("1,2\n3,\n", {"target": 0}, ["row 2, column 'column 1'"]),
    "missing label": ("x,y\n1,a\n2,\n3,b\n", {}, ["missing values at row 3, column 'y'."]),
    "many missing": (EIGHT_GAPS, {}, ["row 9, column 'y'; row 2", "row 5, column 'x'; and 3 more"]),
    "empty column": ("a,b,y\n1,,3\n2,NA,4\n", {}, ["no value at all in column 'b'. Delete"]),
    "empty target": ("a,y\n1,\n2,\n", {}, ["no value at all in column 'y'"]),
    "empty target for classes": ("a,y\n1,\n2,\n", {"kind": "classes"}, ["no value at all in column 'y'"]),
    "text column": (
        "a,b,y\n1,,3\n2,Paris,4\n",
        {},
        ["text in column 'b' (row 3: 'Paris')", "delete the column"],
    ),
    "a word among numbers": ("a,y\n1,3\ntwo,4\n", {}, ["not a number at row 3, column 'a': 'two'"]),
    "decimal comma": ("a;y\n1,5;3\n2;4\n", {}, ["'1,5'", "decimal point"]),
    "decimal commas everywhere": (
        "a, mm;b, mm;y\n1,5;3,5;1\n2,5;4,5;2\n",
        {},
        ["text in column 'a, mm' (row 2: '1,5'); column 'b, mm'", "decimal points"],
    ),
    "digit groups": ("a,y\n1_000,3\n2,4\n", {}, ["'1_000'"]),
    "infinite": ("a,y\n1,3\n-inf,4\n", {}, ["not finite", "row 3, column 'a': '-inf'"]),
    "too large for a double": ("a,y\n1e999,3\n1,4\n", {}, ["not finite in double precision", "'1e999'"]),
    "infinite target": ("a,y\n1,Infinity\n2,4\n", {}, ["not finite", "row 2, column 'y': 'Infinity'"]),
    "several faults": (
        "a,b,y\n1,x,3\n,y,4\n",
        {},
        ["text in column 'b' (row 2: 'x')", "missing values at row 3, column 'a'"],
    ),
    "no such column": (
        "sepal,petal,species\n1,2,a\n1,3,b\n",
        {"target": "speceis"},
        ["no column 'speceis'", "'sepal'; 'petal'; 'species'", "(did you mean 'species'?)"],
    ),
    "nothing like such a column": (
        "a,b\n1,2\n3,4\n",
        {"target": "weight"},
        ["'weight'", "its index, 0 to 1"],
    ),
    "index too large": ("a,b\n1,2\n3,4\n", {"target": 2}, ["no column 2", "0 to 1", "-2 to -1"]),
    "index too small": ("a,b\n1,2\n3,4\n", {"target": "-3"}, ["no column -3"]),
    "numbers and text in the target": (
        "x,y\n1,1.5\n2,2.5\n3,abc\n",
        {},
        ["mixed in the target", "'1.5' (row 2) and 'abc' (row 4)", "kind='classes'"],
    ),
    "labels where numbers are asked": (
        "x,y\n1,a\n2,b\n",
        {"kind": "numbers"},
        ["text in the target: column 'y' (row 2: 'a')", "model for classes"],
    ),
    "labels behind a gap": ("x,y\n1,\n2,b\n", {"kind": "numbers"}, ["text in the target: column 'y' (row 3: 'b')"]),
    "a word where numbers are asked": ("x,y\n1,1\n2,b\n", {"kind": "numbers"}, ["row 3, column 'y': 'b'"]),
    "measurements where labels are asked": (
        "x,y\n1,1\n2,2.5\n",
        {"kind": "classes"},
        ["measurements in place of class labels at row 3, column 'y': '2.5'"],
    ),
    "a single class": ("x,y\n1,a\n2,a\n", {}, ["a single class in column 'y' ('a' in every row)"]),
    "a single numbered class": ("x,y\n1,3\n2,3\n", {"kind": "classes"}, ["('3' in every row)"]),
    "binary": (b"\x89PNG\r\n\x1a\n\0\0\0", {}, ["binary file", "\\x89PNG", "export"]),
    "workbook": (b"PK\x03\x04etc", {}, ["binary file", "CSV"]),
    "UTF-16": ("x,y\n1,2\n".encode("utf-16"), {}, ["UTF-16", "save it as UTF-8"]),
    "Latin-1": ("x,y\n1,2\n3,é\n".encode("latin-1"), {}, ["byte 0xe9 in row 3", "UTF-8"]),
}


@pytest.mark.parametrize(("content", "options", "parts"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_cannot_be_used_is_refused_with_the_place_and_the_next_step(
    refusal, content, options, parts
):
    message = refusal(content, **options)
    assert [part for part in parts if part not in message] == []


def test_the_faults_of_one_kind_are_told_in_one_sentence_and_each_kind_on_its_own_line(refusal):
    assert refusal("a,b,y\n1,x,3\n,y,\n").splitlines() == [
        "missing values at row 3, column 'y'; row 3, column 'a'. Fill them in or delete these rows.",
        "  text in column 'b' (row 2: 'x'). Replace it by numbers, with decimal points, or delete the "
        "column.",
    ]


def test_braces_in_the_file_are_quoted_as_they_are(refusal):
    assert "'{0}'" in refusal("a,y\n1,2\n{0},3\n")


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(DataError, match="this is a directory; name one CSV file inside it"):
        read_csv(tmp_path, "y")


def test_a_file_that_does_not_exist_is_quoted_as_the_user_wrote_it():
    with pytest.raises(DataError, match=r"^no/such\.csv: there is no such file"):
        read_csv("no/such.csv", "y")


def test_a_path_below_a_file_cannot_be_read(tmp_path):
    (tmp_path / "own.csv").touch()
    with pytest.raises(DataError, match=r"own\.csv.x: cannot be read \(Not a directory\)"):
        read_csv(tmp_path / "own.csv" / "x", "y")


@pytest.mark.parametrize("target", [None, 1.5, ["y"], True])
def test_a_target_that_is_neither_a_name_nor_an_index_is_refused(tmp_path, target):
    (tmp_path / "own.csv").write_text("x,y\n1,2\n3,4\n")
    with pytest.raises(DataError, match=rf"there is no column {re.escape(repr(target))}; the columns are 'x'; 'y'"):
        read_csv(tmp_path / "own.csv", target)


def test_an_unknown_kind_is_refused_with_the_known_ones(tmp_path):
    (tmp_path / "own.csv").write_text("x,y\n1,2\n3,4\n")
    with pytest.raises(DataError, match="kind='class' is not one of 'auto', 'numbers', 'classes'"):
        read_csv(tmp_path / "own.csv", "y", kind="class")


def test_a_refusal_is_caught_as_ours_and_as_a_value_error(tmp_path):
    for expected in (DualdiffError, ValueError):
        with pytest.raises(expected):
            read_csv(tmp_path, "y")

"""What the tests of the command line share."""

import pytest


@pytest.fixture
def run(folder, capsys):
    """Exit status, standard output and standard error of one command line, in the ``folder`` of the test's file."""
    from dualdiff.__main__ import main

    def run(*words):
        try:
            status = main(words)
        except SystemExit as left:  # argparse
            status = left.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run

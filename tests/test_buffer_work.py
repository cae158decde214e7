"""Loops that fill an array element by element cost one step for each write, counted, in every mode."""

import numpy as np
import pytest

from dualdiff import derivative, gradient, jvp, memory, views
from dualdiff.tangents import tangent

SIZES = (1250, 2500, 5000)


def elementwise(x):
    out = np.zeros_like(x)
    for i in range(len(x)):
        out[i] = x[i] * x[i]
    return out


def recurrence(x):
    out = np.zeros_like(x)
    out[0] = x[0]
    for i in range(1, len(x)):
        out[i] = x[i] * 0.5 + out[i - 1] * x[i]
    return out


def accumulated(x):
    out = np.zeros_like(x)
    for i in range(len(x)):
        out[i // 2] += x[i] * x[i]
    return out


def grid(x):
    out = np.zeros((5, len(x) // 5), like=x)
    for i in range(5):
        for j in range(len(x) // 5):
            out[i, j] = x[5 * j + i] * (out[i - 1, j] + 1.0)
    return out


def rows(x):
    steps = x.reshape(-1, 5)
    out = np.zeros_like(steps)
    for i in range(len(steps)):
        out[i] = steps[i] * 2.0
        out[i] += out[i - 1]
    return out


def rows_as_views(x):
    steps = x.reshape(-1, 5)
    out = np.zeros_like(steps)
    for i, row in enumerate(out):
        row[:] = steps[i]
        row *= 2.0
        row[0] = row[1] + 1.0
    return out


def window(x):
    out = np.zeros_like(x)
    for i in range(3, len(x)):
        out[i] = out[i - 3:i] @ np.array([0.1, 0.2, 0.3]) + x[i]
    return out


def through_a_view(x):
    out = np.zeros_like(x)
    flipped = out[::-1]
    for i in range(len(x)):
        flipped[i] = x[i] * 2.0
    return out


def one_element(x):
    out = np.zeros(2, like=x)
    for i in range(len(x)):
        out[0] = out[0] + x[i]
    return out


PROGRAMS = [elementwise, recurrence, accumulated, grid, rows, rows_as_views, window, through_a_view, one_element]
MODES = {
    "ten directions": lambda f, x: jvp(f, (x,), (np.ones((10, x.size)),)),
    "one direction": lambda f, x: jvp(f, (x,), (np.ones(x.size),)),
    "reverse": lambda f, x: gradient(lambda x: np.sum(f(x)), mode="reverse")(x),
    "second order": lambda f, x: derivative(lambda a: derivative(lambda b: np.sum(f(x * a * b)))(1.0))(1.0),
}


@pytest.fixture
def work(monkeypatch):
    """Counts the elements that joins put in place, that logs copy when they are opened, and that renumbering touches."""
    count = [0]

    def counted(module, name, size):
        original = getattr(module, name)

        def call(*args):
            count[0] += size(*args)
            return original(*args)
        monkeypatch.setattr(module, name, call)
    counted(memory, "joined", lambda pieces, index: index.size + sum(int(np.prod(t.shape)) for t in pieces))
    counted(views, "begin", lambda root, log: root.value.size)
    forget = memory.Memory.forget_overwritten

    def renumbered(log):
        count[0] += log.index.size + len(log.pieces)
        forget(log)
    monkeypatch.setattr(memory.Memory, "forget_overwritten", renumbered)
    return count


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_a_loop_that_fills_an_array_does_linear_work(f, mode, work):
    sizes = SIZES if mode == "one direction" else tuple(n // 5 for n in SIZES)
    counts = []
    for n in sizes:
        work[0] = 0
        MODES[mode](f, np.linspace(0.1, 0.9, n))
        counts.append(work[0])
    assert counts[0] > 0
    assert all(count <= 30 * n for n, count in zip(sizes, counts, strict=True)), counts
    assert counts[2] <= 2.2 * counts[1] <= 2.2 * 2.2 * counts[0]


def test_a_loop_over_elements_copies_a_growing_sum_a_logarithmic_number_of_times(monkeypatch):
    widths = []
    merge = tangent.merged_terms
    monkeypatch.setattr(tangent, "merged_terms", lambda terms, shape: widths.append(
        sum(leaf.breadth for leaf, _ in terms)) or merge(terms, shape))

    def f(x):
        w, acc = np.linspace(0, 1, len(x)), 0.0
        for i in range(len(x)):
            acc += x[i] * w[i]
        return acc
    for n in (5000, 10_000):  # a shorter row is copied in the time of the calls
        widths.clear()
        np.testing.assert_allclose(gradient(f, mode="forward")(np.ones(n)), np.linspace(0, 1, n), rtol=1e-15)
        assert sum(widths) <= 2 * n * np.log2(n)


def memory_of_all_before(x):
    out = np.zeros_like(x)
    for i in range(len(x)):
        out[i] = x[i] + 0.001 * np.sum(out[:i])
    return out


@pytest.mark.parametrize("mode", MODES)
def test_what_is_read_again_and_again_of_an_array_being_filled_is_put_together_once(mode, monkeypatch):
    pieces, join = [], memory.joined
    monkeypatch.setattr(memory, "joined", lambda parts, index: pieces.append(len(parts)) or join(parts, index))
    MODES[mode](memory_of_all_before, np.linspace(0.1, 0.9, 400))
    assert 400 < sum(pieces) < 8 * 400


def test_a_row_just_written_is_found_in_one_step(monkeypatch):
    owner, asked = memory.Memory.owner, []
    monkeypatch.setattr(memory.Memory, "owner", lambda log, number: asked.append(number) or owner(log, number))

    def trajectory(u):
        states = np.zeros((20, len(u)), like=u)
        states[0] = u
        for i in range(19):
            states[i + 1] = states[i] + 0.1 * np.sin(states[i, ::-1])  # one as it was written, one in another order
        return states[-1]
    x = np.linspace(0, 1, 500)
    tangent = jvp(trajectory, (x,), (np.ones(500),))[1]
    difference = (trajectory(x + 1e-6) - trajectory(x - 1e-6)) / 2e-6
    np.testing.assert_allclose(tangent, difference, rtol=1e-8)
    assert len(asked) <= 2 * 20 < 500

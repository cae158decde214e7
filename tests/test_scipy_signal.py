"""scipy.signal in programs that are differentiated as they stand."""

import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from scipy import signal
from scipy.signal import filtfilt, lfilter
from scipy_programs import agrees, transposes

from dualdiff import DerivativeWarning, gradient, hessian, jacobian, jvp, lift
from dualdiff.errors import DualdiffError, RuleError
from dualdiff.scipy import linalg, stats  # noqa: F401 - which may know expm, and how SciPy writes to its arrays
from dualdiff.scipy.counterparts import FUNCTIONS

rng = np.random.default_rng(1)
B, A = signal.butter(2, 0.3)
SOS = signal.butter(3, 0.3, output="sos")
X, Y, Z = rng.normal(size=12), rng.normal(size=12), rng.normal(size=(2, 9))
K, G = rng.normal(size=(2, 3)), rng.normal(size=(4, 5))
WALK = np.array([0.0, 6.1, 1.0, 9.2, 2.6, 5.4, 0.5, 12.1, 3.2, 8.6, 1.7, 7.4, 2.3])
FIXED = 1.0 * (np.arange(6) == 3)  # the coefficient of sections that must be one
FREE = 1 - FIXED
STFT = signal.ShortTimeFFT(signal.windows.hann(8), 3, 1.0)
CHIRP = signal.CZT(12, 5)
SYSTEM, TIMES = signal.lti([1.0, 0.5], [1.0, 0.3, 1.2]), np.arange(5.0) / 3


def parts(z):
    return np.stack([np.real(z), np.imag(z)])


def flat(pair):
    return np.concatenate([np.ravel(part) for part in pair])


def oscillator(stiffness, damping):
    return np.array([[0.0, 1.0], [-stiffness, -damping]]), [[0.0], [1.0]], [[1.0, 0.0]], [[0.0]]


def smoothed(x):
    return filtfilt(*signal.butter(2, 0.25), x, padlen=5)


def streamed(b, a, x, zi):
    first, state = lfilter(b, a, x[:7], zi=zi)
    last, state = lfilter(b, a, x[7:], zi=state)
    return np.concatenate([first, last, state])


def sections(x, zi):
    y, end = signal.sosfilt(SOS, x, zi=zi)
    return np.concatenate([y, end.ravel()])


def peaks(x):
    found = signal.find_peaks(x, height=-50, threshold=0, width=0)[1]
    keys = "peak_heights left_thresholds right_thresholds prominences widths width_heights left_ips right_ips"
    return np.concatenate([found[key] for key in keys.split()])


PROGRAMS = {
    "lfilter, imported by name": (lambda x: lfilter(B, A, x) ** 2, X),
    "lfilter in all that it takes, in two pieces": (streamed, B, A, X, np.array([0.2, -0.1])),
    "lfilter along another axis": (lambda b, x: signal.lfilter(b, [2.0], x, axis=0), B, G),
    "lfilter of lists": (lambda x: signal.lfilter([x[0], 0.2], [1.0, x[1] / 9], x), X),
    "deconvolve": (lambda y, d: signal.deconvolve(y, d)[0], X, np.array([2.0, 0.3, 0.1])),
    "lfilter_zi": (signal.lfilter_zi, B, A),
    "lfiltic": (signal.lfiltic, B, A, X[:2]),
    "filtfilt with a filter designed inside": (smoothed, X),
    "filtfilt in the coefficients": (lambda b, a: signal.filtfilt(b, a, X, padtype="even", padlen=4), B, A),
    "sosfilt": (lambda x: signal.sosfilt(SOS, x, axis=0) ** 2, G),
    "sosfilt in the state": (sections, X, rng.normal(size=(2, 2))),
    "sosfilt in the sections": (lambda s: signal.sosfilt(s * FREE + FIXED, X), SOS),
    "sosfiltfilt": (lambda x: signal.sosfiltfilt(SOS, x, padlen=3), X),
    "savgol_filter": (lambda x: signal.savgol_filter(x, 5, 2) ** 2, Z),
    "savgol_filter, extended": (lambda x: signal.savgol_filter(x, 5, 2, deriv=1, mode="nearest"), Z),
    "detrend": (lambda x: signal.detrend(x, bp=[5]) ** 2, Z),
    "detrend by the mean": (lambda x: signal.detrend(x, 0, type="constant"), Z),
    "hilbert": (lambda x: np.abs(signal.hilbert(x)), X),
    "envelope": (lambda x: signal.envelope(x, (1, 6)), X),
    "resample": (lambda x: signal.resample(x, 10, axis=1), Z),
    "resample_poly": (lambda x: signal.resample_poly(x, 3, 2, padtype="mean"), X),
    "decimate": (lambda x: signal.decimate(x, 2, n=2), X),
    "upfirdn": (lambda h, x: signal.upfirdn(h, x, 3, 2), K[0], Z),
    "upfirdn, extended": (lambda x: signal.upfirdn(K[0], x, 2, 3, mode="symmetric"), Z),
    "convolve": (lambda x, y: signal.convolve(x, y, mode="same"), X, K[0]),
    "convolve in two dimensions": (lambda x, k: signal.convolve(x, k, "valid"), G, K),
    "convolve in three": (lambda x, k: signal.convolve(x, k, method="direct"), rng.normal(size=(2, 2, 3)),
                         rng.normal(size=(1, 2, 2))),
    "fftconvolve": (lambda x, k: signal.fftconvolve(x, k, "same"), G, K),
    "oaconvolve": (lambda x: signal.oaconvolve(x, K[0]), X),
    "correlate": (lambda x, y: signal.correlate(x, y, "valid"), X, K[0]),
    "convolve2d": (lambda x, k: signal.convolve2d(x, k, "same", "symm"), G, K),
    "correlate2d": (lambda x, k: signal.correlate2d(x, k, mode="same", boundary="wrap"), G, K),
    "medfilt": (lambda x: signal.medfilt(x, 3) ** 2, X),
    "medfilt2d": (lambda x: signal.medfilt2d(x, 3) ** 2, G),
    "wiener": (lambda x: signal.wiener(x, 3), X),
    "periodogram": (lambda x: signal.periodogram(x, detrend="linear")[1][1:], X),
    "welch": (lambda x: signal.welch(x, nperseg=8, average="median")[1][1:-1], X),
    "spectra in rate and window": (lambda x, fs, b: signal.welch(x, fs, signal.windows.kaiser(8, b))[1]
                                   + signal.periodogram(x[:8], fs)[1], X, 2.0, 5.0),
    "csd": (lambda x, y: parts(signal.csd(x, y, nperseg=8)[1]), X, Y),
    "coherence": (lambda x, y: signal.coherence(x, y, nperseg=8)[1][1:-1], X, Y),
    "spectrogram": (lambda x: signal.spectrogram(x, nperseg=8)[2], X),
    "stft and istft": (lambda x: signal.istft(signal.stft(x, nperseg=8)[2] ** 2, nperseg=8)[1][2:-2], X),
    "an STFT made outside": (lambda x: parts(STFT.stft(x)), X),
    "an STFT made inside": (lambda x: signal.ShortTimeFFT.from_window("hann", 1.0, 8, 5).spectrogram(x), X),
    "czt": (lambda x: np.abs(signal.czt(x, 5)), X),
    "a CZT made outside": (lambda x: np.abs(CHIRP(x)), X),
    "zoom_fft": (lambda x: parts(signal.zoom_fft(x, [0.1, 0.4], 5)), X),
    "lombscargle": (lambda t, x: signal.lombscargle(t, x, np.array([0.3, 0.5])), np.arange(12.0) + 0.1 * Y, X),
    "freqz": (lambda b, a: parts(signal.freqz(b, a, 5)[1]), B, A),
    "sosfreqz": (lambda s: parts(signal.sosfreqz(s * FREE + FIXED, 4)[1]), SOS),
    "freqs": (lambda b, a: parts(signal.freqs(b, a, [1.0, 2.0])[1]), B, A),
    "bilinear": (lambda b, a: flat(signal.bilinear(b, a, 2.0)), B, A),
    "butter in its frequency": (lambda w: flat(signal.butter(3, w)), 0.3),
    "butter of a band": (lambda w: flat(signal.butter(2, w, "bandpass")), np.array([0.2, 0.5])),
    "firwin": (lambda w: signal.firwin(7, w), 0.3),
    "windows.kaiser": (lambda beta: signal.windows.kaiser(7, beta), 5.0),
    "get_window": (lambda x: signal.get_window("hamming", 12) * x, X),
    "chirp": (lambda t, f: signal.chirp(t, f, 2.0, 3.0), np.linspace(0.1, 2, 5), 1.0),
    "gausspulse": (lambda t: signal.gausspulse(t, 5.0), 0.1 * X),
    "sawtooth": (lambda t: signal.sawtooth(t, 0.3), X),
    "peaks": (peaks, WALK),
    "the places of peaks": (lambda x: np.diff(x[signal.find_peaks(x)[0]]), WALK),
    "peak_widths": (lambda x, h: signal.peak_widths(x, [int(np.argmax(WALK[1:-1])) + 1], h)[0], WALK, 0.4),
    "dlsim": (lambda x: signal.dlsim((B, A, 1.0), x)[1], X),
    "dstep of a system made inside": (lambda a: signal.dlti([1.0], a, dt=0.1).step(n=4)[1][0], np.array([1.0, 0.3])),
    "freqresp": (lambda b, a: parts(signal.freqresp((b, a), [1.0, 2.0])[1]), B + np.array([0.0, 0.1, 0.2]), A),
    "bode of a system made inside": (lambda b, a: signal.TransferFunction(b, a).bode([1.0, 2.0])[1], B, A),
    "bode at critical damping": (lambda p: signal.bode(oscillator(*p), w=[1.0, 3.0])[1], np.array([1.0, 2.0])),
    "the phase of a double integrator": (lambda p: signal.StateSpace(*oscillator(*p)).bode(w=[1.0, 3.0])[2], np.zeros(2)),
    "bode at two equal poles": (lambda p, w: flat(signal.bode(([1.0], [1.0, p[1], p[0]]), w)), np.array([1.0, 2.0]), 2 + X[:2]),
    "ss2tf at critical damping": (lambda p: signal.ss2tf(*oscillator(*p))[1], np.array([1.0, 2.0])),
    "dbode at two equal poles": (lambda p: signal.dbode((*oscillator(*p), 0.1), w=[1.0, 3.0])[1], np.array([1.0, 2.0])),
    "conversion of systems": (lambda b, a: signal.lti(b, a).to_ss().to_tf().den, B, A),
    "a system made outside": (lambda x: SYSTEM.output(x, TIMES)[1], X[:5]),
    "a system and its state": (lambda x, s: signal.lsim(SYSTEM, x, TIMES, X0=s)[1], X[:5], np.array([0.2, -0.4])),
}
if id(scipy.linalg.expm) in FUNCTIONS:
    PROGRAMS |= {
        "lsim in the system": (lambda b, a, x: signal.lsim((b, a), x, TIMES)[1], B[:2], A, X[:5]),
        "impulse and step": (lambda a: signal.impulse(([1.0], a), T=TIMES)[1] + signal.lti([1.0], a).step(T=TIMES)[1], A),
        "cont2discrete": (lambda b, a: flat(signal.cont2discrete((b, a), 0.1)[:2]), B, A),
        "filtfilt by Gustafsson": (lambda x: signal.filtfilt(B, A, x, method="gust"), X),
    }


@pytest.mark.filterwarnings("ignore:Badly conditioned")  # SciPy's, of its own rounding errors
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_agree_with_scipy_and_with_differences(name):
    agrees(*PROGRAMS[name], order=1 + (name in TWICE))


TWICE = ("lfilter, imported by name", "lfilter in all that it takes, in two pieces", "sosfilt in the sections", "detrend",
         "filtfilt with a filter designed inside", "hilbert", "upfirdn", "convolve2d", "convolve in three", "medfilt",
         "spectrogram", "peaks")


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_convolutions_of_every_mode_shape_and_method_have_their_transposes(mode):
    for first, second in (((8,), (3,)), ((3,), (8,)), ((4,), (4,)), ((5, 6), (3, 2)), ((2, 3), (5, 6)), ((3, 4, 2), (2, 2, 2))):
        x, k = rng.normal(size=first), rng.normal(size=second)
        for method in ("direct", "fft"):
            transposes(lambda x, k, m=method: signal.convolve(x, k, mode, m), x, k)
            transposes(lambda x, k, m=method: signal.correlate(x, k * (1 - 2j), mode, m), x, k)
        transposes(lambda x, k: signal.oaconvolve(x, k, mode), x, k)
        for boundary in ("fill", "wrap", "symm") if x.ndim == 2 else ():
            transposes(lambda x, k, b=boundary: signal.convolve2d(x, k, mode, b, 0.3), x, k)
            transposes(lambda x, k, b=boundary: signal.correlate2d(x * (1 + 1j), k * (2 - 1j), mode, b), x, k)


@pytest.mark.parametrize("padtype", ["odd", "even", "constant", None])
def test_filters_to_and_fro_have_their_transposes(padtype):
    for axis in (0, 1):
        x = rng.normal(size=(12, 12))
        transposes(lambda b, a, x, i=axis: signal.filtfilt(b, a, x, i, padtype, 4), B, A, x)
        transposes(lambda x, i=axis: signal.sosfiltfilt(SOS, x, i, padtype, 4), x)


def test_filters_of_every_length_and_state_have_their_transposes():
    for b, a in ((B, 2 * A), (B, np.array([2.0])), (np.array([1.5]), A), (B[:2], A), (B, A[:2])):
        for n in (9, 2, 1):
            x, zi = rng.normal(size=(2, n)), rng.normal(size=(2, max(len(b), len(a)) - 1))
            transposes(signal.lfilter, b, a, x)
            for part in (0, 1):
                transposes(lambda b, a, x, zi, p=part: signal.lfilter(b, a, x, zi=zi)[p], b, a, x, zi)
                transposes(lambda x, b=b, a=a, zi=zi, p=part: signal.lfilter(b, a, x, zi=zi)[p], x)


def test_resampling_at_every_pair_of_rates_has_its_transpose():
    for up, down in ((1, 1), (2, 1), (1, 3), (3, 2), (2, 5)):
        for size in (1, 4, 9):
            h = rng.normal(size=size)
            for mode in ("constant", "wrap", "edge", "reflect", "symmetric"):
                transposes(lambda x, h=h, u=up, d=down, m=mode: signal.upfirdn(h, x, u, d, 0, m), Z)
            transposes(lambda h, x, u=up, d=down: signal.upfirdn(h, x, u, d), h, Z)


def test_a_jacobian_of_a_small_kernel_is_zero_where_it_does_not_reach():
    J = jacobian(lambda x: signal.convolve2d(x, K, "same"))(G)
    H = jacobian(lambda x: signal.convolve(x, K, "same", "direct"))(G)
    np.testing.assert_array_equal(J, H)
    assert np.count_nonzero(J) < 0.3 * J.size


def test_filters_keep_single_precision_and_complex_numbers():
    x, b, a = X.astype(np.float32), B.astype(np.float32), A.astype(np.float32)
    for f in (lambda x: signal.lfilter(b, a, x), lambda x: signal.convolve(x, b), lambda x: signal.upfirdn(b, x, 2),
              signal.detrend, lambda x: signal.lfilter(x[:3], a, x), lambda x: signal.sosfilt(SOS.astype(np.float32), x)):
        value, derivative = jvp(lift(f), [x], [x])
        assert value.dtype == derivative.dtype == f(x).dtype == np.float32
    transposes(lambda b, x: signal.lfilter(b * (1 + 1j), A * np.array([1, 1j, 0.5]), x * (2 - 1j)), B, X)


def test_third_derivatives_pass_through_a_recursive_filter():
    def f(p):
        return np.sum(signal.lfilter(p[:2], [1.0, p[2]], p[3:]) ** 3)
    p = np.array([0.5, -0.2, 0.3, 1.0, 2.0, -1.0])

    def along(p):
        return hessian(f)(p) @ np.ones(6)
    difference = (along(p + 1e-6) - along(p - 1e-6)) / 2e-6
    np.testing.assert_allclose(jvp(along, [p], [np.ones(6)])[1], difference, rtol=1e-6)


def test_what_find_peaks_says_of_places_is_constant_and_of_heights_is_not():
    values = {}

    def f(x):
        places, found = signal.find_peaks(x, prominence=0.1)
        values.update(found)
        return x[places] + found["prominences"]
    jacobian(lift(f))(WALK)
    assert values["left_bases"].dtype.kind == "i"
    assert hasattr(values["prominences"], "level")


def test_peaks_of_single_precision_have_scipys_doubles():
    x = WALK.astype(np.float32)
    at = signal.find_peaks(x)[0]
    for f in (lambda x: signal.peak_prominences(x, at)[0], lambda x: signal.peak_widths(x, at)[0], peaks):
        value, slope = jvp(f, [x], [x])
        np.testing.assert_array_equal(value, f(x), strict=True)
        np.testing.assert_allclose(slope, jvp(f, [x.astype(float)], [x.astype(float)])[1], rtol=1e-12, atol=1e-12)


def test_a_coefficient_that_is_one_is_perturbed_all_the_same():
    def first(a0):
        return signal.lfilter_zi(B, np.concatenate([np.reshape(a0, 1), A[1:]]))
    slope = jvp(lift(first), [1.0], [1.0])[1]
    np.testing.assert_allclose(slope, (first(1 + 1e-6) - first(1 - 1e-6)) / 2e-6, rtol=1e-7)


def test_what_scipy_writes_into_its_arrays_in_place_is_there_and_a_rounded_number_is_one():
    agrees(lambda q: flat(signal.iircomb(0.25, q)), 9.0, order=1)
    beta = np.tan(np.pi / 18)
    slope = gradient(lambda w: signal.iircomb(w, 9.0, fs=200.0)[0][0])(20.0)  # whose fs / w must be a whole number
    np.testing.assert_allclose(slope, -(1 + beta**2) / (1 + beta) ** 2 * np.pi / 18 / 20, rtol=1e-14)


def test_a_program_that_asks_for_equality_itself_is_still_warned():
    with pytest.warns(DerivativeWarning):
        gradient(lift(lambda x: signal.detrend(x)[0] if x[0] == X[0] else x[0]))(X)


@pytest.mark.parametrize(("program", "message"), [
    (lambda x: signal.upfirdn(B, X, cval=x), "only h and x can be perturbed"),
    (lambda x: signal.upfirdn(B, X * x, 2, mode="smooth"), "mode='smooth' has no derivative rule"),
    (lambda x: signal.convolve2d(G, K, "full", "fill", x), "only in1 and in2 can be perturbed"),
    (lambda x: signal.savgol_filter(X, 5, 2, 1, x), "only x can be perturbed"),
    (lambda x: signal.sepfir2d(G * x, B, B), "compiled and has no derivative rule"),
    (lambda x: signal.get_window(("kaiser", x), 9)[0], "float|plain NumPy array"),
])
def test_what_has_no_derivative_is_refused_by_name(program, message):
    with pytest.raises(DualdiffError, match=message):
        gradient(lift(lambda x: np.sum(program(x))))(1.5)


def test_bad_arguments_raise_what_scipy_raises():
    for f in (lambda x: signal.lfilter(B, A, x, axis=3), lambda x: signal.convolve(x, G),
              lambda x: signal.convolve(x, x, "all"), lambda x: signal.convolve2d(x, x),
              lambda x: signal.sosfilt(np.ones((2, 5)), x), lambda x: signal.detrend(x, type="q"),
              lambda x: signal.savgol_filter(x, 40, 2)):
        with pytest.raises(Exception) as plain:
            f(X)
        with pytest.raises(plain.type):
            gradient(lift(lambda x, f=f: np.sum(f(x))))(X)


def test_constants_inside_a_differentiated_program_are_scipys_own():
    seen = []

    def f(x):
        seen.append(signal.butter(4, 0.2))
        return np.sum(signal.lfilter(*seen[-1], x))
    gradient(lift(f))(X)
    for ours, scipys in zip(seen[0], signal.butter(4, 0.2), strict=True):
        assert type(ours) is np.ndarray
        np.testing.assert_array_equal(ours, scipys)


def test_the_rule_of_a_plain_call_is_scipy(monkeypatch):
    assert issubclass(RuleError, DualdiffError)
    np.testing.assert_array_equal(lift(lambda x: scipy.signal.lfilter(B, A, x))(X), signal.lfilter(B, A, X))


def test_systems_told_apart_by_their_class_are_so_in_lifted_programs():
    def f(x):
        system = signal.lti([1.0], [1.0, x])
        assert isinstance(system, signal.lti)
        assert isinstance(system, signal.TransferFunction)
        assert not isinstance(system, signal.dlti)
        assert isinstance(SYSTEM, signal.TransferFunction)
        return system.den[1]
    assert gradient(lift(f))(2.0) == 1
    with pytest.raises(ValueError, match="needs to be an instance of `lti`"):
        lift(lambda x: signal.lti(x).num)(2.0)


def test_sparse_jacobians_of_convolutions_are_bands():
    long = rng.normal(size=5000)
    J = jacobian(lambda x: lfilter([1.0, 2.0, 3.0], [2.0], x), sparse=True)(long)
    assert J.nnz == 3 * 5000 - 3
    image = rng.normal(size=(60, 70))
    for f in (lambda x: signal.convolve2d(x, K, "same", "symm"), lambda x: signal.correlate2d(x, K, "valid"),
              lambda x: signal.convolve(x, K, method="direct")):
        J = jacobian(f, sparse=True)(image)
        assert J.nnz <= 6 * np.size(f(image))
        np.testing.assert_allclose(J @ image.ravel(), np.ravel(f(image)), rtol=1e-12, atol=1e-12)

"""Imperative programs on the tensors of adjoint, compared with the same programs in PyTorch.

Every result is compared: whether it is a tensor, None, a flag or a number, its shape, its dtype and
its values, relative to the largest entry of each. In float64 both systems evaluate the same
formulae in another order, which costs a few rounding errors: 1e-10 leaves room for badly
conditioned solves. In float32 the unit of rounding is 6e-8, and 1e-5 leaves the same room; it
holds for all results of a program that has one in single precision.

What adjoint has seen before it may compute in another way, so each program runs several times.
"""

import warnings

import numpy as np
import pytest
from imperative_programs import ERRORS, OVERWRITES, PROGRAMS, AdjointNames, PytorchNames

import adjoint as ad

torch = pytest.importorskip(
    "torch", reason="PyTorch is not installed: imperative programs are not compared with it"
)
pytestmark = pytest.mark.oracle
compared = pytest.mark.skipif(
    not hasattr(ad, "tensor"), reason="there is no imperative face to compare with PyTorch"
)

RUNS = 6
SINGLE = (np.dtype("float32"), np.dtype("complex64"))


@pytest.fixture(autouse=True, scope="module")
def double_precision():
    """Let PyTorch make float64 of Python's numbers, and work in one thread."""
    before, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    yield
    torch.set_default_dtype(before)
    torch.set_num_threads(threads)


def on_pytorch(function, *arguments):
    """The program's results from PyTorch, whose warnings (of cycles, say) are no matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return plain(function(PytorchNames(), *arguments), torch.Tensor)


def on_adjoint(function, *arguments):
    """The program's results from adjoint; it may warn users of what PyTorch warns them of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return plain(function(AdjointNames(), *arguments), type(ad.tensor(0.0)))


def plain(value, tensor):
    """The results with arrays for tensors; anything but tensors and Python's own is refused."""
    if isinstance(value, dict):
        return {key: plain(part, tensor) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part, tensor) for part in value]
    if isinstance(value, tensor):
        value = value.detach()
        if tensor is torch.Tensor:
            value = value.resolve_conj().resolve_neg()
        array = value.numpy()
        assert isinstance(array, np.ndarray), f"numpy() gave a {type(array)}"
        return array.copy()
    assert value is None or type(value) in (bool, int, float, str), f"a {type(value)} among results"
    return value


def leaves(results):
    """The results without their containers, each with the way to it."""
    if isinstance(results, dict):
        return [(f"{k}, {w}", leaf) for k, part in results.items() for w, leaf in leaves(part)]
    if isinstance(results, list):
        return [(f"{i}, {w}", leaf) for i, part in enumerate(results) for w, leaf in leaves(part)]
    return [("", results)]


def is_single(results):
    """Whether any result has single precision."""
    return any(isinstance(leaf, np.ndarray) and leaf.dtype in SINGLE for _, leaf in leaves(results))


def assert_same(got, wanted):
    """Fail unless all results agree in kind, shape, dtype and value."""
    tolerance = 1e-5 if is_single(wanted) else 1e-10
    got, wanted = leaves(got), leaves(wanted)
    assert [way for way, _ in got] == [way for way, _ in wanted]
    for (way, value), (_, expected) in zip(got, wanted, strict=True):
        assert type(value) is type(expected), f"{way} {value!r}, not {expected!r}"
        if isinstance(expected, np.ndarray):
            assert value.shape == expected.shape, f"{way} {value.shape}, not {expected.shape}"
            assert value.dtype == expected.dtype, f"{way} {value.dtype}, not {expected.dtype}"
        if isinstance(expected, (np.ndarray, float)) and np.result_type(expected).kind in "fc":
            assert_close(value, expected, tolerance, way)
        else:
            assert np.array_equal(value, expected), f"{way} {value!r}, not {expected!r}"


def assert_close(value, expected, tolerance, way):
    """Fail unless the values agree relative to the largest; what is below 0.01 counts as that."""
    scale = max(0.01, float(np.max(np.abs(expected), initial=0.0)))
    error = np.abs(np.asarray(value) - expected)
    assert np.all(error <= tolerance * scale), (
        f"{way} off by {np.max(error) / scale:.1e} of the scale {scale:.3g} "
        f"(allowed {tolerance:.0e})\ngot {value}\nexpected {expected}"
    )


def assert_recording():
    """Fail unless operations on leaves are recorded, whatever was raised before."""
    assert (ad.tensor(1.0, requires_grad=True) * 2.0).requires_grad


@pytest.mark.parametrize("name", PROGRAMS)
def test_peer_runs(name):
    results = leaves(on_pytorch(PROGRAMS[name]))
    numbers = [leaf for _, leaf in results if isinstance(leaf, (np.ndarray, float))]
    assert results
    assert all(np.all(np.isfinite(leaf)) for leaf in numbers)


@pytest.mark.parametrize("name", ERRORS)
def test_peer_raises(name):
    with pytest.raises((RuntimeError, TypeError)):
        on_pytorch(ERRORS[name])


@pytest.mark.parametrize("name", OVERWRITES)
def test_peer_notices_results_written_over(name):
    assert on_pytorch(OVERWRITES[name], False)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        on_pytorch(OVERWRITES[name], True)


@compared
@pytest.mark.parametrize("name", PROGRAMS)
def test_program_gives_what_pytorch_gives(name):
    wanted = on_pytorch(PROGRAMS[name])
    for _ in range(RUNS):
        assert_same(on_adjoint(PROGRAMS[name]), wanted)


@compared
@pytest.mark.parametrize("name", ERRORS)
def test_illegal_use_raises_what_pytorch_raises(name):
    with pytest.raises((RuntimeError, TypeError)) as wanted:
        on_pytorch(ERRORS[name])
    for _ in range(RUNS):
        with pytest.raises(wanted.type) as got, np.errstate(all="ignore"):
            on_adjoint(ERRORS[name])
        assert not isinstance(got.value, (NotImplementedError, RecursionError))
        assert str(got.value).strip()
        assert_recording()


@compared
@pytest.mark.parametrize("name", OVERWRITES)
def test_result_written_over_is_never_used_in_silence(name):
    wanted = on_pytorch(OVERWRITES[name], False)
    for _ in range(RUNS):
        assert_same(on_adjoint(OVERWRITES[name], False), wanted)
        try:
            got = on_adjoint(OVERWRITES[name], True)
        except RuntimeError as raised:
            assert str(raised).strip()
        else:
            assert_same(got, wanted)
        assert_recording()

"""Every public method and attribute of an ndarray on a traced one: NumPy's value and derivative, or
refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from dispatch_checks import judge

TABLE = {
    "T": ["a.T", "d.T"],
    "all": ["(a > 0.5).all()", "a.all(axis=1, keepdims=True)", "a.all(0, None)"],
    "any": ["(a > 0.8).any()", "a.any(axis=1, keepdims=True, where=M)"],
    "argmax": ["a.argmax()", "a.argmax(axis=1, keepdims=True)", "under jit: a.argmax(1, I.copy())"],
    "argmin": ["a.argmin()", "a.argmin(axis=0)"],
    "argpartition": ["a.argpartition(1)", "a.argpartition((0, 2), axis=0, kind='introselect')"],
    "argsort": [
        "a.argsort()",
        "a.argsort(axis=0, kind='stable')",
        "as numpy: a.argsort(order='x')",
    ],
    "astype": [
        "a.astype(np.float32)",
        "a.astype(complex, order='F')",
        "(9 * a).astype(int, casting='unsafe')",
        "as numpy: a.astype(int, casting='safe')",
        "a.astype(float, copy=False, subok=False)",
    ],
    "base": ["a.copy().base", "(lambda x: x[1:].base is x)(a.copy())"],
    "byteswap": ["refused: a.byteswap()", "refused: a.byteswap(inplace=True)"],
    "choose": [
        "as numpy: a.choose([a, b, 1.0])",
        "(3 * a).astype(int).choose([0, 1, 5], mode='clip')",
    ],
    "clip": ["a.clip(0.3, 0.6)", "a.clip(min=0.3)", "a.clip(max=b)", "into(a.clip, b, 0.3, 0.6)"],
    "compress": [
        "a.compress([True, False, True], axis=0)",
        "v.compress(v > 0.5)",
        "into(q.compress, q[:2], [True, False, True], axis=0)",
    ],
    "conj": ["a.conj()", "(v + 1j * w).conj()"],
    "conjugate": ["a.conjugate()", "(v + 1j * w).conjugate()"],
    "copy": ["a.copy()", "a.copy('F')", "a.T.copy(order='C').flags.c_contiguous"],
    "ctypes": ["refused: a.ctypes"],
    "cumprod": ["a.cumprod()", "a.cumprod(axis=1, dtype=np.float32)", "into(a.cumprod, b, 1)"],
    "cumsum": ["a.cumsum()", "a.cumsum(axis=1, dtype=np.float32)", "into(a.cumsum, b, 1)"],
    "data": ["refused: a.data"],
    "device": ["a.device"],
    "diagonal": ["a.diagonal()", "d.diagonal(offset=1, axis1=1, axis2=2)"],
    "dot": ["q.dot(a)", "v.dot(w)", "into(q.dot, b, a)"],
    "dtype": ["a.dtype", "(a > 0).dtype", "refused: setattr(a.copy(), 'dtype', np.int64)"],
    "dump": ["refused: a.dump('never')"],
    "dumps": ["refused: a.dumps()"],
    "fill": ["written(lambda x: x.fill(2.0), a)", "written(lambda x: x.fill(s), a)"],
    "flags": [
        "a.flags.c_contiguous",
        "a.T.flags['F_CONTIGUOUS']",
        "a.copy().flags.writeable",
        "refused: setattr(a.copy().flags, 'writeable', False)",
    ],
    "flat": ["a.flat[3]", "[x for x in v.flat]", "a.flat[1:4]", "written(set_flat, a, v)"],
    "flatten": ["a.flatten()", "a.flatten('F')", "a.T.flatten(order='C')"],
    "getfield": ["refused: a.getfield(np.float32)"],
    "imag": ["a.imag", "(v + 1j * w).imag"],
    "item": ["a.item(5)", "a.item(1, 2)", "a[0, 0].item()", "a.item((2, 1))", "as numpy: a.item()"],
    "itemsize": ["a.itemsize"],
    "mT": ["a.mT", "d.mT", "as numpy: v.mT"],
    "max": ["a.max()", "a.max(axis=1, keepdims=True, initial=0.5, where=M)", "into(a.max, u, 1)"],
    "mean": ["a.mean()", "a.mean(1, np.float32, keepdims=True, where=M)", "into(a.mean, u, 1)"],
    "min": ["a.min()", "a.min(axis=1, keepdims=True, initial=0.5, where=M)", "into(a.min, u, 1)"],
    "nbytes": ["a.nbytes"],
    "ndim": ["a.ndim", "s * 1.0"],
    "nonzero": ["a.nonzero()", "(a > 0.5).nonzero()"],
    "partition": [
        "written(lambda x: x.partition(2), v)",
        "written(lambda x: x.partition((0, 1, 2), 0), a)",
        "as numpy: v.copy().partition(1, order='x')",
    ],
    "prod": [
        "a.prod()",
        "a.prod(1, np.float32, keepdims=True, initial=2, where=M)",
        "into(a.prod, u, 1)",
    ],
    "put": [
        "written(lambda x: x.put([0, 5], u[:2]), a)",
        "written(lambda x: x.put([0, 15], s, 'clip'), a)",
        "as numpy: a.copy().put([99], 1.0)",
    ],
    "ravel": ["a.ravel()", "a.ravel('F')", "under jit: a.T.ravel('K')"],
    "real": ["a.real", "(v + 1j * w).real"],
    "repeat": ["a.repeat(2)", "a.repeat([1, 0, 2], axis=0)"],
    "reshape": [
        "a.reshape(4, 3)",
        "a.reshape((2, -1), order='F')",
        "a.reshape(-1, copy=True)",
        "as numpy: a.T.reshape(-1, copy=False)",
        "as numpy: a.reshape(5, 5)",
    ],
    "resize": ["refused: a.copy().resize((2, 2))"],
    "round": ["(9 * a).round()", "(J + s / 10).round(1)", "into((9 * a).round, b)"],
    "searchsorted": [
        "k.searchsorted(V)",
        "k.searchsorted(s, side='right')",
        "v.searchsorted(s, sorter=v.argsort())",
    ],
    "setfield": ["refused: a.copy().setfield(1.0, float)"],
    "setflags": ["refused: a.copy().setflags(write=False)"],
    "shape": ["a.shape", "written(lambda x: setattr(x, 'shape', (4, 3)), a)"],
    "size": ["a.size"],
    "sort": [
        "written(lambda x: x.sort(), a)",
        "written(lambda x: x.sort(axis=0, kind='stable'), a)",
        "as numpy: a.copy().sort(order='x')",
        "as numpy: a.copy().sort(kind='bubble')",
    ],
    "squeeze": ["a[None].squeeze()", "a[:, None].squeeze(axis=1)", "as numpy: a.squeeze(0)"],
    "std": [
        "a.std()",
        "a.std(1, ddof=1, keepdims=True, where=M)",
        "a.std(axis=0, dtype=np.float32, mean=a.mean(axis=0, keepdims=True))",
        "into(a.std, u, 1)",
    ],
    "strides": [
        "a.copy().strides",
        "a.copy().T.strides",
        "a.copy()[:, ::2].strides",
        "refused: setattr(a.copy(), 'strides', (8, 8))",
    ],
    "sum": [
        "a.sum()",
        "a.sum(1, np.float32, keepdims=True, initial=s, where=M)",
        "into(a.sum, u, 1)",
        "a.sum(1, None, u * 1.0)",
        "as numpy: a.sum(axis=5)",
    ],
    "swapaxes": ["d.swapaxes(0, 2)"],
    "take": [
        "a.take([0, 5])",
        "a.take(J, axis=0)",
        "a.take([0, 9], 1, mode='clip')",
        "into(a.take, q, I, axis=1)",
    ],
    "to_device": [
        "a.to_device('cpu')",
        "as numpy: a.to_device('gpu')",
        "as numpy: a.to_device('cpu', stream=1)",
    ],
    "tobytes": ["refused: a.tobytes()"],
    "tofile": ["refused: a.tofile('never')"],
    "tolist": ["a.tolist()", "a[0, 0].tolist()"],
    "trace": [
        "q.trace()",
        "d.trace(offset=1, axis1=1, axis2=2, dtype=np.float32)",
        "into(d.trace, u[:2], 0, 1, 2)",
    ],
    "transpose": [
        "a.transpose()",
        "d.transpose(1, 0, 2)",
        "d.transpose((2, 0, 1))",
        "a.transpose(None)",
    ],
    "var": ["a.var()", "a.var(1, ddof=1, keepdims=True, where=M)", "into(a.var, u, 1)"],
    "view": [
        "a.view()",
        "a.view(np.ndarray)",
        "a.view(float)",
        "refused: a.view(np.int64)",
        "refused: a.view(complex)",
    ],
    # what Python calls
    "__abs__": ["abs(-a)"],
    "__add__": ["a + b", "1 + a", "called(iadd, a, b)"],
    "__and__": ["(a > 0.3) & (b > 0.3)", "True & (a > 0.3)"],
    "__bool__": ["bool(a[0, 0])", "as numpy: bool(a)"],
    "__complex__": ["refused: X.dtype.type(0) + a[0, 0].__complex__()"],
    "__contains__": ["0.5 in a"],
    "__delitem__": ["as numpy: a.__delitem__(0)"],
    "__dlpack__": ["refused: a.__dlpack__()"],
    "__divmod__": ["divmod(a, b)", "divmod(1, a)"],
    "__eq__": ["a == b", "a != X"],
    "__floordiv__": ["a // b", "1 // a"],
    "__getitem__": ["a[1]", "a[:, ::2]", "a[M]", "a[I]", "a[a > 0.5]", "as numpy: a[7]"],
    "__imatmul__": ["called(imatmul, q, r)"],
    "__int__": ["int(9 * a[0, 0])"],
    "__invert__": ["~(a > 0.5)", "as numpy: ~a"],
    "__iter__": ["[x for x in a]"],
    "__len__": ["len(a)", "as numpy: len(a[0, 0])"],
    "__lshift__": ["(9 * a).astype(int) << 1", "as numpy: a << 1"],
    "__lt__": ["a < b", "a >= 0.5", "0.5 <= a"],
    "__matmul__": ["q @ a", "X @ q[:, 0].repeat(2)[:4]"],
    "__mod__": ["a % b", "1 % a"],
    "__neg__": ["-a", "+a"],
    "__pow__": ["a ** b", "2.0 ** a", "a ** 2", "as numpy: pow(a, 2, 3)"],
    "__round__": ["round(9 * s)", "round(J + s, 1).sum()"],
    "__setitem__": [
        "written(lambda x: x.__setitem__(slice(1, 2), s), a)",
        "as numpy: a.copy().__setitem__(7, 1.0)",
    ],
    "__truediv__": ["a / b", "1 / a"],
}

PUBLIC = {name for name in dir(np.ndarray) if not name.startswith("_")}
CASES = [(name, text) for name in TABLE for text in TABLE[name] if hasattr(np.ndarray, name)]


def name_of(name: str) -> str:
    """How an error names a method: `np.argmax`, `ndarray.resize`, `complex`."""
    return "complex" if name == "__complex__" else name


def test_every_method_is_in_the_table() -> None:
    assert not PUBLIC - TABLE.keys()


@pytest.mark.parametrize(("name", "text"), CASES, ids=[text for _, text in CASES])
def test_a_method(name: str, text: str) -> None:
    judge(text, name_of(name), as_library=False, compiled=False)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "text"), CASES, ids=[text for _, text in CASES])
def test_a_method_under_jit(name: str, text: str) -> None:
    judge(text, name_of(name), as_library=False, compiled=True)

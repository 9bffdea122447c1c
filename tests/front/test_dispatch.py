"""Every function that NumPy dispatches, called with traced values: NumPy's value and derivative, or
refused by name.

A function of NumPy's list that the tables do not have is a failure: so a new version shows up.
"""

from __future__ import annotations

import pytest
from dispatch_checks import judge
from dispatch_tables import CREATION, REDUCTIONS, SHAPES, SORTING, STATISTICS
from numpy.testing.overrides import get_overridable_numpy_array_functions

ELEMENTS = {
    "angle": ["np.angle(v + 1j * w)", "np.angle(v + 1j * w, deg=True)", "np.angle(-v)"],
    "around": ["np.around(J + s / 10, 1)", "np.around(9 * a)", "into(np.around, b, 9 * a)"],
    "choose": [
        "np.choose(J[:, :3], [a[:, :3], b[:, :3], q])",
        "np.choose(J + 2, [a, b, 1.0], mode='wrap')",
        "np.choose(J - 1, [a, b, s], mode='clip')",
        "into(np.choose, g, J, [a, b, 2.0])",
    ],
    "clip": [
        "np.clip(a, 0.3, 0.6)",
        "np.clip(a, s / 2, None)",
        "np.clip(a, min=0.3)",
        "np.clip(a, max=b)",
        "np.clip(a, 0.3, 0.6, dtype=np.float32)",
        "np.clip(a, 0.3, 0.6, where=M, out=b * 1.0)",
        "into(np.clip, b, a, 0.3, 0.6)",
        "np.clip(a, 0.3, 0.6, b * 1.0)",
    ],
    "copyto": [
        "written(np.copyto, a, b)",
        "written(np.copyto, a, s, where=M)",
        "written(np.copyto, a, u[0], casting='unsafe')",
        "refused: np.copyto(X, a)",
        "as numpy: written(np.copyto, a, 1j * b)",
    ],
    "extract": ["np.extract(M, a)"],
    "fill_diagonal": [
        "written(np.fill_diagonal, q, s)",
        "written(np.fill_diagonal, a.T, u, wrap=True)",
    ],
    "fix": ["np.fix(9 * a)", "into(np.fix, b, 9 * a)"],
    "i0": ["np.i0(a)"],
    "imag": ["np.imag(a)", "np.imag(v + 1j * w)"],
    "iscomplex": ["np.iscomplex(a)", "np.iscomplex(v + 1j * w)"],
    "iscomplexobj": ["np.iscomplexobj(a)", "np.iscomplexobj(v + 1j * w)"],
    "isclose": ["np.isclose(a, b)", "np.isclose(a, a + 0.01, rtol=0.1, atol=s, equal_nan=True)"],
    "allclose": [
        "np.allclose(a, b)",
        "np.allclose(n, n, equal_nan=True)",
        "np.allclose(a, a + 0.01, rtol=0.0, atol=0.1)",
    ],
    "array_equal": ["np.array_equal(a, b)", "np.array_equal(n, n, equal_nan=True)"],
    "array_equiv": ["np.array_equiv(u, np.stack([u, u]))", "np.array_equiv(a, b)"],
    "isneginf": ["np.isneginf(a / 0.0 - n)", "into(np.isneginf, a > 1, -a)"],
    "isposinf": ["np.isposinf(a)", "into(np.isposinf, a > 1, a)"],
    "isreal": ["np.isreal(a)", "np.isreal(v + 1j * w)"],
    "isrealobj": ["np.isrealobj(a)", "np.isrealobj(v + 1j * w)"],
    "nan_to_num": [
        "np.nan_to_num(n)",
        "np.nan_to_num(n, nan=s)",
        "np.nan_to_num(a, copy=True, posinf=1.0, neginf=-1.0)",
        "called(np.nan_to_num, n, copy=False)",
    ],
    "piecewise": [
        "np.piecewise(a, [a < 0.5], [lambda x: x**2, 1.0])",
        "np.piecewise(a, [a < b, M], [lambda x, k: k * x, s, lambda x, k: x], 3.0)",
    ],
    "place": ["written(np.place, a, M, v)", "refused: np.place(X, M, v)"],
    "put": [
        "written(np.put, a, [0, 5], u[:2])",
        "written(np.put, a, [0, 15], 2.0, mode='clip')",
        "written(np.put, a, [-1, 15], s, mode='wrap')",
        "refused: np.put(X, [0], s)",
        "as numpy: written(np.put, a, [99], s)",
    ],
    "put_along_axis": [
        "written(np.put_along_axis, a, J, b, 0)",
        "written(np.put_along_axis, a, J[:, :1], s, axis=1)",
        "written(np.put_along_axis, v, I, 1.0, None)",
        "refused: np.put_along_axis(X, J, a, 0)",
    ],
    "putmask": [
        "written(np.putmask, a, M, v)",
        "written(np.putmask, a, M, 1.0)",
        "refused: np.putmask(X, M, v)",
    ],
    "real": ["np.real(a)", "np.real(v + 1j * w)"],
    "real_if_close": [
        "np.real_if_close(a)",
        "np.real_if_close(v + 1e-20j * w)",
        "np.real_if_close(v + 0.1j * w, tol=1000)",
    ],
    "round": [
        "np.round(9 * a)",
        "np.round(J + s / 10, 1)",
        "np.round(99 * a, -1)",
        "into(np.round, b, 9 * a)",
    ],
    "select": [
        "np.select([a < 0.3, a < 0.6], [a, b])",
        "np.select([a < 0.3, M], [a**2, s], default=t)",
    ],
    "sinc": ["np.sinc(a)"],
    "take": [
        "np.take(a, [0, 5])",
        "np.take(a, J, axis=0)",
        "np.take(a, I, axis=1, mode='raise')",
        "np.take(a, [0, 9], axis=1, mode='clip')",
        "np.take(a, [-1, 9], axis=1, mode='wrap')",
        "into(np.take, q, a, I, axis=1)",
    ],
    "take_along_axis": [
        "np.take_along_axis(a, J, 0)",
        "np.take_along_axis(a, np.argsort(a), axis=1)",
        "np.take_along_axis(a, I, axis=None)",
    ],
    "where": ["np.where(M, a, b)", "np.where(a > 0.5, a, s)", "np.where(a > 0.5)"],
}

CALCULUS = {
    "apply_along_axis": [
        "np.apply_along_axis(lambda x: x * x.sum(), 1, a)",
        "np.apply_along_axis(lambda x, k: (x**k).sum(), 0, a, 3)",
    ],
    "apply_over_axes": ["np.apply_over_axes(np.sum, d, [0, 2])"],
    "convolve": [
        "np.convolve(v, u)",
        "np.convolve(v, u, mode='same')",
        "np.convolve(v, u, 'valid')",
    ],
    "correlate": [
        "np.correlate(v, u)",
        "np.correlate(v, u, mode='full')",
        "np.correlate(v + 0j, 1j * u, 'same')",
    ],
    "cross": [
        "np.cross(q, r)",
        "np.cross(q, r, axis=0)",
        "np.cross(u, r, axisa=0, axisb=1, axisc=0)",
    ],
    "diff": ["np.diff(a)", "np.diff(a, n=2, axis=0)", "np.diff(v, prepend=s, append=w[:2])"],
    "ediff1d": ["np.ediff1d(a)", "np.ediff1d(v, to_end=w[:2], to_begin=s)"],
    "gradient": [
        "np.gradient(v)",
        "np.gradient(a, 0.5, s)",
        "np.gradient(a, G, axis=1)",
        "np.gradient(a, k[:4], axis=1, edge_order=2)",
    ],
    "interp": [
        "np.interp(v, G, g[0])",
        "np.interp(V, k, w)",
        "np.interp(V, k, w, left=s, right=2.0)",
        "np.interp(v + 0.9, k, w, period=0.9)",
    ],
    "poly": ["np.poly(v)", "np.poly(r)"],
    "polyadd": ["np.polyadd(v, u)"],
    "polyder": ["np.polyder(v)", "np.polyder(v, m=2)"],
    "polydiv": ["np.polydiv(v, u)"],
    "polyfit": [
        "np.polyfit(v, w, 2)",
        "np.polyfit(v, w, 1, w=V, rcond=1e-9)",
        "refused: np.polyfit(v, w, 2, full=True)",
        "refused: np.polyfit(v, w, 2, cov=True)",
    ],
    "polyint": ["np.polyint(v)", "np.polyint(v, m=2, k=[1.0, s])"],
    "polymul": ["np.polymul(v, u)"],
    "polysub": ["np.polysub(v, u)"],
    "polyval": ["np.polyval(v, a)", "np.polyval(v, 2.0)"],
    "roots": ["np.roots(v)"],
    "trapezoid": ["np.trapezoid(v)", "np.trapezoid(a, k[:4])", "np.trapezoid(a, dx=s, axis=0)"],
    "trapz": ["np.trapz(v)"],
    "unwrap": [
        "np.unwrap(9 * v)",
        "np.unwrap(9 * a, discont=4.0, axis=0)",
        "np.unwrap(9 * v, period=s)",
    ],
}

PRODUCTS = {
    "dot": ["np.dot(q, r)", "np.dot(v, w)", "np.dot(s, a)", "into(np.dot, b, q, a)"],
    "einsum": [
        "np.einsum('ij,jk->ik', q, r)",
        "np.einsum('ii', q)",
        "np.einsum(q, [0, 1], u, [1])",
        "np.einsum('ij,j', q, u, dtype=np.float32, casting='same_kind')",
        "np.einsum('ij,j', q, u, optimize=True)",
        "as numpy: np.einsum('ij,j', q, u, dtype=np.float32)",
        "np.einsum('ij,jk', q, r, order='C')",
        "into(np.einsum, q, 'ij,jk->ik', q, r)",
    ],
    "einsum_path": [
        "np.einsum_path('ij,jk,k', q, r, u)",
        "np.einsum_path('ij,jk,k', q, r, u, optimize='optimal')",
    ],
    "inner": ["np.inner(q, r)", "np.inner(v, w)"],
    "kron": ["np.kron(q, a)", "np.kron(v, s)"],
    "outer": ["np.outer(v, a)", "into(np.outer, q, u, u)"],
    "tensordot": [
        "np.tensordot(q, r)",
        "np.tensordot(d, a, axes=([1, 2], [0, 1]))",
        "np.tensordot(q, r, axes=1)",
    ],
    "trace": [
        "np.trace(q)",
        "np.trace(d, offset=1, axis1=1, axis2=2, dtype=np.float32)",
        "into(np.trace, u[:2], d, axis1=1, axis2=2)",
    ],
    "vdot": ["np.vdot(q, r)", "np.vdot(1j * v, w)"],
}

LINALG = {
    "cholesky": ["np.linalg.cholesky(q @ q.T)", "np.linalg.cholesky(q @ q.T, upper=True)"],
    "cond": ["np.linalg.cond(r)", "np.linalg.cond(r, 1)", "np.linalg.cond(r, 'fro')"],
    "cross": ["np.linalg.cross(q, r)", "np.linalg.cross(q, r, axis=0)"],
    "det": ["np.linalg.det(q)"],
    "diagonal": ["np.linalg.diagonal(d)", "np.linalg.diagonal(d, offset=1)"],
    "eig": ["np.linalg.eig(r)[0]", "abs(np.linalg.eig(r)[1])"],
    "eigh": ["np.linalg.eigh(r + r.T)[0]", "abs(np.linalg.eigh(r + r.T, 'U')[1])"],
    "eigvals": ["np.linalg.eigvals(r)"],
    "eigvalsh": ["np.linalg.eigvalsh(r + r.T)", "np.linalg.eigvalsh(r + r.T, UPLO='U')"],
    "inv": ["np.linalg.inv(q)"],
    "lstsq": ["np.linalg.lstsq(e.T, w[:4])", "np.linalg.lstsq(e.T, b.T, rcond=1e-10)[0]"],
    "matmul": ["np.linalg.matmul(q, r)"],
    "matrix_norm": [
        "np.linalg.matrix_norm(q)",
        "np.linalg.matrix_norm(d, ord=2, keepdims=True)",
        "np.linalg.matrix_norm(q, ord='nuc')",
    ],
    "matrix_power": ["np.linalg.matrix_power(q, 3)", "np.linalg.matrix_power(q, -2)"],
    "matrix_rank": [
        "np.linalg.matrix_rank(q)",
        "np.linalg.matrix_rank(q, tol=0.1)",
        "np.linalg.matrix_rank(q @ q.T, hermitian=True)",
        "np.linalg.matrix_rank(q, rtol=0.1)",
    ],
    "matrix_transpose": ["np.linalg.matrix_transpose(d)"],
    "multi_dot": ["np.linalg.multi_dot([a, b.T, q])", "into(np.linalg.multi_dot, q, [a, b.T, q])"],
    "norm": [
        "np.linalg.norm(v)",
        "np.linalg.norm(a, axis=1, keepdims=True)",
        *[f"np.linalg.norm(v, {k})" for k in ("1", "3", "np.inf", "-np.inf", "0", "0.5")],
        *[f"np.linalg.norm(q, {k})" for k in ("'fro'", "'nuc'", "1", "-1", "2", "-2", "np.inf")],
        "np.linalg.norm(d, ord=2, axis=(1, 2))",
        "as numpy: np.linalg.norm(q, 'unknown')",
    ],
    "outer": ["np.linalg.outer(v, w)"],
    "pinv": [
        "np.linalg.pinv(e)",
        "np.linalg.pinv(e, rcond=1e-9)",
        "np.linalg.pinv(q + q.T, hermitian=True)",
        "np.linalg.pinv(e, rtol=1e-9)",
    ],
    "qr": [
        "abs(np.linalg.qr(e.T)[0])",
        "abs(np.linalg.qr(q, mode='r'))",
        "np.linalg.qr(q, mode='complete')",
        "refused: np.linalg.qr(q, mode='raw')",
    ],
    "slogdet": ["np.linalg.slogdet(q)"],
    "solve": ["np.linalg.solve(q, u)", "np.linalg.solve(q, r)"],
    "svd": [
        "np.linalg.svd(a, compute_uv=False)",
        "abs(np.linalg.svd(r)[0])",
        "abs(np.linalg.svd(e, full_matrices=False)[2])",
        "np.linalg.svd(r + r.T, compute_uv=False, hermitian=True)",
    ],
    "svdvals": ["np.linalg.svdvals(a)"],
    "tensordot": ["np.linalg.tensordot(q, r, axes=1)"],
    "tensorinv": ["np.linalg.tensorinv(q, ind=1)"],
    "tensorsolve": ["np.linalg.tensorsolve(q, u)", "np.linalg.tensorsolve(q, u, axes=(0,))"],
    "trace": ["np.linalg.trace(d)", "np.linalg.trace(d, offset=1, dtype=np.float32)"],
    "vecdot": ["np.linalg.vecdot(a, b)", "np.linalg.vecdot(a, b, axis=0)"],
    "vector_norm": [
        "np.linalg.vector_norm(a)",
        "np.linalg.vector_norm(a, axis=1, keepdims=True, ord=3)",
    ],
}

FORGET_OUT = ("hfft", "ifft2", "irfft2")  # NumPy's own do not write into `out=`
FFT = {
    **{
        name: [
            f"np.fft.{name}(v)",
            f"np.fft.{name}(a, n=3, axis=0, norm='ortho')",
            f"np.fft.{name}(v, 8, norm='forward')",
            *([] if name in FORGET_OUT else [f"into(np.fft.{name}, np.fft.{name}(w), v)"]),
            f"as numpy: np.fft.{name}(v, norm='unknown')",
        ]
        for name in ("fft", "hfft", "ifft", "ihfft", "irfft", "rfft")
    },
    **{
        name: [
            f"np.fft.{name}(a)",
            f"np.fft.{name}(d, s=(3, 5), axes=(0, 2), norm='ortho')",
            *([] if name in FORGET_OUT else [f"into(np.fft.{name}, np.fft.{name}(b), a)"]),
        ]
        for name in ("fft2", "fftn", "ifft2", "ifftn", "irfft2", "irfftn", "rfft2", "rfftn")
    },
    "fftshift": ["np.fft.fftshift(a)", "np.fft.fftshift(a, axes=1)"],
    "ifftshift": ["np.fft.ifftshift(a)", "np.fft.ifftshift(a, axes=(0,))"],
}

SCIMATH = {
    "arccos": [
        "np.emath.arccos(a)",
        "np.emath.arccos(g)",
        "np.emath.arccos(-g)",
        "np.emath.arccos(np.where(M, a, g))",
    ],
    "arcsin": [
        "np.emath.arcsin(a)",
        "np.emath.arcsin(g)",
        "np.emath.arcsin(-g)",
        "np.emath.arcsin(np.where(M, a, -g))",
    ],
    "arctanh": ["np.emath.arctanh(a)", "np.emath.arctanh(g)"],
    "log": ["np.emath.log(a)", "np.emath.log(-a)"],
    "log10": ["np.emath.log10(a)", "np.emath.log10(-a)"],
    "log2": ["np.emath.log2(a)", "np.emath.log2(-a)"],
    "logn": ["np.emath.logn(2.0, a)", "np.emath.logn(s, -a)"],
    "power": ["np.emath.power(a, 2.5)", "np.emath.power(-a, s)", "np.emath.power(g, -1)"],
    "sqrt": ["np.emath.sqrt(a)", "np.emath.sqrt(-s)", "np.emath.sqrt(a - 0.5)"],
}

QUESTIONS = {
    "array2string": ["np.array2string(a)", "np.array2string(a, precision=2, separator=', ')"],
    "array_repr": ["np.array_repr(a)", "np.array_repr(v, precision=3)"],
    "array_str": ["np.array_str(a)", "np.array_str(v, max_line_width=20)"],
    "can_cast": ["np.can_cast(a, np.float32)", "np.can_cast(a, int, casting='unsafe')"],
    "common_type": ["np.common_type(a)", "np.common_type(a, 1j * b, J)"],
    "may_share_memory": [
        "under jit: np.may_share_memory(a, b)",
        "under jit: np.may_share_memory(a, a[1:])",
    ],
    "min_scalar_type": ["np.min_scalar_type(a)"],
    "ndim": ["np.ndim(a)", "np.ndim(s)"],
    "packbits": ["np.packbits(a > 0.5, axis=1, bitorder='little')", "as numpy: np.packbits(a)"],
    "ravel_multi_index": [
        "np.ravel_multi_index(((3 * a).astype(int), J), (3, 4))",
        "np.ravel_multi_index(((3 * a).astype(int), J + 4), (3, 4), ('raise', 'wrap'), order='F')",
        "as numpy: np.ravel_multi_index((a, J), (3, 4))",
    ],
    "result_type": ["np.result_type(a, np.float32)", "np.result_type(a.astype(np.float32), 1.0)"],
    "shape": ["np.shape(a)", "in a library: np.shape([a, b])"],
    "shares_memory": [
        "under jit: np.shares_memory(a, b)",
        "under jit: np.shares_memory(a, a[1:])",
        "under jit: np.shares_memory(a[:1], a[1:], max_work=9)",
    ],
    "size": ["np.size(a)", "np.size(a, axis=1)"],
    "unpackbits": [
        "np.unpackbits((9 * v).astype(np.uint8), bitorder='little')",
        "as numpy: np.unpackbits(a)",
    ],
    "unravel_index": [
        "np.unravel_index((9 * a).astype(int), (3, 4))",
        "np.unravel_index((9 * a).astype(int), (3, 4), order='F')",
        "as numpy: np.unravel_index(a, (3, 4))",
    ],
}

# What is refused whatever is given: files, dates, texts, records.
REFUSED = {
    "busday_count": ["np.busday_count(s, 3)"],
    "busday_offset": ["np.busday_offset(v, 1)"],
    "datetime_as_string": ["np.datetime_as_string(v)"],
    "is_busday": ["np.is_busday(v)"],
    "save": ["np.save('never', a)"],
    "savetxt": ["np.savetxt('never', a, fmt='%d')"],
    "savez": ["np.savez('never', a)", "np.savez('never', x=a)"],
    "savez_compressed": ["np.savez_compressed('never', x=a)"],
    "lib.recfunctions.append_fields": ["np.lib.recfunctions.append_fields(a, 'x', b)"],
    "lib.recfunctions.apply_along_fields": ["np.lib.recfunctions.apply_along_fields(np.sum, a)"],
    "lib.recfunctions.assign_fields_by_name": ["np.lib.recfunctions.assign_fields_by_name(a, b)"],
    "lib.recfunctions.drop_fields": ["np.lib.recfunctions.drop_fields(a, 'x')"],
    "lib.recfunctions.find_duplicates": ["np.lib.recfunctions.find_duplicates(a)"],
    "lib.recfunctions.get_fieldstructure": ["np.lib.recfunctions.get_fieldstructure(a)"],
    "lib.recfunctions.join_by": ["np.lib.recfunctions.join_by('x', a, b)"],
    "lib.recfunctions.merge_arrays": ["np.lib.recfunctions.merge_arrays((a, b))"],
    "lib.recfunctions.rec_append_fields": ["np.lib.recfunctions.rec_append_fields(a, 'x', b)"],
    "lib.recfunctions.rec_drop_fields": ["np.lib.recfunctions.rec_drop_fields(a, 'x')"],
    "lib.recfunctions.rec_join": ["np.lib.recfunctions.rec_join('x', a, b)"],
    "lib.recfunctions.recursive_fill_fields": ["np.lib.recfunctions.recursive_fill_fields(a, b)"],
    "lib.recfunctions.rename_fields": ["np.lib.recfunctions.rename_fields(a, {})"],
    "lib.recfunctions.repack_fields": ["np.lib.recfunctions.repack_fields(a)"],
    "lib.recfunctions.require_fields": ["np.lib.recfunctions.require_fields(a, float)"],
    "lib.recfunctions.stack_arrays": ["np.lib.recfunctions.stack_arrays((a, b))"],
    "lib.recfunctions.structured_to_unstructured": [
        "np.lib.recfunctions.structured_to_unstructured(a)"
    ],
    "lib.recfunctions.unstructured_to_structured": [
        "np.lib.recfunctions.unstructured_to_structured(a)"
    ],
}

TABLE = {
    **SHAPES,
    **CREATION,
    **REDUCTIONS,
    **STATISTICS,
    **SORTING,
    **ELEMENTS,
    **CALCULUS,
    **PRODUCTS,
    **{f"linalg.{name}": cases for name, cases in LINALG.items()},
    **{f"fft.{name}": cases for name, cases in FFT.items()},
    **{f"lib.scimath.{name}": cases for name, cases in SCIMATH.items()},
    **QUESTIONS,
    **{name: [f"refused: {case}" for case in cases] for name, cases in REFUSED.items()},
}

LISTED = {
    f"{f.__module__}.{f.__name__}".removeprefix("numpy.").replace("_scimath_impl", "scimath")
    for f in get_overridable_numpy_array_functions()
    if f.__module__.split(".")[0] == "numpy"  # others may use NumPy's decorator too
}
ON_DEMAND = ("char.", "strings.", "polynomial.")  # modules that NumPy loads when they are used
LISTED = {name for name in LISTED if not name.startswith(ON_DEMAND)}
CASES = [(name, text) for name in TABLE if name in LISTED for text in TABLE[name]]


def test_every_function_of_the_list_is_in_the_tables() -> None:
    missing = sorted(LISTED - TABLE.keys())
    assert not missing, missing


@pytest.mark.parametrize(("name", "text"), CASES, ids=[text for _, text in CASES])
@pytest.mark.parametrize("as_library", [False, True], ids=["in the user's module", "in a library"])
def test_a_call(name: str, text: str, as_library: bool) -> None:
    judge(text, f"np.{name}", as_library, compiled=False)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "text"), CASES, ids=[text for _, text in CASES])
@pytest.mark.parametrize("as_library", [False, True], ids=["in the user's module", "in a library"])
def test_a_call_under_jit(name: str, text: str, as_library: bool) -> None:
    judge(text, f"np.{name}", as_library, compiled=True)

"""Programs on matrices: contractions, `numpy.linalg`, and `scipy.special`."""

import numpy
from registry import ARRAY, program


def normal(*shapes):
    """A maker of normal arguments with these shapes."""
    return lambda r: tuple(r.normal(size=shape) for shape in shapes)


def spd(np, a):
    """A symmetric positive definite matrix (or a stack of them) made from any square one."""
    return a @ np.swapaxes(a, -1, -2) + 3.0 * numpy.eye(a.shape[-1])


# ---------------------------------------------------------------- contractions


@program(normal(3, 3, (3, 2), (2, 3), (2, 3, 2)), kinds=ARRAY)
def dots_of_every_rank(np, u, v, a, b, c):
    return [
        np.dot(u, v), np.dot(u, a), np.dot(b, u), np.dot(a, b), np.dot(c, b), np.dot(c, u[:2]),
        np.dot(b, c), np.dot(c, c.transpose(1, 2, 0)), np.dot(u, 2.0), np.dot(3.0, a), b.dot(a),
    ]  # fmt: skip


@program(normal(3, (2, 3), (3, 4), (5, 2, 3), (5, 3, 2), (2, 1, 3, 3)), kinds=ARRAY)
def products_of_every_rank(np, u, a, b, c, d, e):
    return [
        u @ u, a @ u, u @ b, a @ b, c @ d, c @ b, a @ d, c @ u, u @ d, e @ d, c @ e @ b,
        np.matmul(a, b), np.vecdot(u, c),
    ]  # fmt: skip


if hasattr(numpy, "matvec"):  # NumPy 2.2 and later

    @program(normal(3, (5, 2, 3), (5, 3, 2)), kinds=ARRAY)
    def matrices_times_vectors(np, u, c, d):
        return np.matvec(c, u), np.vecmat(u, d)


@program(normal((3, 3), (3, 4), 3, (2, 3, 4)), kinds=ARRAY)
def einsum_spellings(np, a, b, u, c):
    return [
        np.einsum("ij,jk->ik", a, b), np.einsum("ij,jk", a, b), np.einsum("ii", a),
        np.einsum("ii->i", a), np.einsum("ij->ji", b), np.einsum("ij->", b),
        np.einsum("i,i", u, u), np.einsum("i,j->ij", u, u), np.einsum("ij,ij->i", b, b),
        np.einsum("...ij,j...->...i", c.swapaxes(1, 2), b[:, :2]), np.einsum("...i->...", c),
        np.einsum("bij,ij->b", c, b), np.einsum("ji", b), np.einsum("ij...,i->...", b, u),
        np.einsum(a, [0, 1], b, [1, 2], [0, 2]), np.einsum(" a b , b -> a ", a, u),
        np.einsum("ij,kj->jik", a, a), np.einsum("iij->ij", a[:, :, None] * a),
    ]  # fmt: skip


@program(normal((2, 3), (3, 4), (4, 2), (3, 3)))
def einsum_chains(np, a, b, c, d):
    closed = np.einsum("ij,jk,ki->", a, b, c, optimize=True)
    mixed = np.einsum("ij,jk,kl,jj->il", a, b, c, d)
    cubic = np.einsum("ij,ik,il->jkl", d, d, d, optimize="optimal")
    return closed**2 + np.sum(np.sin(mixed)) + np.sum(cubic**2)


@program(normal((2, 3, 4), (4, 3), (3, 4, 2), 3), kinds=ARRAY)
def tensor_contractions(np, a, b, c, u):
    return [
        np.tensordot(a, b, axes=1), np.tensordot(a, b, axes=([1, 2], [1, 0])),
        np.tensordot(a, c, axes=([0], [2])), np.tensordot(a, c, ((1, 2), (0, 1))),
        np.tensordot(u, u, axes=0), np.inner(u, u), np.inner(b, u), np.inner(a, c[0].T),
        np.outer(u, b), np.vdot(b, b * b), np.kron(u, u), np.kron(b, a[0]),
        np.tensordot(a, a, axes=3),
    ]  # fmt: skip


@program(normal((4, 3), (4, 3), 3), kinds=ARRAY)
def cross_products(np, a, b, u):
    return [
        np.cross(a, b), np.cross(a, u), np.cross(u, b[0]), np.cross(a.T, b.T, axis=0),
        np.cross(a.T, b, axisa=0, axisc=0), np.linalg.cross(a, b),
    ]  # fmt: skip


@program(normal(7, 3), kinds=ARRAY)
def convolutions(np, signal, kernel):
    return [
        np.convolve(signal, kernel), np.convolve(signal, kernel, mode="same"),
        np.convolve(kernel, signal, "valid"), np.correlate(signal, kernel),
        np.correlate(signal, kernel, mode="full"), np.correlate(signal, kernel, "same"),
    ]  # fmt: skip


@program(normal((2, 5), (5, 3), (3, 4), 4), kinds=ARRAY)
def chained_product(np, a, b, c, u):
    return np.linalg.multi_dot([a, b, c, u]), np.linalg.multi_dot([a, b, np.sin(c)])


# ---------------------------------------------------------------- linear algebra


@program(normal((4, 4), 4))
def solve_vector(np, a, b):
    x = np.linalg.solve(a, b)
    return np.sum(x**2) + x[0] * b[0]


@program(normal((2, 3, 3), (2, 3, 2), (3, 3)), kinds=ARRAY)
def solve_stacked(np, a, b, c):
    return [np.linalg.solve(a, b), np.linalg.solve(c, b[0]), np.linalg.solve(c, b)]


@program(normal((3, 3), (2, 3, 3)), kinds=ARRAY)
def inverses_and_determinants(np, a, stack):
    return [np.linalg.inv(a), np.linalg.det(a), np.linalg.inv(stack), np.linalg.det(stack) ** 2]


@program(lambda r: (numpy.diag([2.0, 0.0, 1.0]) + 0.0, r.normal(size=(2, 3, 3))), smooth=False,
         kinds="gradient jvp")  # fmt: skip
def singular_determinant(np, a, stack):
    return np.linalg.det(a) + np.sum(np.linalg.det(stack))


@program(normal((4, 4), (3, 2, 2)), kinds=ARRAY)
def log_determinants(np, a, stack):
    sign, logdet = np.linalg.slogdet(a)
    return sign * logdet, np.linalg.slogdet(spd(np, stack))[1]


@program(normal((3, 3), (2, 3, 3), 3), kinds=ARRAY)
def cholesky_factors(np, a, stack, u):
    factor = np.linalg.cholesky(spd(np, a))
    return factor, np.linalg.cholesky(spd(np, stack)), np.linalg.solve(factor, u)


@program(normal((4, 3), (3, 3)), kinds=ARRAY)
def qr_factors(np, tall, square):
    q, r = np.linalg.qr(tall)
    signs = np.sign(np.diagonal(r))
    q2, r2 = np.linalg.qr(square)
    return [q @ q.T, q * signs, signs[:, None] * r, np.log(np.abs(np.diagonal(r2))), q2 @ r2**2]


@program(normal((4, 4), (2, 3, 3)), kinds=ARRAY, fine=10.0)
def hermitian_eigensystems(np, a, stack):
    values, vectors = np.linalg.eigh(a + a.T)
    heat = (vectors * np.exp(-0.3 * values)) @ vectors.T
    return values, heat, np.linalg.eigvalsh(stack @ stack.swapaxes(1, 2)), vectors[:, 0] ** 2


@program(normal((4, 3), (2, 3, 3)), kinds=ARRAY, fine=10.0)
def singular_values(np, tall, stack):
    u, s, vh = np.linalg.svd(tall, full_matrices=False)
    return [
        s, np.linalg.svd(stack, compute_uv=False), (u * np.tanh(s)) @ vh, (u @ vh) * 0.5,
        np.linalg.svdvals(tall.T),
    ]  # fmt: skip


@program(normal((4, 4)), kinds="gradient jvp")
def general_eigenvalues(np, a):
    values = np.linalg.eigvals(a)
    return np.sum(np.abs(values) ** 2) + np.sum(np.real(values) ** 3)


@program(normal((4, 3), (3, 4), (2, 3, 2)), kinds=ARRAY)
def pseudo_inverses(np, tall, wide, stack):
    return np.linalg.pinv(tall), np.linalg.pinv(wide), np.linalg.pinv(stack)


@program(normal((6, 3), 6, (6, 2)), kinds=ARRAY)
def least_squares(np, a, b, c):
    one = np.linalg.lstsq(a, b, rcond=None)[0]
    two = np.linalg.lstsq(a, c, rcond=None)[0]
    return one, two, np.sum((a @ one - b) ** 2)


@program(normal(4, (3, 4), (2, 3, 3)), kinds=ARRAY, fine=10.0)
def vector_norms(np, u, a, c):
    return [
        np.linalg.norm(u), np.linalg.norm(u, 1), np.linalg.norm(u, 3), np.linalg.norm(u, np.inf),
        np.linalg.norm(u, -np.inf), np.linalg.norm(u, 2.5), np.linalg.norm(a, axis=0),
        np.linalg.norm(a, ord=1, axis=1, keepdims=True), np.linalg.norm(a), np.linalg.norm(c),
        np.linalg.norm(c, axis=(0, 2)), np.linalg.vector_norm(c, axis=(0, 1)),
    ]  # fmt: skip


@program(normal((3, 4), (2, 3, 3)), kinds=ARRAY, fine=10.0)
def matrix_norms(np, a, c):
    return [
        np.linalg.norm(a, "fro"), np.linalg.norm(a, "nuc"), np.linalg.norm(a, 2),
        np.linalg.norm(a, -2), np.linalg.norm(a, 1), np.linalg.norm(a, -1),
        np.linalg.norm(a, np.inf), np.linalg.norm(a, -np.inf),
        np.linalg.norm(c, 2, axis=(1, 2)), np.linalg.matrix_norm(c, keepdims=True),
    ]  # fmt: skip


@program(normal((3, 3)), kinds=ARRAY, fine=10.0)
def matrix_powers(np, a):
    return [
        np.linalg.matrix_power(a, 0), np.linalg.matrix_power(a, 1), np.linalg.matrix_power(a, 5),
        np.linalg.matrix_power(a, -2), np.linalg.cond(a), np.linalg.trace(a @ a),
    ]  # fmt: skip


@program(normal((4, 4)))
def matrix_exponential_series(np, a):
    scaled, term = a / 8.0, numpy.eye(4)
    total = term
    for k in range(1, 14):
        term = term @ scaled / k
        total = total + term
    for _ in range(3):
        total = total @ total
    return np.trace(total) + np.sum(total[0] ** 2) / 10.0


# ---------------------------------------------------------------- special functions


@program(lambda r: (r.uniform(-0.8, 0.8, 4), r.uniform(-2.0, 2.0, 4)), kinds=ARRAY)
def error_functions(np, special, x, y):
    return [
        special.erf(y), special.erfc(y), special.erfinv(x), special.ndtr(y), special.log_ndtr(y),
        special.ndtri(0.5 + 0.5 * x),
    ]  # fmt: skip


@program(lambda r: (r.uniform(0.5, 4.0, 4), r.uniform(0.5, 3.0, 4)), kinds=ARRAY)
def gamma_functions(np, special, x, y):
    return [special.gammaln(x), special.digamma(x), special.betaln(x, y), special.gammaln(x + y)]


@program(lambda r: (r.uniform(0.1, 0.9, 4), r.uniform(0.2, 3.0, 4)), kinds=ARRAY)
def entropies(np, special, p, q):
    return [
        special.expit(q), special.logit(p), special.xlogy(p, q), special.xlog1py(q, p),
        special.entr(p), special.rel_entr(p, q), special.kl_div(p, q),
    ]  # fmt: skip


@program(lambda r: (r.uniform(-2.0, 2.0, 4),), kinds="jvp vjp jacobian hvp")
def bessel_functions(np, special, x):
    return [special.i0(x), special.i1(x), special.i0e(x) * x, special.i1e(x)]


@program(lambda r: (r.uniform(0.5, 4.0, 4),), kinds="jvp vjp jacobian hvp",
         jax="no j0 and j1 there")  # fmt: skip
def oscillating_bessel_functions(np, special, x):
    return special.j0(x), special.j1(x) * special.j0(2.0 * x)


@program(lambda r: (r.normal(size=(3, 4)), r.uniform(0.5, 2, (3, 4))), kinds=ARRAY)
def soft_maxima(np, special, x, b):
    return [
        special.logsumexp(x), special.logsumexp(x, axis=1), special.softmax(x, axis=0),
        special.logsumexp(x, axis=0, b=b, keepdims=True), special.log_softmax(x, axis=-1),
    ]  # fmt: skip

"""Numerical recipes in plain NumPy: roots, areas, interpolation, series, matrices by hand."""

# ruff: noqa: B007, B905, RUF007, UP031 (as people write)

import cmath
import functools
import itertools
import math
from dataclasses import dataclass, field

import numpy as np
from numpy import cos, exp, pi, sin


def lambert_by_halley(y, tol=1e-15, maxiter=50):
    """Solve w exp(w) = y with Halley's third-order step."""
    if y < -1.0 / math.e:
        raise ValueError(f"no real solution for y = {y:.3f}")
    w = math.log(1 + y) if y > 0 else y
    for k in range(maxiter):
        ew = math.exp(w)
        f = w * ew - y
        step = f / (ew * (w + 1) - (w + 2) * f / (2 * w + 2))
        w -= step
        if abs(step) <= tol * (1 + abs(w)):
            break
    else:
        raise RuntimeError("Halley's iteration did not converge in %d steps" % maxiter)
    return w


class Bracket:
    """False position with the Illinois trick; remembers its own end points."""

    def __init__(self, func, lo, hi):
        self.func = func
        self.lo, self.hi = float(lo), float(hi)
        self.flo, self.fhi = func(self.lo), func(self.hi)
        if self.flo * self.fhi > 0:
            raise ValueError("root is not bracketed")
        self.side = 0

    @property
    def width(self):
        return abs(self.hi - self.lo)

    def step(self):
        mid = (self.flo * self.hi - self.fhi * self.lo) / (self.flo - self.fhi)
        fmid = self.func(mid)
        if fmid * self.fhi > 0:
            self.hi, self.fhi = mid, fmid
            if self.side == -1:
                self.flo /= 2
            self.side = -1
        else:
            self.lo, self.flo = mid, fmid
            if self.side == 1:
                self.fhi /= 2
            self.side = 1
        return mid, fmid


def illinois_flash(z, k):
    """Rachford-Rice: the vapour fraction of a mixture of composition z."""
    z = np.asarray(z, dtype=float)
    z = z / z.sum()
    bracket = Bracket(lambda v: np.sum(z * (k - 1) / (1 + v * (k - 1))), 0.01, 0.99)
    v = None
    for _ in range(60):
        v, residual = bracket.step()
        if abs(residual) < 1e-15 or bracket.width < 1e-15:
            break
    return float(v)


def durand_kerner(coefs, iterations=40):
    """All the roots of a monic real polynomial at once; mean square distance from the origin."""
    n = len(coefs)
    roots = np.array([(0.4 + 0.9j) ** k for k in range(n)])
    for _ in range(iterations):
        for i in range(n):
            value = 1.0 + 0j
            for c in coefs:
                value = value * roots[i] + c
            denom = 1.0
            for j in range(n):
                if j != i:
                    denom = denom * (roots[i] - roots[j])
            roots[i] = roots[i] - value / denom
    return float(np.mean(np.abs(roots) ** 2) + roots.real.max())


def adaptive_simpson(width, tol=1e-7):
    """Area under a resonance curve, halving the intervals where it bends."""

    def f(x):
        return width / ((x - 0.3) ** 2 + width**2) + math.sqrt(1 + x)

    def simpson(fa, fm, fb, h):
        return h / 6 * (fa + 4 * fm + fb)

    def recurse(a, b, fa, fm, fb, whole, eps, depth):
        m = 0.5 * (a + b)
        fl, fr = f(0.5 * (a + m)), f(0.5 * (m + b))
        left, right = simpson(fa, fl, fm, m - a), simpson(fm, fr, fb, b - m)
        delta = left + right - whole
        if depth <= 0 or abs(delta) < 15 * eps:
            return left + right + delta / 15
        return recurse(a, m, fa, fl, fm, left, eps / 2, depth - 1) + recurse(
            m, b, fm, fr, fb, right, eps / 2, depth - 1
        )

    fa, fm, fb = f(0.0), f(0.5), f(1.0)
    return recurse(0.0, 1.0, fa, fm, fb, simpson(fa, fm, fb, 1.0), tol, 12)


def romberg(b, a=0.0, levels=6, f=lambda t: exp(-t * t) * cos(3 * t)):
    R = [[0.5 * (b - a) * (f(a) + f(b))]]
    h = b - a
    for i in range(1, levels):
        h /= 2
        total = 0
        for k in range(1, 2**i, 2):
            total += f(a + k * h)
        row = [0.5 * R[i - 1][0] + h * total]
        for j in range(1, i + 1):
            row.append(row[j - 1] + (row[j - 1] - R[i - 1][j - 1]) / (4**j - 1))
        R.append(row)
    return R[-1][-1]


def legendre_rule(n):
    """Nodes and weights of Gauss and Legendre, by Newton from Tricomi's guess."""
    x, w = np.empty(n), np.empty(n)
    for i in range(n):
        t = math.cos(math.pi * (i + 0.75) / (n + 0.5))
        while True:
            p0, p1 = 1.0, t
            for k in range(2, n + 1):
                p0, p1 = p1, ((2 * k - 1) * t * p1 - (k - 1) * p0) / k
            dp = n * (t * p1 - p0) / (t * t - 1)
            t, old = t - p1 / dp, t
            if abs(t - old) < 1e-15:
                break
        x[i], w[i] = t, 2 / ((1 - t * t) * dp * dp)
    return x, w


def ellipse_by_gauss(axes, panels=4):
    """Perimeter of an ellipse, composite Gauss-Legendre."""
    big, small = np.max(axes), np.min(axes)
    assert small > 0, "axes must be positive"
    x, w = legendre_rule(8)
    edges = np.linspace(0, pi / 2, panels + 1)
    total = 0.0
    for lo, hi in zip(edges[:-1], edges[1:]):
        t = 0.5 * (hi - lo) * x + 0.5 * (hi + lo)
        total += 0.5 * (hi - lo) * np.sum(w * np.hypot(big * sin(t), small * cos(t)))
    return 4 * total


def tanh_sinh_beta(ab, h=0.1):
    """Euler's beta function as an integral with singular ends; Takahasi and Mori's rule."""

    def nodes():
        for k in itertools.count():
            t = k * h
            u = 0.5 * math.pi * math.sinh(t)
            weight = 0.5 * math.pi * math.cosh(t) / math.cosh(u) ** 2
            if weight < 1e-20:
                return
            # the distance of the node to the nearer end of (-1, 1), without cancellation
            yield k, math.exp(-u) / math.cosh(u), weight

    a, b = ab
    total = 0.0
    for k, gap, weight in nodes():
        s = gap / 2
        value = s ** (a - 1) * (1 - s) ** (b - 1)
        if k > 0:
            value += (1 - s) ** (a - 1) * s ** (b - 1)
        total += 0.5 * h * weight * value
    return math.log(total)


def barycentric_sum(values, where):
    """Interpolate at Chebyshev points of the second kind, honouring hits on a node."""
    n = values.size - 1
    nodes = np.cos(np.arange(n + 1) * np.pi / n)
    w = (-1.0) ** np.arange(n + 1)
    w[0] *= 0.5
    w[-1] *= 0.5
    result = np.zeros(len(where))
    for i, x in enumerate(where):
        diff = x - nodes
        hit = np.isclose(diff, 0, atol=1e-14)
        if hit.any():
            result[i] = values[hit][0]
            continue
        q = w / diff
        result[i] = q @ values / q.sum()
    return np.sum(result**2)


class NaturalSpline:
    def __init__(self, x, y):
        x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        if x.ndim != 1 or x.shape != y.shape:
            raise ValueError(f"x and y do not fit: {x.shape} against {y.shape}")
        if np.any(np.diff(x) <= 0):
            raise ValueError("x must increase")
        self.x, self.y = x, y
        self.m = self._second_derivatives()

    def _second_derivatives(self):
        n = self.x.size
        h, slope = np.diff(self.x), np.diff(self.y) / np.diff(self.x)
        m, cp = np.zeros(n), np.zeros(n)
        for i in range(1, n - 1):
            piv = 2 * (h[i - 1] + h[i]) - h[i - 1] * cp[i - 1]
            cp[i] = h[i] / piv
            m[i] = (6 * (slope[i] - slope[i - 1]) - h[i - 1] * m[i - 1]) / piv
        for i in range(n - 2, 0, -1):
            m[i] -= cp[i] * m[i + 1]
        return m

    def __call__(self, t):
        i = np.clip(np.searchsorted(self.x, t) - 1, 0, self.x.size - 2)
        h = self.x[i + 1] - self.x[i]
        a, b = (self.x[i + 1] - t) / h, (t - self.x[i]) / h
        cubic = (a**3 - a) * self.m[i] + (b**3 - b) * self.m[i + 1]
        return a * self.y[i] + b * self.y[i + 1] + cubic * h**2 / 6


def spline_arc_length(y, x):
    spline = NaturalSpline(x, y)
    t = np.linspace(x[0], x[-1], 101)
    return np.sum(np.hypot(np.diff(t), np.diff(spline(t))))


def monotone_cubic_at(y, x, points):
    """Fritsch and Butland's slopes, then Hermite's cubic on each interval."""
    n = len(x)
    d = [(y[i + 1] - y[i]) / (x[i + 1] - x[i]) for i in range(n - 1)]
    m = [d[0]]
    for left, right in zip(d, d[1:]):
        if left * right <= 0:
            m.append(0.0)
        else:
            m.append(2 * left * right / (left + right))
    m.append(d[-1])
    out = []
    for p in points:
        i = max(j for j in range(n - 1) if x[j] <= p)
        h = x[i + 1] - x[i]
        s = (p - x[i]) / h
        h00, h10 = (1 + 2 * s) * (1 - s) ** 2, s * (1 - s) ** 2
        h01, h11 = s * s * (3 - 2 * s), s * s * (s - 1)
        out.append(h00 * y[i] + h10 * h * m[i] + h01 * y[i + 1] + h11 * h * m[i + 1])
    return float(np.mean(np.array(out) ** 2))


def de_boor_curve(control, degree=3):
    """Bending of a clamped B-spline curve in the plane, by the Cox-de Boor recursion."""
    n = len(control)
    knots = np.concatenate([[0] * degree, np.linspace(0, 1, n - degree + 1), [1] * degree])

    def basis(i, k, t):
        if k == 0:
            return 1.0 if knots[i] <= t < knots[i + 1] else 0.0
        total = 0.0
        if knots[i + k] > knots[i]:
            total += (t - knots[i]) / (knots[i + k] - knots[i]) * basis(i, k - 1, t)
        if knots[i + k + 1] > knots[i + 1]:
            right = (knots[i + k + 1] - t) / (knots[i + k + 1] - knots[i + 1])
            total += right * basis(i + 1, k - 1, t)
        return total

    points = []
    for t in np.linspace(0, 1, 12, endpoint=False):
        points.append(sum(basis(i, degree, t) * control[i] for i in range(n)))
    bends = np.diff(np.array(points), n=2, axis=0)
    return np.linalg.norm(bends, axis=1).sum()


def lentz_incomplete_gamma(x, a=2.5):
    """The upper incomplete gamma function's continued fraction, modified Lentz."""
    tiny = 1e-300
    b = x + 1 - a
    c = 1 / tiny
    d = 1 / b
    h = d
    for i in range(1, 500):
        an = -i * (i - a)
        b += 2
        d = an * d + b
        if abs(d) < tiny:
            d = tiny
        c = b + an / c
        if abs(c) < tiny:
            c = tiny
        d = 1 / d
        h *= d * c
        if abs(d * c - 1) < 1e-16:
            break
    return math.exp(-x + a * math.log(x) - math.lgamma(a)) * h


def pendulum_period_agm(amplitude, length=1.2, g=9.81):
    """Gauss: the period of large swings is an arithmetic-geometric mean."""
    a, b = 1.0, math.cos(amplitude / 2)
    while abs(a - b) > 1e-15:
        a, b = (a + b) / 2, math.sqrt(a * b)
    return 2 * math.pi * math.sqrt(length / g) / a


def wynn_epsilon(x, terms=13):
    """The slowly alternating series log(1 + x) / x near the edge of its disc, accelerated."""
    partial = np.cumsum([(-x) ** n / (n + 1) for n in range(terms)])
    table = np.zeros((terms + 1, terms + 1))
    table[:-1, 1] = partial
    for k in range(2, terms + 1):
        for i in range(terms - k + 1):
            table[i, k] = table[i + 1, k - 2] + 1.0 / (table[i + 1, k - 1] - table[i, k - 1])
    return table[0, terms if terms % 2 else terms - 1]


class Poly:
    """A polynomial by its coefficients, the constant first."""

    def __init__(self, coefs):
        self.c = list(coefs)

    def __add__(self, other):
        pairs = itertools.zip_longest(self.c, other.c, fillvalue=0)
        return Poly(a + b for a, b in pairs)

    def __mul__(self, other):
        if not isinstance(other, Poly):
            return Poly(a * other for a in self.c)
        prod = [0] * (len(self.c) + len(other.c) - 1)
        for i, a in enumerate(self.c):
            for j, b in enumerate(other.c):
                prod[i + j] += a * b
        return Poly(prod)

    __rmul__ = __mul__

    def deriv(self):
        return Poly(k * a for k, a in enumerate(self.c) if k)

    def __call__(self, x):
        return functools.reduce(lambda acc, a: acc * x + a, reversed(self.c), 0)

    def compose(self, inner):
        result = Poly([0])
        for a in reversed(self.c):
            result = result * inner + Poly([a])
        return result


def polynomial_ring(coefs):
    p = Poly(coefs)
    q = p.compose(Poly([1, -0.5])) + 0.25 * p.deriv() * p
    primitive = Poly([0] + [a / (k + 1) for k, a in enumerate(q.c)])
    return primitive(1.0) - primitive(-0.5)


def clenshaw_series(samples, t=0.37):
    """Chebyshev coefficients from samples, low-passed and summed by Clenshaw's recurrence."""
    n = len(samples)
    k = np.arange(n)
    theta = np.pi * (k + 0.5) / n
    coef = np.zeros(n)
    for j in range(n):
        coef[j] = 2.0 / n * np.sum(samples * np.cos(j * theta))
    coef[0] /= 2
    coef[n // 2 :] *= 0.5
    b1 = b2 = 0.0
    for c in coef[:0:-1]:
        b1, b2 = 2 * t * b1 - b2 + c, b1
    return t * b1 - b2 + coef[0]


def lu_partial_pivoting(A, b):
    """Doolittle in place with swapped rows; x . b and log |det|."""
    A = A.copy()
    n = A.shape[0]
    perm = np.arange(n)
    for k in range(n - 1):
        p = k + np.argmax(np.abs(A[k:, k]))
        if A[p, k] == 0:
            raise np.linalg.LinAlgError("singular matrix")
        if p != k:
            A[[k, p]] = A[[p, k]]
            perm[[k, p]] = perm[[p, k]]
        A[k + 1 :, k] /= A[k, k]
        A[k + 1 :, k + 1 :] -= np.outer(A[k + 1 :, k], A[k, k + 1 :])
    x = b[perm].astype(float)
    for i in range(n):
        x[i] -= A[i, :i] @ x[:i]
    for i in range(n - 1, -1, -1):
        x[i] = (x[i] - A[i, i + 1 :] @ x[i + 1 :]) / A[i, i]
    return x @ b + np.log(np.abs(np.diag(A))).sum()


def cholesky_banachiewicz(lengths, points, y):
    """Marginal likelihood of a Gaussian process, the factor made entry by entry."""
    n = len(points)
    K = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(n):
            r2 = sum(((points[i][k] - points[j][k]) / lengths[k]) ** 2 for k in range(len(lengths)))
            K[i][j] = math.exp(-0.5 * r2) + (0.1 if i == j else 0)
    L = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            s = K[i][j] - np.dot(L[i, :j], L[j, :j])
            if i == j:
                L[i, i] = math.sqrt(s)
            else:
                L[i, j] = s / L[j, j]
    z = np.zeros(n)
    for i in range(n):
        z[i] = (y[i] - L[i, :i].dot(z[:i])) / L[i, i]
    return -0.5 * z.dot(z) - np.sum(np.log(np.diagonal(L)))


def householder_least_squares(A, b):
    """Reflect [A b] to triangular form; the coefficients' squares weighed with the residual."""
    m, n = A.shape
    R = np.hstack([A, b[:, np.newaxis]]).astype(float)
    for k in range(n):
        v = R[k:, k].copy()
        v[0] += math.copysign(np.linalg.norm(v), v[0])
        v /= np.linalg.norm(v)
        R[k:, k:] -= 2 * np.outer(v, v @ R[k:, k:])
    x = np.zeros(n)
    for i in range(n)[::-1]:
        x[i] = (R[i, n] - np.sum(R[i, i + 1 : n] * x[i + 1 :])) / R[i, i]
    residual = np.linalg.norm(R[n:, n])
    return np.sum(x**2) + residual


def givens_hessenberg_norm(subdiagonal):
    """Rotate away the subdiagonal of a Hessenberg matrix; the product of R's squared pivots."""
    n = len(subdiagonal) + 1
    i, j = np.indices((n, n))
    H = np.where(j >= i, 1.0 / (1 + i + j), 0.0) + 2 * np.eye(n)
    H = H + np.diag(subdiagonal, -1)
    rotations = []
    for k in range(n - 1):
        r = np.hypot(H[k, k], H[k + 1, k])
        c, s = H[k, k] / r, H[k + 1, k] / r
        G = np.array([[c, s], [-s, c]])
        H[k : k + 2, k:] = G @ H[k : k + 2, k:]
        rotations.append((c, s))
    turn = sum(math.atan2(s, c) for c, s in rotations)
    return np.trace(H @ H.T) * 0.1 + np.prod(np.diag(H)) * 1e-2 + turn


def thomas(lower, diag, upper, rhs):
    """Overwrites diag and rhs, as the textbook does."""
    n = len(diag)
    for i in range(1, n):
        w = lower[i - 1] / diag[i - 1]
        diag[i] -= w * upper[i - 1]
        rhs[i] -= w * rhs[i - 1]
    rhs[-1] /= diag[-1]
    for i in range(n - 2, -1, -1):
        rhs[i] = (rhs[i] - upper[i] * rhs[i + 1]) / diag[i]
    return rhs


def loaded_string(stiffness, load=1.0):
    """Energy of a string on an uneven elastic bed, second differences and a tridiagonal solve."""
    n = stiffness.size
    h = 1 / (n + 1)
    x = h * np.arange(1, n + 1)
    off = -np.ones(n - 1)
    rhs = load * h**2 * np.sin(np.pi * x)
    u = thomas(off, 2 + h**2 * stiffness, off.copy(), rhs.copy())
    return np.dot(u, rhs) / h


def jacobi_until_still(A, b, tol=1e-14, limit=300):
    A = np.array(A)
    D = np.diag(A)
    off = A - np.diagflat(D)
    if not np.all(np.abs(D) > np.sum(np.abs(off), axis=1)):
        raise ValueError("matrix is not diagonally dominant")
    x = np.zeros_like(b)
    for _ in range(limit):
        new = (b - off @ x) / D
        if np.linalg.norm(new - x, np.inf) < tol:
            x = new
            break
        x = new
    return np.sum(np.cos(x))


def sor_membrane(edge, omega=1.5, sweeps=25):
    """Successive over-relaxation on a square plate whose upper edge is held at given values."""
    n = len(edge)
    u = np.zeros((n, n))
    u[0, :] = edge
    for _ in range(sweeps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                around = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
                u[i, j] += omega * (0.25 * around - u[i, j])
    return (u[1:-1, 1:-1] ** 2).mean()


def conjugate_gradients(weights, edges, b):
    """Potentials of a resistor network, the Laplacian never formed."""
    ends = np.array(edges)

    def apply(v):
        drop = weights * (v[ends[:, 0]] - v[ends[:, 1]])
        out = 0.1 * v
        np.add.at(out, ends[:, 0], drop)
        np.subtract.at(out, ends[:, 1], drop)
        return out

    x = np.zeros_like(b)
    r = b - apply(x)
    p, rs = r.copy(), r @ r
    for _ in range(4 * b.size):
        Ap = apply(p)
        alpha = rs / (p @ Ap)
        x += alpha * p
        r -= alpha * Ap
        rs_new = r @ r
        if math.sqrt(rs_new) < 1e-14:
            break
        p = r + rs_new / rs * p
        rs = rs_new
    return x @ b


def deflated_power_iteration(A, k=2):
    """The leading eigenvalues of a symmetric matrix, each subtracted before the next."""
    S = 0.5 * (A + A.T)
    found = []
    for which in range(k):
        v = np.ones(len(S)) + 0.1 * np.arange(len(S))
        lam, old, tries = 0.0, np.inf, 0
        while abs(lam - old) > 1e-15 * abs(lam) and tries < 300:
            w = S @ v
            v = w / np.sqrt(np.sum(w * w))
            old, lam = lam, v @ S @ v
            tries += 1
        found.append(lam)
        S = S - lam * np.outer(v, v)
    return found[0] / found[1]


def recursive_fft(x):
    n = len(x)
    if n == 1:
        return x.astype(complex)
    if n % 2:
        raise ValueError("length must be a power of two")
    even, odd = recursive_fft(x[::2]), recursive_fft(x[1::2])
    twiddle = np.exp(-2j * np.pi * np.arange(n // 2) / n) * odd
    return np.concatenate([even + twiddle, even - twiddle])


def spectral_centroid(signal):
    n = len(signal)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    power = np.abs(recursive_fft(signal * window))[: n // 2 + 1] ** 2
    return float((np.arange(power.size) * power).sum() / power.sum())


def cyclic_jacobi_eigenvalues(M, sweeps=6):
    """Rotations until the off-diagonal part is gone; the spread of the logarithms."""
    A = M @ M.T + np.eye(len(M))
    n = len(A)
    for sweep in range(sweeps):
        for p in range(n - 1):
            for q in range(p + 1, n):
                if abs(A[p, q]) < 1e-40:
                    continue
                theta = (A[q, q] - A[p, p]) / (2 * A[p, q])
                t = np.sign(theta) / (abs(theta) + np.sqrt(theta**2 + 1))
                c = 1 / np.sqrt(t * t + 1)
                s = t * c
                ap, aq = A[:, p].copy(), A[:, q].copy()
                A[:, p], A[:, q] = c * ap - s * aq, s * ap + c * aq
                ap, aq = A[p, :].copy(), A[q, :].copy()
                A[p, :], A[q, :] = c * ap - s * aq, s * ap + c * aq
    return np.std(np.log(np.sort(np.diag(A))))


def exponential_by_squaring(rates, t=1.5):
    """Occupation of the last of a chain of states, Taylor with scaling and squaring."""
    n = rates.size + 1
    Q = np.zeros((n, n))
    for i, r in enumerate(rates):
        Q[i, i] -= r
        Q[i, i + 1] += r
        Q[i + 1, i] += 0.2
        Q[i + 1, i + 1] -= 0.2
    squarings = max(0, int(np.ceil(np.log2(np.abs(Q * t).sum(axis=1).max()))) + 3)
    X = Q * t / 2**squarings
    E, term = np.eye(n), np.eye(n)
    for k in range(1, 12):
        term = term @ X / k
        E += term
    for _ in range(squarings):
        E = E @ E
    return E[0, -1]


@dataclass
class Steffensen:
    """Aitken's delta squared applied to a fixed-point map, with a log of the points."""

    tol: float = 1e-14
    history: list = field(default_factory=list)

    def run(self, g, x):
        for _ in range(30):
            self.history.append(x)
            x1 = g(x)
            x2 = g(x1)
            bottom = x2 - 2 * x1 + x
            if abs(x1 - x) < self.tol or bottom == 0:
                return x2
            x = x - (x1 - x) ** 2 / bottom
        raise RuntimeError("too many steps")


def kepler_by_steffensen(e, mean_anomaly=1.1):
    solver = Steffensen()
    E = solver.run(lambda E: mean_anomaly + e * math.sin(E), mean_anomaly)
    assert len(solver.history) > 1
    return 2 * math.atan2(math.sqrt(1 + e) * math.sin(E / 2), math.sqrt(1 - e) * math.cos(E / 2))


def cardano(coefs):
    """A cubic with one real root, by the formula: that root, and the size of the complex pair."""
    a, b, c, d = (float(v) for v in coefs)
    p = (3 * a * c - b * b) / (3 * a * a)
    q = (2 * b**3 - 9 * a * b * c + 27 * a * a * d) / 27 / a**3
    disc = q * q / 4 + p**3 / 27
    if disc <= 0:
        raise ValueError("three real roots")
    u = cmath.exp(cmath.log(-q / 2 + cmath.sqrt(disc)) / 3)
    omega = complex(-0.5, math.sqrt(3) / 2)
    roots = []
    for k in range(3):
        w = u * omega**k
        roots.append(w - p / (3 * w) - b / (3 * a))
    real = min(roots, key=lambda z: abs(z.imag))
    return real.real + abs(roots[1] if real is roots[0] else roots[0])


_rng = np.random.default_rng(20)
_sites = _rng.normal(size=(8, 2))
_edges = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (3, 4), (4, 5), (5, 0), (1, 4)]

PROGRAMS = [
    (lambert_by_halley, (1.7,)),
    (illinois_flash, (np.array([0.3, 0.25, 0.25, 0.2]), np.array([3.1, 1.6, 0.7, 0.2]))),
    (durand_kerner, (np.array([0.3, 1.2, -0.7, 2.0]),)),
    (adaptive_simpson, (0.21,)),
    (romberg, (1.3,)),
    (ellipse_by_gauss, (np.array([1.2, 2.3]),)),
    (tanh_sinh_beta, (np.array([0.8, 1.7]),)),
    (barycentric_sum, (_rng.normal(size=8), [-0.9, -0.3, 0.0, 1.0, 0.55])),
    (spline_arc_length, (_rng.normal(size=9), np.linspace(0, 4, 9))),
    (monotone_cubic_at, (np.array([0, 0.4, 1.3, 1.1, 2.6]), [0, 1, 2, 3, 4], [0.3, 1.2, 3.5])),
    (de_boor_curve, (_rng.normal(size=(7, 2)),)),
    (lentz_incomplete_gamma, (4.2,)),
    (pendulum_period_agm, (1.9,)),
    (wynn_epsilon, (0.93,)),
    (polynomial_ring, (np.array([0.5, -1.2, 0.3, 0.8]),)),
    (clenshaw_series, (np.cumsum(_rng.normal(size=12)),)),
    (lu_partial_pivoting, (_rng.normal(size=(6, 6)), np.arange(1, 7))),
    (cholesky_banachiewicz, (np.array([0.7, 1.4]), _sites.tolist(), np.sin(_sites[:, 0]))),
    (householder_least_squares, (_rng.normal(size=(9, 4)), _rng.normal(size=9))),
    (givens_hessenberg_norm, (_rng.uniform(0.5, 1.5, 6),)),
    (loaded_string, (_rng.uniform(5, 50, 25),)),
    (jacobi_until_still, (_rng.uniform(-1, 1, (5, 5)) + 7 * np.eye(5), _rng.normal(size=5))),
    (sor_membrane, (np.sin(np.linspace(0, 3, 9)) + 0.2,)),
    (conjugate_gradients, (_rng.uniform(0.5, 2, 9), _edges, np.sin(np.arange(6.0)))),
    (deflated_power_iteration, (_rng.uniform(0, 1, (5, 5)) + np.diag([9.0, 5, 1, 1, 0]),)),
    (spectral_centroid, (np.sin(0.7 * np.arange(32)) + 0.3 * _rng.normal(size=32),)),
    (cyclic_jacobi_eigenvalues, (_rng.normal(size=(5, 5)),)),
    (exponential_by_squaring, (np.array([0.9, 1.4, 0.6]),)),
    (kepler_by_steffensen, (0.42,)),
    (cardano, (np.array([1.3, -0.6, 1.1, 2.0]),)),
]

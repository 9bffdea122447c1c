"""Programs that work in place, as NumPy users write them: ten of the textbook, in several hands.

Each takes arrays and returns an array or several.  Some overwrite what they are given, as many
textbook programs do: whoever calls them as they stand passes copies.
"""

import numpy as np

rng = np.random.default_rng(20)


# --- LU decomposition, with partial pivoting ------------------------------------------------------


def lu_rows_by_list(a):
    """Rows are exchanged by `a[[i, p]] = a[[p, i]]`; the matrix that is given is overwritten."""
    n = len(a)
    order = np.arange(n)
    for i in range(n - 1):
        p = i + np.argmax(np.abs(a[i:, i]))
        if p != i:
            a[[i, p]] = a[[p, i]]
            order[[i, p]] = order[[p, i]]
        a[i + 1 :, i] /= a[i, i]
        a[i + 1 :, i + 1 :] -= np.outer(a[i + 1 :, i], a[i, i + 1 :])
    return a, order.astype(float)


def lu_rows_by_copy(matrix):
    """Rows are exchanged through a copy of one of them."""
    a = matrix.copy()
    n = a.shape[0]
    sign = 1.0
    for k in range(n):
        pivot = k
        for i in range(k + 1, n):
            if abs(a[i, k]) > abs(a[pivot, k]):
                pivot = i
        if pivot != k:
            row = a[k].copy()
            a[k] = a[pivot]
            a[pivot, :] = row
            sign = -sign
        for i in range(k + 1, n):
            a[i, k] = a[i, k] / a[k, k]
            a[i, k + 1 :] -= a[i, k] * a[k, k + 1 :]
    return a, sign * np.prod(np.diag(a))


def lu_solve(a, b):
    """Elimination and substitution, matrix and right-hand side overwritten."""
    n = len(b)
    for k in range(n):
        p = k + int(np.abs(a[k:, k]).argmax())
        a[[k, p], k:] = a[[p, k], k:]
        b[k], b[p] = b[p], b[k]
        factors = a[k + 1 :, k] / a[k, k]
        a[k + 1 :, k:] -= factors[:, None] * a[k, k:]
        b[k + 1 :] -= factors * b[k]
    for k in range(n - 1, -1, -1):
        b[k] = (b[k] - a[k, k + 1 :] @ b[k + 1 :]) / a[k, k]
    return b


def gauss_jordan(a):
    """The inverse by elimination in one array of twice the width, seen through two views."""
    n = a.shape[0]
    both = np.zeros((n, 2 * n))
    left, right = both[:, :n], both[:, n:]
    left[...] = a
    np.fill_diagonal(right, 1.0)
    for k in range(n):
        p = k + np.argmax(abs(left[k:, k]))
        both[[k, p]] = both[[p, k]]
        both[k] /= left[k, k]
        for i in range(n):
            if i != k:
                both[i] -= left[i, k] * both[k]
    return right


def doolittle(a):
    """Two factors in arrays of their own, an element at a time, no pivots."""
    n = len(a)
    lower, upper = np.eye(n), np.zeros_like(a)
    for i in range(n):
        for j in range(i, n):
            upper[i, j] = a[i, j] - sum(lower[i, k] * upper[k, j] for k in range(i))
        for j in range(i + 1, n):
            lower[j, i] = (a[j, i] - sum(lower[j, k] * upper[k, i] for k in range(i))) / upper[i, i]
    return lower, upper


def square(n):
    return rng.normal(size=(n, n))


LU = [
    (lu_rows_by_list, [(square(12),), (square(12),)]),
    (lu_rows_by_copy, [(square(8),), (square(8),)]),
    (lu_solve, [(square(10), rng.normal(size=10)), (square(10), rng.normal(size=10))]),
    (gauss_jordan, [(square(6),), (square(6),)]),
    (doolittle, [(square(7) + 4 * np.eye(7),), (square(7) + 5 * np.eye(7),)]),
]


# --- Cholesky, by hand ----------------------------------------------------------------------------


def cholesky_elements(a):
    """Cholesky and Banachiewicz: row by row, element by element."""
    n = a.shape[0]
    lower = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            s = a[i, j] - np.dot(lower[i, :j], lower[j, :j])
            if i == j:
                if s <= 0:
                    raise ValueError("not positive definite")
                lower[i, i] = np.sqrt(s)
            else:
                lower[i, j] = s / lower[j, j]
    return lower


def cholesky_columns(a):
    """Column by column in the matrix that is given, which keeps its upper half until the end."""
    n = len(a)
    for j in range(n):
        a[j:, j] -= a[j:, :j] @ a[j, :j]
        a[j:, j] /= np.sqrt(a[j, j])
    a[np.triu_indices(n, 1)] = 0.0
    return a


def cholesky_outer(a):
    """The rest of the matrix is a view, and the rest of that one, and so on."""
    work = np.array(a)
    rest = work
    while rest.size:
        rest[0, 0] **= 0.5
        rest[1:, 0] /= rest[0, 0]
        rest[0, 1:] = 0
        column = rest[1:, 0]
        rest = rest[1:, 1:]
        rest -= np.outer(column, column)
    return work


def cholesky_shifted(a):
    """A pivot that is too small is replaced, with the branch that this takes."""
    n = len(a)
    lower = np.tril(a)
    diagonal = np.empty(n)
    for k in range(n):
        pivot = lower[k, k]
        if pivot < 0.5:
            pivot = 0.5 + 0.1 * pivot**2
        diagonal[k] = pivot
        lower[k:, k] /= np.sqrt(pivot)
        for j in range(k + 1, n):
            lower[j:, j] -= lower[j:, k] * lower[j, k]
    return lower, diagonal


def positive(n, shift=0.5):
    root = square(n)
    return root @ root.T + shift * np.eye(n)


CHOLESKY = [
    (cholesky_elements, [(positive(8),), (positive(8),)]),
    (cholesky_columns, [(positive(12),), (positive(12),)]),
    (cholesky_outer, [(positive(9),), (positive(9),)]),
    (cholesky_shifted, [(positive(6, 2.0),), (positive(6, -1.0),)]),
]


# --- tridiagonal systems --------------------------------------------------------------------------


def thomas(lower, diagonal, upper, right):
    """Thomas: all that is given is overwritten, the right-hand side by the solution."""
    n = len(right)
    upper[0] /= diagonal[0]
    right[0] /= diagonal[0]
    for i in range(1, n):
        m = 1.0 / (diagonal[i] - lower[i - 1] * upper[i - 1])
        if i < n - 1:
            upper[i] = upper[i] * m
        right[i] = (right[i] - lower[i - 1] * right[i - 1]) * m
    for i in range(n - 2, -1, -1):
        right[i] -= upper[i] * right[i + 1]
    return right


def thomas_bands(bands, right):
    """The three bands are rows of one array, and overwritten through its views."""
    a, b, c = bands
    x = right.copy()
    for i in range(1, x.size):
        w = a[i] / b[i - 1]
        b[i] -= w * c[i - 1]
        x[i] -= w * x[i - 1]
    x[-1] /= b[-1]
    for i in reversed(range(x.size - 1)):
        x[i] = (x[i] - c[i] * x[i + 1]) / b[i]
    return x, bands


def thomas_many(diagonal, rights):
    """Many right-hand sides, the columns of one array; swaps rows where the diagonal is small."""
    n = len(diagonal)
    main, above, second = diagonal.copy(), np.ones(n), np.zeros(n)
    below = np.full(n, -1.0)
    y = rights + 0.0
    for i in range(n - 1):
        if abs(main[i]) < abs(below[i]):
            main[i], below[i] = below[i], main[i]
            above[i], main[i + 1] = main[i + 1], above[i]
            if i < n - 2:
                second[i], above[i + 1] = above[i + 1], second[i]
            y[[i, i + 1]] = y[[i + 1, i]]
        m = below[i] / main[i]
        main[i + 1] -= m * above[i]
        above[i + 1] -= m * second[i]
        y[i + 1] -= m * y[i]
    y[-1] /= main[-1]
    y[-2] = (y[-2] - above[-2] * y[-1]) / main[-2]
    for i in range(n - 3, -1, -1):
        y[i] = (y[i] - above[i] * y[i + 1] - second[i] * y[i + 2]) / main[i]
    return y


def cyclic_reduction(diagonal, right):
    """Every other equation is eliminated, by slices with growing steps."""
    b, d = diagonal.copy(), right.copy()
    n = len(b)
    a, c = np.full(n, -1.0), np.full(n, -1.0)
    a[0] = c[-1] = 0.0
    step = 1
    while step < n:
        alpha, gamma = np.zeros(n), np.zeros(n)
        alpha[step:] = -a[step:] / b[:-step]
        gamma[:-step] = -c[:-step] / b[step:]
        old_a, old_c, old_d = a.copy(), c.copy(), d.copy()
        new_b = b.copy()
        new_b[step:] += alpha[step:] * old_c[:-step]
        new_b[:-step] += gamma[:-step] * old_a[step:]
        d[step:] += alpha[step:] * old_d[:-step]
        d[:-step] += gamma[:-step] * old_d[step:]
        a[:] = 0
        c[:] = 0
        a[step:] = alpha[step:] * old_a[:-step]
        c[:-step] = gamma[:-step] * old_c[step:]
        b = new_b
        step *= 2
    d /= b
    return d


def bands(n):
    return rng.normal(size=n - 1), rng.uniform(3, 5, n), rng.normal(size=n - 1), rng.normal(size=n)


def banded(n):
    found = rng.normal(size=(3, n))
    found[1] += np.where(found[1] > 0, 4.0, -4.0)
    return found, rng.normal(size=n)


TRIDIAGONAL = [
    (thomas, [bands(60), bands(60)]),
    (thomas_bands, [banded(40), banded(40)]),
    (
        thomas_many,
        [
            (rng.uniform(0.3, 3.0, 14), rng.normal(size=(14, 4))),
            (rng.uniform(-3.0, 0.9, 14), rng.normal(size=(14, 4))),
        ],
    ),
    (
        cyclic_reduction,
        [(rng.uniform(3, 5, 100), rng.normal(size=100)), (np.full(100, 2.5), np.ones(100))],
    ),
]


# --- the heat equation ----------------------------------------------------------------------------


def heat(u, conductivity):
    """A step reads the old temperatures; the field that is given is overwritten."""
    for _ in range(20):
        old = u.copy()
        u[1:-1] += conductivity * (old[2:] - 2 * old[1:-1] + old[:-2])
        u[0] = old[1]
        u[-1] = old[-2]
    return u


def heat_history(start, conductivity):
    """A preallocated history."""
    steps, n = 20, len(start)
    u = np.empty((steps + 1, n))
    u[0] = start
    for t in range(steps):
        u[t + 1, 1:-1] = u[t, 1:-1] + conductivity * (u[t, 2:] - 2 * u[t, 1:-1] + u[t, :-2])
        u[t + 1, 0], u[t + 1, -1] = u[t, 0], u[t, -1]
    return u


def heat_two_arrays(start):
    """Two arrays by turns, a plate, `out=`, and a source that switches off where it is hot."""
    u, new = start.copy(), np.zeros_like(start)
    flow = np.zeros((start.shape[0] - 2, start.shape[1] - 2))
    for _ in range(10):
        np.add(u[2:, 1:-1], u[:-2, 1:-1], out=flow)
        flow += u[1:-1, 2:]
        flow += u[1:-1, :-2]
        np.multiply(u[1:-1, 1:-1], 4, out=new[1:-1, 1:-1])
        np.subtract(flow, new[1:-1, 1:-1], out=flow)
        new[...] = u
        inside = new[1:-1, 1:-1]
        inside += 0.2 * flow
        if new.mean() < 0.4:
            new[4:6, 4:6] += 0.5 * np.exp(-new[4:6, 4:6])
        u, new = new, u
    return u


def gauss_seidel(source):
    """Relaxed point by point; the sweeps end when the change is small."""
    n = len(source)
    u = np.zeros(n + 2)
    for _ in range(30):
        change = 0.0
        for i in range(1, n + 1):
            value = (u[i - 1] + u[i + 1] + source[i - 1]) / 3
            change = max(change, abs(value - u[i]))
            u[i] = value
        if change < 1e-3:
            break
    return u[1:-1]


def red_and_black(u, omega):
    """Over-relaxation by strided slices, on a field with fixed ends."""
    red, black = u[1:-1:2], u[2:-1:2]
    for _ in range(12):
        red += omega * ((u[:-2:2] + u[2::2]) / 2 - red)
        black += omega * ((u[1:-2:2] + u[3::2]) / 2 - black)
    return u


def melting(energy):
    """Enthalpy and temperature: what melts stays at 0 until it has taken up its latent heat."""
    h = energy.copy()
    temperature = np.zeros_like(h)
    for _ in range(15):
        temperature[:] = 0
        solid, liquid = h < 0, h > 1
        temperature[solid] = h[solid]
        temperature[liquid] = h[liquid] - 1
        h[1:-1] += 0.2 * np.diff(temperature, 2)
        h[0] += 0.05
    return h, temperature


HEAT = [
    (heat, [(rng.normal(size=50), 0.2), (rng.normal(size=50), 0.1)]),
    (heat_history, [(rng.normal(size=30), 0.2), (np.ones(30), 0.3)]),
    (heat_two_arrays, [(rng.random((10, 9)),), (0.2 * rng.random((10, 9)),)]),
    (gauss_seidel, [(rng.normal(size=10),), (0.01 * rng.normal(size=10),)]),
    (red_and_black, [(rng.normal(size=41), 1.3), (rng.normal(size=41), 1.7)]),
    (melting, [(rng.normal(size=40) + 0.5,), (2 * rng.normal(size=40),)]),
]


# --- recursions -----------------------------------------------------------------------------------


def autoregression(x, a):
    y = np.zeros(len(x))
    y[0] = x[0]
    for i in range(1, len(x)):
        y[i] = a * y[i - 1] + x[i]
    return y


def moving_weights(x, alpha):
    """An exponentially weighted average with its variance, in two columns of one array."""
    out = np.empty((x.size, 2))
    mean, variance = out.T
    mean[0], variance[0] = x[0], 0
    for i in range(1, x.size):
        change = x[i] - mean[i - 1]
        mean[i] = mean[i - 1] + alpha * change
        variance[i] = (1 - alpha) * (variance[i - 1] + alpha * change**2)
    return out


def products_by_doubling(x):
    """Cumulative products: NumPy reads the whole operand before it writes into what overlaps."""
    y = x.copy()
    step = 1
    while step < len(y):
        y[step:] *= y[:-step]
        step *= 2
    return y


def products_through_views(x):
    """Cumulative products from both ends, the second through a reversed view of the result."""
    y = np.ones((2, x.size + 1))
    forward, backward = y[0, 1:], y[1, ::-1][1:]
    forward[:] = x
    backward[:] = x[::-1]
    for i in range(1, x.size):
        forward[i] *= forward[i - 1]
        backward[i] *= backward[i - 1]
    return y


def reflected(x):
    """A random walk that is thrown back at a wall, its largest value so far beside it."""
    path, record = np.zeros(len(x) + 1), np.zeros(len(x) + 1)
    for i, step in enumerate(x):
        path[i + 1] = path[i] + step
        if path[i + 1] < 0:
            path[i + 1] *= -0.5
        record[i + 1] = max(record[i], path[i + 1])
    return path, record


def summed_in_place(x):
    """A table of sums over rectangles, accumulated along both axes."""
    table = np.zeros((x.shape[0] + 1, x.shape[1] + 1))
    table[1:, 1:] = x
    for i in range(1, len(table)):
        table[i] += table[i - 1]
    columns = table.T
    for j in range(1, len(columns)):
        columns[j] += columns[j - 1]
    np.cumsum(x[0], out=table[0, 1:])
    return table


def binomial_option(up, strike):
    """Backward through a tree of prices in one array, with the right to stop early."""
    n = 25
    down = 1 / up
    price = 100 * up ** (n - 2 * np.arange(n + 1.0))
    value = np.maximum(strike - price, 0)
    p = (1.002 - down) / (up - down)
    for k in range(n, 0, -1):
        value[:k] = (p * value[:k] + (1 - p) * value[1 : k + 1]) / 1.002
        price[:k] *= down
        np.maximum(value[:k], strike - price[:k], out=value[:k])
    return value[0]


RECURSIONS = [
    (
        autoregression,
        [(rng.normal(size=200), 0.9), (rng.normal(size=200), -0.5)],
    ),
    (
        moving_weights,
        [(rng.normal(size=60), 0.2), (rng.normal(size=60), 0.05)],
    ),
    (products_by_doubling, [(rng.uniform(0.8, 1.2, 100),), (-rng.uniform(0.8, 1.2, 100),)]),
    (products_through_views, [(rng.uniform(0.8, 1.2, 40),), (-rng.uniform(0.8, 1.2, 40),)]),
    (reflected, [(rng.normal(size=40),), (rng.normal(size=40) + 0.2,)]),
    (summed_in_place, [(rng.normal(size=(7, 9)),), (rng.normal(size=(7, 9)),)]),
    (
        binomial_option,
        [(1.05, 101.3), (1.03, 120.7)],
    ),
]


# --- masks ----------------------------------------------------------------------------------------


def life(grid):
    """Cells are born and die by the number of their neighbours, and age with their strength."""
    field = grid.copy()
    rows, columns = field.shape
    for _ in range(5):
        alive = field > 0.5
        neighbours = np.zeros((rows, columns), dtype=int)
        strength = np.zeros_like(field)
        for i in (-1, 0, 1):
            for j in (-1, 0, 1):
                if i or j:
                    neighbours += np.roll(np.roll(alive, i, axis=0), j, axis=1)
                    strength += np.roll(field, (i, j), axis=(0, 1))
        born = ~alive & (neighbours == 3)
        dies = alive & ((neighbours < 2) | (neighbours > 3))
        field[alive] = 0.95 * field[alive] + 0.02
        field[born] = 0.6 + 0.1 * np.tanh(strength[born])
        field[dies] *= 0.3
    return field


def life_padded(grid):
    """The same rule with a border of zeros, counted through slices, and `np.where`."""
    padded = np.zeros((grid.shape[0] + 2, grid.shape[1] + 2))
    inner = padded[1:-1, 1:-1]
    inner[...] = grid
    for _ in range(4):
        near = np.zeros(grid.shape)
        for i in range(3):
            for j in range(3):
                near += padded[i : i + grid.shape[0], j : j + grid.shape[1]]
        near -= inner
        count = np.rint(near)
        lives = (count == 3) | ((inner > 0.5) & (count == 2))
        inner[:] = np.where(lives, 0.7 + 0.1 * near, 0.2 * inner)
        if not lives.any():
            break
    return padded


def forest_fire(wood, wind):
    """Integer states beside a float field; the fire ends when nothing burns."""
    fuel = wood.copy()
    heat = np.zeros_like(fuel)
    burning = np.zeros(fuel.shape, dtype=bool)
    burning[len(fuel) // 2, 0] = True
    steps = 0
    while burning.any() and steps < 8:
        heat[burning] += fuel[burning] * 0.5
        fuel[burning] *= 0.5
        heat[:, 1:] += wind * 0.6 * heat[:, :-1]
        heat[1:] += 0.25 * heat[:-1]
        heat[:-1] += 0.25 * heat[1:]
        burning = (heat > 0.15) & (fuel > 0.3)
        heat *= 0.7
        steps += 1
    return fuel, heat


def clipped(x):
    """Outliers are cut back to the spread of the others, again and again, then scaled."""
    y = x - x.mean()
    for _ in range(5):
        spread = y.std()
        far = np.abs(y) > 1.5 * spread
        if not far.any():
            break
        y[far] = 1.5 * spread * np.sign(y[far])
        y -= y.mean()
    y[y < 0] *= 2
    np.clip(y, -2.5, 2.0, out=y)
    return y


def sandpile(heights):
    """What is too steep slides down: boolean updates of a float field, counted as they happen."""
    z = heights.copy()
    slides = np.zeros(z.size)
    for _ in range(20):
        steep = np.zeros(z.size, dtype=bool)
        steep[:-1] = z[:-1] - z[1:] > 1.0
        if not np.any(steep):
            break
        amount = np.where(steep, 0.25 * (z - np.append(z[1:], 0.0)), 0.0)
        z -= amount
        z[1:] += amount[:-1]
        slides[steep] += 1
    return z, slides


def wood(n):
    return 0.4 + 0.6 * rng.random((n, n))


MASKS = [
    (life, [(rng.random((9, 8)),), (0.8 * rng.random((9, 8)),)]),
    (life_padded, [(rng.random((7, 8)),), (0.5 * rng.random((7, 8)),)]),
    (forest_fire, [(wood(9), 1.0), (wood(9), 0.3)]),
    (clipped, [(rng.standard_t(2, 60),), (rng.normal(size=60),)]),
    (sandpile, [(4 * rng.random(30),), (2 * rng.random(30),)]),
]


# --- ring buffers ---------------------------------------------------------------------------------


def moving_average(x):
    """The mean of the last eight, with a running sum."""
    n = 8
    buffer, out = np.zeros(n), np.empty(len(x))
    total = 0.0
    for k in range(len(x)):
        total -= buffer[k % n]
        buffer[k % n] = x[k]
        total += buffer[k % n]
        out[k] = total / min(k + 1, n)
    return out


def delay_line(x, feedback):
    """A comb filter: what left the line eleven samples ago comes back."""
    line = np.zeros(11)
    out = np.zeros_like(x)
    place = 0
    for k, sample in enumerate(x):
        late = line[place]
        line[place] = sample + feedback * late
        out[k] = late
        place = (place + 1) % line.size
    return out


def plucked(pluck):
    """Karplus and Strong: the string is the ring."""
    string = pluck.copy()
    n = len(string)
    out = np.empty(4 * n)
    for k in range(4 * n):
        out[k] = string[k % n]
        string[k % n] = 0.498 * (string[k % n] + string[(k + 1) % n])
    return out, string


class Ring:
    """The last values pushed, oldest first."""

    def __init__(self, size):
        self.data = np.zeros(size)
        self.start = 0

    def push(self, value):
        self.data[self.start] = value
        self.start = (self.start + 1) % len(self.data)

    def ordered(self):
        return np.concatenate((self.data[self.start :], self.data[: self.start]))


def echo_canceller(x):
    """Least mean squares on a ring of past samples; the step is halved where the error is large."""
    ring, w = Ring(5), np.zeros(5)
    errors = np.zeros(len(x))
    for k in range(len(x)):
        past = ring.ordered()
        errors[k] = x[k] - w @ past
        step = 0.05 if abs(errors[k]) < 1 else 0.025
        w += step * errors[k] * past
        ring.push(x[k])
    return errors, w


def averaged_rows(x):
    """A ring of rows, and a median-like rule: rows far from the ring's mean are not taken up."""
    ring = np.zeros((4, x.shape[1]))
    out = np.zeros_like(x)
    taken = 0
    for k, row in enumerate(x):
        if taken < 4 or np.abs(row - ring.mean(axis=0)).max() < 2.0:
            ring[taken % 4] = row
            taken += 1
        out[k] = ring.mean(axis=0)
    return out


RINGS = [
    (moving_average, [(rng.normal(size=100),), (rng.normal(size=100),)]),
    (delay_line, [(rng.normal(size=90), 0.6), (rng.normal(size=90), -0.8)]),
    (plucked, [(rng.normal(size=20),), (np.sin(np.arange(20.0)),)]),
    (echo_canceller, [(rng.normal(size=40),), (0.5 * rng.normal(size=40),)]),
    (averaged_rows, [(rng.normal(size=(16, 5)),), (2 * rng.normal(size=(16, 5)),)]),
]


# --- sieves ---------------------------------------------------------------------------------------


def sieve_of_weights(w):
    """Each prime damps its multiples."""
    n = len(w)
    prime = np.ones(n, dtype=bool)
    prime[:2] = False
    p = 2
    while p * p < n:
        if prime[p]:
            prime[p * p :: p] = False
            w[p * p :: p] *= 1 - 1 / p
        p += 1
    return w, w[prime]


def totients(weight):
    """Euler's function, each factor weighted by the weight of its prime."""
    n = 60
    phi = np.arange(float(n))
    for p in range(2, n):
        if phi[p] == p:
            phi[p::p] -= weight[p] * phi[p::p] / p
    return phi


def divisors(x):
    """Dirichlet's product of a sequence with itself, and its Moebius inverse in place."""
    n = len(x)
    out = np.zeros(n)
    for d in range(1, n):
        out[d::d] += x[d] * x[1 : (n - 1) // d + 1]
    back = out.copy()
    for d in range(1, n):
        back[2 * d :: d] -= 0.5 * back[d]
    return out, back


def sieve_by_weight(w):
    """What has the larger weight strikes out: the branch is the data's."""
    x = w.copy()
    left = np.ones(len(w), dtype=bool)
    for k in range(2, len(w)):
        if not left[k] or x[k] < 0.3:
            continue
        left[2 * k :: k] = False
        x[2 * k :: k] *= x[k]
        x[k] **= 2
    x[~left] /= 2
    return x


SIEVES = [
    (sieve_of_weights, [(rng.normal(size=200),), (rng.normal(size=150),)]),
    (totients, [(rng.random(60),), (rng.uniform(0.5, 2.0, 60),)]),
    (divisors, [(rng.normal(size=60),), (rng.normal(size=60),)]),
    (sieve_by_weight, [(rng.random(80),), (rng.random(80),)]),
]


# --- Givens rotations -----------------------------------------------------------------------------


def givens_two_rows(a):
    """QR: two rows at once, by a list of them."""
    m, n = a.shape
    q = np.eye(m)
    for j in range(n):
        for i in range(m - 1, j, -1):
            if a[i, j] == 0:
                continue
            r = np.hypot(a[i - 1, j], a[i, j])
            c, s = a[i - 1, j] / r, a[i, j] / r
            g = np.array([[c, s], [-s, c]])
            a[[i - 1, i]] = g @ a[[i - 1, i]]
            q[[i - 1, i]] = g @ q[[i - 1, i]]
    return a, q


def givens_rows(a):
    """The upper triangle: rows by slices, the one read before it is overwritten copied."""
    r = np.array(a, dtype=float)
    m, n = r.shape
    for j in range(n):
        for i in range(j + 1, m):
            x, y = r[j, j], r[i, j]
            if abs(y) > abs(x):
                t = x / y
                s = 1 / np.sqrt(1 + t * t)
                c = s * t
            else:
                t = y / x
                c = 1 / np.sqrt(1 + t * t)
                s = c * t
            top = r[j, j:].copy()
            r[j, j:] = c * top + s * r[i, j:]
            r[i, j:] = c * r[i, j:] - s * top
    return r


def hessenberg_solve(h, b):
    """Least squares with a Hessenberg matrix, as in GMRES: matrix and right-hand side rotated."""
    n = h.shape[1]
    for k in range(n):
        pair = h[k : k + 2, k:]
        rho = np.sqrt(pair[0, 0] ** 2 + pair[1, 0] ** 2)
        c, s = pair[0, 0] / rho, pair[1, 0] / rho
        pair[...] = np.stack([c * pair[0] + s * pair[1], c * pair[1] - s * pair[0]])
        b[k], b[k + 1] = c * b[k] + s * b[k + 1], c * b[k + 1] - s * b[k]
    y = np.zeros(n)
    for k in range(n - 1, -1, -1):
        y[k] = (b[k] - h[k, k + 1 :] @ y[k + 1 :]) / h[k, k]
    return y, abs(b[n])


def jacobi_rotations(a):
    """A sweep and a half of Jacobi's method, rows and columns; small entries are passed over."""
    n = len(a)
    for _ in range(2):
        for p in range(n - 1):
            for q in range(p + 1, n):
                if abs(a[p, q]) < 0.05:
                    continue
                theta = (a[q, q] - a[p, p]) / (2 * a[p, q])
                t = np.sign(theta) / (abs(theta) + np.sqrt(theta**2 + 1))
                c = 1 / np.sqrt(t**2 + 1)
                s = t * c
                row = a[p].copy()
                a[p] = c * row - s * a[q]
                a[q] = s * row + c * a[q]
                column = a[:, p].copy()
                a[:, p] = c * column - s * a[:, q]
                a[:, q] = s * column + c * a[:, q]
    return np.diagonal(a).copy(), a


def hessenberg(n):
    return np.triu(rng.normal(size=(n + 1, n)), -1) + 0.5, rng.normal(size=n + 1)


def symmetric(n):
    a = square(n)
    return a + a.T


GIVENS = [
    (givens_two_rows, [(rng.normal(size=(8, 5)),), (rng.normal(size=(8, 5)),)]),
    (givens_rows, [(rng.normal(size=(7, 6)),), (rng.normal(size=(7, 6)),)]),
    (hessenberg_solve, [hessenberg(10), hessenberg(10)]),
    (jacobi_rotations, [(symmetric(5),), (symmetric(5) + np.diag(np.arange(5.0) * 4),)]),
]


# --- Fourier transforms ---------------------------------------------------------------------------


def fft_complex(signal):
    """Iterative, in place on a complex array: bit reversal by swaps, butterflies by elements."""
    n = len(signal)
    a = signal.astype(complex)
    j = 0
    for i in range(1, n):
        bit = n >> 1
        while j & bit:
            j ^= bit
            bit >>= 1
        j |= bit
        if i < j:
            a[i], a[j] = a[j], a[i]
    size = 2
    while size <= n:
        root = np.exp(-2j * np.pi / size)
        for start in range(0, n, size):
            w = 1
            for k in range(start, start + size // 2):
                even, odd = a[k], w * a[k + size // 2]
                a[k] = even + odd
                a[k + size // 2] = even - odd
                w = w * root
        size *= 2
    return a


def fft_split(re, im):
    """Real and imaginary parts in two arrays, both overwritten; butterflies by slices."""
    n = len(re)
    bits = n.bit_length() - 1
    order = [int(format(k, f"0{bits}b")[::-1], 2) for k in range(n)]
    re[:] = re[order]
    im[:] = im[order]
    half = 1
    while half < n:
        angle = -np.pi * np.arange(half) / half
        c, s = np.cos(angle), np.sin(angle)
        for start in range(0, n, 2 * half):
            top, bottom = slice(start, start + half), slice(start + half, start + 2 * half)
            x = c * re[bottom] - s * im[bottom]
            y = s * re[bottom] + c * im[bottom]
            re[bottom] = re[top] - x
            im[bottom] = im[top] - y
            re[top] += x
            im[top] += y
        half *= 2
    return re, im


def fft_stages(signal):
    """Whole stages at once, through views of the array in three axes."""
    n = signal.size
    a = np.zeros(n, dtype=complex)
    a.real = signal
    a[:] = a.reshape((2,) * (n.bit_length() - 1)).T.ravel()
    half = 1
    while half < n:
        pairs = a.reshape(-1, 2, half)
        pairs[:, 1] *= np.exp(-1j * np.pi * np.arange(half) / half)
        top = pairs[:, 0].copy()
        pairs[:, 0] += pairs[:, 1]
        pairs[:, 1] = top - pairs[:, 1]
        half *= 2
    return a


def walsh_hadamard(x):
    """The transform without multiplications; then only what is large is kept, and it is undone."""
    n = len(x)
    for turn in range(2):
        h = 1
        while h < n:
            for i in range(0, n, 2 * h):
                upper, lower = x[i : i + h], x[i + h : i + 2 * h]
                upper += lower
                lower *= -2
                lower += upper
            h *= 2
        if turn == 0:
            x[np.abs(x) < 1.0] = 0.0
    x /= n
    return x


def haar(x):
    """Haar's wavelets in place, details that are small shrunk to nothing."""
    y = x.copy()
    n = len(y)
    while n > 1:
        half = n // 2
        a, b = y[:n:2].copy(), y[1:n:2].copy()
        y[:half] = (a + b) / np.sqrt(2)
        y[half:n] = (a - b) / np.sqrt(2)
        n = half
    small = abs(y) < 0.3
    y[small] = 0
    y[~small] -= 0.3 * np.sign(y[~small])
    return y


def complexes(n):
    return rng.normal(size=n) + 1j * rng.normal(size=n)


FOURIER = [
    (fft_complex, [(complexes(32),), (rng.normal(size=16),)]),
    (fft_split, [(rng.normal(size=64), rng.normal(size=64)), (np.ones(32), np.arange(32.0))]),
    (fft_stages, [(rng.normal(size=128),), (rng.normal(size=64),)]),
    (walsh_hadamard, [(rng.normal(size=32),), (0.3 * rng.normal(size=32),)]),
    (haar, [(rng.normal(size=64),), (0.4 * rng.normal(size=64),)]),
]


# --- aliases --------------------------------------------------------------------------------------


def views_of_views(x):
    """A matrix is filled through the diagonal of a corner of its transpose, and so on."""
    a = x.reshape(6, 8)
    corner = a.T[2:, ::-1]
    odd = corner[1::2]
    odd *= 2.0
    row = odd[0]
    row[1:-1] += corner[0, 1:-1]
    row[::2][-1] = corner[1, 1] * row[0]
    a[0, :4] = a[1, 4:]
    flat = a.reshape(-1)
    flat[5:20:3] -= row[:5]
    return a, row, corner, x


def outputs(x, y):
    """`out=` everywhere, into what is read, too."""
    a, b = x.copy(), np.empty_like(x)
    np.exp(a, out=b)
    np.add(a, b, out=a)
    np.multiply(a[1:], a[:-1], out=a[1:])
    np.sqrt(np.abs(a, out=b), out=b)
    np.matmul(a.reshape(4, -1), y, out=b[:4])
    np.sum(a.reshape(4, -1), axis=0, out=b[4:12])
    np.maximum(b, 0.3, out=b, where=x > 0)
    np.subtract.at(a, [0, 0, 3], b[:3])
    np.cumsum(b[::-1], out=a)
    return a, b


def histogram(x):
    """Weights into bins that the data choose: what comes twice counts twice in `np.add.at`."""
    bins, once = np.zeros(8), np.zeros(8)
    k = np.clip(((x + 2) * 2).astype(int), 0, 7)
    fraction = x - np.floor(x)
    np.add.at(bins, k, 1 - fraction)
    np.add.at(bins, np.minimum(k + 1, 7), fraction)
    once[k] += fraction
    np.maximum.at(once, k[:5], x[:5])
    return bins, once


def put_and_copied(x):
    """`np.copyto`, `np.put`, `np.place`, `np.putmask`, `np.fill_diagonal`, `fill`, `put`."""
    a = np.zeros((6, 6))
    np.copyto(a, x[:6])
    np.copyto(a[1:3], 2 * a[3:5], where=a[1:3] > 0)
    np.fill_diagonal(a, x[6:12])
    np.fill_diagonal(a[1:, :-1], x[12] * x[13])
    np.put(a, [0, 7, -1], x[14:17] ** 2)
    a.put([3, 9], x[17])
    np.putmask(a, a < -1, -a * a)
    np.place(a, a > 1.5, x[18:20])
    b = a[:, 2]
    b.fill(x[19])
    b += x[:6]
    np.put_along_axis(a, np.argmax(a, axis=1)[:, None], 0.5, axis=1)
    return a, b


def sorted_in_place(x):
    """Sorting a view sorts the array; the order is the data's."""
    a = x.copy().reshape(5, -1)
    a[1].sort()
    a[2:].sort(axis=0)
    column = a[:, 0]
    column[::-1].sort()
    a[:, 1:4].partition(1, axis=1)
    order = np.argsort(a[3])
    a[4] = a[4, order]
    for i in range(1, a.shape[1]):  # by insertion
        k = i
        while k > 0 and a[0, k - 1] > a[0, k]:
            a[0, k - 1], a[0, k] = a[0, k], a[0, k - 1]
            k -= 1
    return a, column


def swapped(a):
    """Swaps, right for elements and lists, and as NumPy does it for rows: one of them is lost."""
    a[0, 0], a[1, 1] = a[1, 1], a[0, 0]
    a[[2, 3]] = a[[3, 2]]
    a[4], a[5] = a[5], a[4]
    a[:, 0], a[:, 1] = a[:, 1].copy(), a[:, 0].copy()
    a[:, [2, 3]] = a[:, [3, 2]]
    first, second = a[0, :2], a[0, 2:4]
    first[:], second[:] = second, first
    rows = [a[1], a[2]]
    rows[0], rows[1] = rows[1], rows[0]
    rows[0] *= 3
    a[::-1][:2] = a[:2]
    return a


def other_names(x):
    """`+=` on another name of an array, on arguments of helpers, in containers and defaults."""

    def halve(u):
        u /= 2
        return u

    def shift(u, by):
        u = u + by
        u *= 10
        return u

    a = x * 1.0
    b = a
    b += 1
    c = halve(b)
    c -= a[::-1]
    shift(a, c)[0] = 7.0
    held = {"a": a, "tail": [a[3:], a[:-3]]}
    held["tail"][0] *= held["tail"][1]
    held["a"][::4] += c[1::4]
    for row in a.reshape(4, -1):
        row -= row[0]
    for i, v in enumerate(a):
        if v < 0:
            a[i] = v * v
    d = a.ravel()
    d[-1] = a[:-1].sum()
    e = a.flatten()
    e += 100
    return a, b, d, e


def overlapping(x):
    """Assignments whose two sides overlap read all before they write; loops do not."""
    a = x.copy()
    a[1:] = a[:-1]
    a[:-1] += a[1:]
    a[2:] -= 0.5 * a[:-2]
    a[::-1][:7] = a[:7]
    b = a.reshape(5, -1)
    b += b[0]
    b *= b[:, :1]
    b[1:, 1:] = b[:-1, :-1]
    b[...] = b.T[:, :].T[::-1]
    for i in range(1, len(a)):
        a[i] = 0.5 * a[i - 1] + a[i]
    return a, b


def heap_of_events(times):
    """A binary heap by hand: sift up, sift down, elements moved by the data's order."""
    heap, size = np.zeros(len(times)), 0
    for t in times:
        k = size
        heap[k] = t
        size += 1
        while k and heap[(k - 1) // 2] > heap[k]:
            heap[k], heap[(k - 1) // 2] = heap[(k - 1) // 2], heap[k]
            k = (k - 1) // 2
    out = np.empty(len(times))
    for n in range(len(times)):
        out[n] = heap[0] * (n + 1)
        size -= 1
        heap[0] = heap[size]
        k = 0
        while 2 * k + 1 < size:
            child = 2 * k + 1
            if child + 1 < size and heap[child + 1] < heap[child]:
                child += 1
            if heap[k] <= heap[child]:
                break
            heap[[k, child]] = heap[[child, k]]
            k = child
    return out


ALIASES = [
    (views_of_views, [(rng.normal(size=48),), (rng.normal(size=48),)]),
    (outputs, [(rng.normal(size=32), rng.normal(size=8)), (np.ones(32), np.arange(8.0))]),
    (histogram, [(rng.normal(size=50),), (rng.normal(size=50),)]),
    (put_and_copied, [(rng.normal(size=20),), (0.5 * rng.normal(size=20),)]),
    (sorted_in_place, [(rng.normal(size=40),), (rng.normal(size=40),)]),
    (swapped, [(rng.normal(size=(6, 5)),), (rng.normal(size=(6, 7)),)]),
    (other_names, [(rng.normal(size=24),), (rng.normal(size=24),)]),
    (overlapping, [(rng.normal(size=30),), (rng.normal(size=30),)]),
    (heap_of_events, [(rng.normal(size=12),), (rng.normal(size=12),)]),
]


PROGRAMS = {
    "LU decomposition": LU,
    "Cholesky": CHOLESKY,
    "tridiagonal": TRIDIAGONAL,
    "heat equation": HEAT,
    "recursions": RECURSIONS,
    "masks": MASKS,
    "ring buffers": RINGS,
    "sieves": SIEVES,
    "Givens rotations": GIVENS,
    "Fourier transforms": FOURIER,
    "aliases": ALIASES,
}

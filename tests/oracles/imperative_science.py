"""Programs of numerical analysis, physics and statistics, and of NumPy's kinds of operations."""

import numpy
from imperative_graphs import draws
from imperative_registry import program

# ---------------------------------------------------------------- equations solved


@program
def gauss_newton_fit(t):
    """A decaying oscillation fitted with the Jacobian of its residuals, taken in one batch."""
    r = draws(101)
    times = numpy.linspace(0, 4, 25)
    measured = t.constant(
        2 * numpy.exp(-0.5 * times) * numpy.cos(3 * times) + 0.01 * r.normal(size=25)
    )
    times = t.constant(times)
    p = t.tensor([1.8, 0.6, 2.9], requires_grad=True)
    costs = []
    for _ in range(4):
        residual = p[0] * t.exp(-p[1] * times) * t.cos(p[2] * times) - measured
        heads = t.tensor(numpy.eye(25))
        (jacobian,) = t.grad(residual, p, grad_outputs=heads, is_grads_batched=True)
        with t.no_grad():
            costs.append((residual**2).sum())
            p -= t.linalg.solve(jacobian.T @ jacobian, jacobian.T @ residual)
    return {"p": p, "costs": t.stack(costs), "jacobian": jacobian}


@program
def newton_iterations(t):
    """Roots of many cubics by Newton's method; each root differentiated through the last step."""
    r = draws(102)
    a = t.tensor(r.uniform(0.5, 2.0, 20), requires_grad=True)
    guess = t.tensor(numpy.ones(20))
    steps = 0
    while True:
        x = guess.detach().requires_grad_()
        (slope,) = t.grad((x**3 + a * x - 2.0).sum(), x)
        change = (guess**3 + a.detach() * guess - 2.0) / slope
        guess = guess - change
        steps += 1
        if t.max(abs(change)).item() < 1e-12 or steps == 30:
            break
    root = guess - (guess**3 + a * guess - 2.0) / (3 * guess**2 + a.detach())
    (root**2).sum().backward()
    exact = -2 * guess**2 / (3 * guess**2 + a.detach())
    return {"root": root, "a.grad": a.grad, "exact": exact, "difference": a.grad - exact}


@program
def fixed_point_loop(t):
    """An implicit layer iterated to rest, recorded throughout; and by its adjoint equation."""
    r = draws(103)
    w = t.tensor(0.3 * r.normal(size=(6, 6)) / 2, requires_grad=True)
    x = t.tensor(r.normal(size=6), requires_grad=True)
    z = t.tensor(numpy.zeros(6))
    rest = False
    while not rest:
        following = t.tanh(w @ z + x)
        rest = bool(t.max(abs(following - z)) < 1e-13)
        z = following
    weights = t.constant(r.normal(size=6))
    through = t.grad((weights * z).sum(), [w, x])
    fixed = z.detach().requires_grad_()
    image = t.tanh(w @ fixed + x)
    adjoint = weights * t.tensor(1.0)
    for _ in range(60):
        (pulled,) = t.grad(image, fixed, adjoint, retain_graph=True)
        adjoint = weights + pulled
    implicit = t.grad(image, [w, x], adjoint)
    return {"z": z, "through": list(through), "implicit": list(implicit)}


@program
def conjugate_gradients(t):
    """Ten steps of conjugate gradients, differentiated by the matrix and the right side."""
    r = draws(104)
    root = t.tensor(r.normal(size=(12, 12)), requires_grad=True)
    right = t.tensor(r.normal(size=12), requires_grad=True)
    matrix = root @ root.T / 12 + t.constant(numpy.eye(12))
    x = t.constant(numpy.zeros(12))
    residual = direction = right - matrix @ x
    size = residual @ residual
    for _ in range(10):
        image = matrix @ direction
        rate = size / (direction @ image)
        x = x + rate * direction
        residual = residual - rate * image
        following = residual @ residual
        direction = residual + following / size * direction
        size = following
    (x @ right).backward()
    return {"x": x, "root": root.grad, "right": right.grad}


# ---------------------------------------------------------------- motion


@program
def pendulum_by_leapfrog(t):
    """Forty leapfrog steps; energy drift and end point differentiated by start and length."""
    angle, speed = t.tensor(1.0, requires_grad=True), t.tensor(0.0, requires_grad=True)
    length = t.tensor(0.8, requires_grad=True)
    q, v, h, path = angle, speed, 0.05, []
    for _ in range(40):
        v = v - 0.5 * h * 9.81 / length * t.sin(q)
        q = q + h * v
        v = v - 0.5 * h * 9.81 / length * t.sin(q)
        path.append(q)
    energy = 0.5 * (length * v) ** 2 - 9.81 * length * t.cos(q)
    first = t.grad(energy + q, [angle, speed, length], create_graph=True)
    second = t.grad(first[0] * first[2], [angle, speed, length])
    return {"path": t.stack(path), "energy": energy, "first": list(first), "second": list(second)}


@program
def bodies_by_forces_from_a_potential(t):
    """Gravity as minus the gradient of a potential at each step, with the whole orbit recorded."""
    r = draws(106)
    start = t.tensor(r.normal(size=(5, 2)), requires_grad=True)
    masses = t.tensor(r.uniform(0.5, 1.5, 5), requires_grad=True)
    upper = t.constant(numpy.triu(numpy.ones((5, 5)), 1))

    def force(q):
        apart = q[:, None] - q[None]
        distance = t.sqrt((apart**2).sum(axis=2) + 0.1)
        potential = -(upper * masses[:, None] * masses[None] / distance).sum()
        return -t.grad(potential, q, create_graph=True)[0]

    q, v = start * 1.0, t.constant(0.2 * r.normal(size=(5, 2)))
    for _ in range(8):
        v = v + 0.05 * force(q) / masses[:, None]
        q = q + 0.05 * v
    (q**2).sum().backward()
    return {"q": q, "v": v, "start": start.grad, "masses": masses.grad}


@program
def motion_from_a_lagrangian(t):
    """The accelerations of a double pendulum from second derivatives of its Lagrangian."""
    q = t.tensor([0.5, 1.2], requires_grad=True)
    v = t.tensor([-0.3, 0.7], requires_grad=True)
    length = t.tensor([1.0, 0.6], requires_grad=True)
    coupling = length[0] * length[1] * t.cos(q[0] - q[1])
    kinetic = (length[0] * v[0]) ** 2 + 0.5 * (length[1] * v[1]) ** 2 + coupling * v[0] * v[1]
    potential = -9.81 * (2 * length[0] * t.cos(q[0]) + length[1] * t.cos(q[1]))
    by_q, by_v = t.grad(kinetic - potential, [q, v], create_graph=True)
    mass = t.stack([t.grad(p, v, create_graph=True)[0] for p in by_v])
    drift = t.stack([t.grad(p, q, create_graph=True)[0] for p in by_v]) @ v
    acceleration = t.linalg.solve(mass, by_q - drift)
    (acceleration**2).sum().backward()
    gradients = [q.grad, v.grad, length.grad]
    return {"mass": mass, "acceleration": acceleration, "gradients": gradients}


@program
def wave_on_a_string(t):
    """A wave equation by second differences with rolled arrays and fixed ends."""
    r = draws(107)
    speed = t.tensor(r.uniform(0.5, 0.9, 40), requires_grad=True)
    now = t.tensor(numpy.sin(numpy.linspace(0, 3, 40)), requires_grad=True)
    inside = t.constant(numpy.r_[0.0, numpy.ones(38), 0.0])
    before, after = now, now
    for _ in range(15):
        bend = t.roll(after, 1) - 2.0 * after + t.roll(after, -1)
        before, after = after, inside * (2.0 * after - before + speed**2 * bend)
    heard = t.cumsum(after, axis=0) / 40 + t.flip(after, 0)
    (heard * t.constant(r.normal(size=40))).sum().backward()
    return {"after": after, "heard": heard, "speed": speed.grad, "now": now.grad}


@program
def great_circle_distances(t):
    """The haversine separations of all pairs of points, differentiated by the coordinates."""
    r = draws(108)
    latitude = t.tensor(r.uniform(-1.4, 1.4, 15), requires_grad=True)
    longitude = t.tensor(r.uniform(0, 6, 15), requires_grad=True)
    i, j = (t.constant(index) for index in numpy.triu_indices(15, 1))
    half = t.sin(0.5 * (latitude[i] - latitude[j])) ** 2
    wide = t.sin(0.5 * (longitude[i] - longitude[j])) ** 2
    h = half + t.cos(latitude[i]) * t.cos(latitude[j]) * wide
    distance = 2.0 * t.arctan2(t.sqrt(h), t.sqrt(1.0 - h))
    (distance**2).sum().backward()
    return {"distance": distance, "latitude": latitude.grad, "longitude": longitude.grad}


# ---------------------------------------------------------------- linear algebra


@program
def inverse_and_determinant(t):
    """A volume and an inverse of a stack of matrices, to second order."""
    r = draws(110)
    a = t.tensor(r.normal(size=(4, 3, 3)) + 2 * numpy.eye(3), requires_grad=True)
    inverse = t.linalg.inv(a)
    volume = t.linalg.det(a)
    (first,) = t.grad((inverse**2).sum() + (volume**2).sum(), a, create_graph=True)
    (second,) = t.grad((first * t.constant(r.normal(size=(4, 3, 3)))).sum(), a)
    return {"inverse": inverse, "volume": volume, "first": first, "second": second}


@program
def kalman_filter(t):
    """The likelihood of a measured track; gains by solve, covariances by Cholesky."""
    r = draws(111)
    track = t.constant(numpy.cumsum(r.normal(size=(12, 2)), axis=0))
    move = t.tensor([[1.0, 0.1], [0.0, 0.95]], requires_grad=True)
    logs = t.tensor([-1.0, -0.5], requires_grad=True)
    eye = t.constant(numpy.eye(2))
    mean, spread, total = t.constant(numpy.zeros(2)), eye * 2.0, 0.0
    for measured in track:
        mean, spread = move @ mean, move @ spread @ move.T + t.exp(logs[0]) * eye
        innovation = spread + t.exp(logs[1]) * eye
        surprise = measured - mean
        factor = t.linalg.cholesky(innovation)
        white = t.linalg.solve(factor, surprise)
        total = total - 0.5 * (white @ white) - t.log(t.diagonal(factor)).sum()
        gain = t.linalg.solve(innovation, spread).T
        mean, spread = mean + gain @ surprise, spread - gain @ spread
    total.backward()
    return {"total": total, "spread": spread, "move": move.grad, "logs": logs.grad}


@program
def spectrum_of_a_graph(t):
    """Eigenvalues of a symmetric matrix of weights, and the greatest one by power iteration."""
    r = draws(112)
    weights = t.tensor(r.uniform(size=(9, 9)), requires_grad=True)
    symmetric = 0.5 * (weights + weights.T)
    values = t.linalg.eigvalsh(symmetric)
    (t.exp(-values).sum()).backward()
    by_values = weights.grad.clone()
    weights.grad = None
    vector = t.constant(numpy.ones(9))
    symmetric = 0.5 * (weights + weights.T)
    for _ in range(20):
        vector = symmetric @ vector
        vector = vector / t.linalg.norm(vector)
    greatest = vector @ symmetric @ vector
    greatest.backward()
    gap = greatest - values[-1]
    return {"values": values, "by values": by_values, "gap": gap, "weights": weights.grad}


@program
def norms_of_many_kinds(t):
    """Norms over all entries, rows and columns, of orders one, two and infinity."""
    a = t.tensor(draws(113).normal(size=(6, 8)), requires_grad=True)
    total = t.linalg.norm(a) + t.linalg.norm(a, axis=0).prod() + abs(a).sum(axis=1).max()
    total = total + t.linalg.norm(a[0], ord=1) * t.linalg.norm(a[:, 1], ord=numpy.inf)
    total = total + t.linalg.norm(a[2], ord=3) + t.linalg.norm(a @ a.T)
    total.backward()
    empty = t.tensor(numpy.zeros(4), requires_grad=True)
    t.linalg.norm(empty).backward()
    return {"total": total, "a.grad": a.grad, "at zero": empty.grad}


@program
def contractions(t):
    """einsum with traces, broadcast batches and outer products, to second order."""
    r = draws(114)
    a = t.tensor(r.normal(size=(3, 4, 4)), requires_grad=True)
    b = t.tensor(r.normal(size=(3, 4, 5)), requires_grad=True)
    c = t.tensor(r.normal(size=(5,)), requires_grad=True)
    mixed = t.einsum("nij,njk,k->ni", a, b, c)
    trace = t.einsum("nii->n", a)
    outer = t.einsum("ni,k->nik", mixed, c) * trace[:, None, None]
    first = t.grad((outer**2).sum(), [a, b, c], create_graph=True)
    second = t.grad((first[0].sum(axis=0) ** 2).sum() + first[2] @ c, [a, b, c])
    return {"mixed": mixed, "outer": outer, "first": list(first), "second": list(second)}


# ---------------------------------------------------------------- complex numbers


@program
def modulus_squared(t):
    """|z|² and other real functions of z: the gradient points uphill, as d/dx + i d/dy."""
    r = draws(120)
    data = r.normal(size=10) + 1j * r.normal(size=10)
    z = t.tensor(data, requires_grad=True)
    gradients = []
    for loss in (
        (z * z.conj()).real.sum(),
        (abs(z) ** 2).sum(),
        (z.real * t.exp(z.imag)).sum(),
        t.angle(z).sum(),
        t.log(abs(t.sin(z))).sum(),
    ):
        z.grad = None
        loss.backward()
        gradients.append(z.grad)
    with t.no_grad():
        z -= 0.25 * gradients[0]
    return {"gradients": gradients, "z": z, "real": gradients[0].dtype == z.dtype}


@program
def holomorphic_with_head_gradient(t):
    """A holomorphic function pulls w back to w times its derivative's conjugate; twice as well."""
    r = draws(121)
    z = t.tensor(r.normal(size=6) + 1j * r.normal(size=6), requires_grad=True)
    w = t.tensor(r.normal(size=6) + 1j * r.normal(size=6))
    y = t.exp(z) * z**2
    (pulled,) = t.grad(y, z, grad_outputs=w, create_graph=True)
    derivative = (t.exp(z) * (z**2 + 2 * z)).detach()
    (second,) = t.grad((abs(pulled) ** 2).sum(), z)
    return {"pulled": pulled, "difference": pulled - w * derivative.conj(), "second": second}


@program
def real_parameters_of_a_complex_program(t):
    """Real amplitudes and phases through a complex matrix: their gradients are real."""
    r = draws(122)
    amplitude = t.tensor(r.uniform(0.5, 1, 8), requires_grad=True)
    phase = t.tensor(r.uniform(0, 6, 8), requires_grad=True)
    matrix = t.tensor(r.normal(size=(5, 8)) + 1j * r.normal(size=(5, 8)), requires_grad=True)
    field = matrix @ (amplitude * t.exp(1j * phase))
    intensity = (field * field.conj()).real
    contrast = ((intensity - intensity.mean()) ** 2).mean() / intensity.mean() ** 2
    contrast.backward()
    return {
        "intensity": intensity,
        "amplitude": amplitude.grad,
        "phase": phase.grad,
        "matrix": matrix.grad,
    }


@program
def spectral_filter(t):
    """A signal filtered in Fourier space; signal and filter differentiated."""
    r = draws(123)
    signal = t.tensor(r.normal(size=64), requires_grad=True)
    gain = t.tensor(numpy.exp(-numpy.arange(64) / 20.0), requires_grad=True)
    spectrum = t.fft.fft(signal) * gain
    back = t.fft.ifft(spectrum).real
    power = abs(spectrum) ** 2
    ((back**2).sum() + t.log(1.0 + power).mean()).backward()
    return {"back": back, "power": power, "signal": signal.grad, "gain": gain.grad}


@program
def quantum_state_in_small_steps(t):
    """A driven two-level system by the Crank-Nicolson scheme; the pulse is differentiated."""
    r = draws(124)
    pulse = t.tensor(r.normal(size=15), requires_grad=True)
    turn = t.constant(numpy.array([[0, 1], [1, 0]], complex))
    split = t.constant(numpy.diag([0.5, -0.5]).astype(complex))
    eye = t.constant(numpy.eye(2, dtype=complex))
    state = t.constant(numpy.array([1, 0], complex))
    for height in pulse:
        step = 0.05j * (split + height * turn)
        state = t.linalg.solve(eye + step, (eye - step) @ state)
    excited = abs(state[1]) ** 2
    excited.backward()
    norm = (state * state.conj()).sum()
    return {"state": state, "excited": excited, "norm": norm, "pulse": pulse.grad}


# ---------------------------------------------------------------- choice and order


@program
def ties_of_the_greatest(t):
    """Equal greatest and least entries share the derivative; argmax names the first."""
    data = numpy.array([[1.0, 3.0, 3.0, 2.0], [5.0, 5.0, 5.0, 5.0], [0.0, -1.0, 2.0, -1.0]])
    x = t.tensor(data, requires_grad=True)
    gradients = []
    for y in (
        t.max(x),
        t.max(x, axis=1).sum(),
        (t.min(x, axis=0) ** 2).sum(),
        (t.maximum(x, x[::2, :].sum(axis=0)) ** 2).sum(),
        t.maximum(x, 3.0).sum(),
        abs(x).sum(),
    ):
        gradients.append(t.grad(y, x)[0])
    return {"gradients": gradients, "first": x.argmax(axis=1), "least": x.argmin(axis=0)}


@program
def quantiles_by_sorting(t):
    """Sorted columns, trimmed means and gaps between neighbours; and the order taken by hand."""
    r = draws(131)
    x = t.tensor(r.normal(size=(20, 4)), requires_grad=True)
    ordered = t.sort(x, axis=0)
    trimmed = ordered[5:15].mean(axis=0)
    gaps = t.diff(ordered, axis=0)
    by_hand = t.take_along_axis(x, t.argsort(x, axis=0), 0)
    equal = bool((by_hand == ordered).all())
    ((trimmed**2).sum() + (gaps**3).sum() + (by_hand[0] * by_hand[-1]).sum()).backward()
    return {"ordered": ordered, "gaps": gaps, "equal": equal, "x.grad": x.grad}


@program
def safe_branches(t):
    """where with arguments made safe before the function that is singular; clipped values."""
    x = t.tensor(numpy.linspace(-2, 2, 41), requires_grad=True)
    positive = x > 0
    root = t.where(positive, t.sqrt(t.where(positive, x, 1.0)), 0.0)
    small = abs(x) < 1e-3
    sinc = t.where(small, 1.0 - x**2 / 6, t.sin(x) / t.where(small, 1.0, x))
    clipped = t.clip(x, -1.05, 0.52)
    (root + sinc * clipped).sum().backward()
    return {"root": root, "sinc": sinc, "clipped": clipped, "x.grad": x.grad}


@program
def drawdown_of_a_portfolio(t):
    """Cumulated returns, the running best by a loop of maxima, the greatest loss from it."""
    r = draws(133)
    returns = t.constant(0.02 * r.normal(size=(50, 4)))
    scores = t.tensor(r.normal(size=4), requires_grad=True)
    shares = t.exp(scores) / t.exp(scores).sum()
    value = t.exp(t.cumsum(t.log1p(returns @ shares), axis=0))
    growth = t.cumprod(1.0 + returns @ shares, axis=0)
    best, losses = value[0], []
    for now in value:
        best = t.maximum(best, now * 1.0)
        losses.append(1.0 - now / best)
    worst = t.max(t.stack(losses))
    (worst - 0.1 * t.log(value[-1]) + growth.mean()).backward()
    return {"value": value, "growth": growth, "worst": worst, "scores": scores.grad}


@program
def paths_through_a_hidden_chain(t):
    """The forward recursion of a hidden Markov model; posterior states are its gradient."""
    r = draws(134)
    seen = r.integers(0, 4, 30)
    move, emit = t.tensor(r.normal(size=(3, 3)), requires_grad=True), r.normal(size=(3, 4))
    emit = t.tensor(emit, requires_grad=True)
    chain = t.exp(move) / t.exp(move).sum(axis=1, keepdims=True)
    table = t.exp(emit) / t.exp(emit).sum(axis=1, keepdims=True)
    likelihoods = table.T[t.constant(seen)]
    forward, total = t.constant(numpy.full(3, 1 / 3)), 0.0
    for row in likelihoods:
        forward = (forward @ chain) * row
        scale = forward.sum()
        total = total + t.log(scale)
        forward = forward / scale
    (posterior,) = t.grad(total, likelihoods, retain_graph=True)
    total.backward()
    states = posterior * likelihoods
    return {"total": total, "states": states, "move": move.grad, "emit": emit.grad}


# ---------------------------------------------------------------- shapes and types


@program
def shapes_that_broadcast(t):
    """Operands of many shapes: each gradient comes back in its operand's shape."""
    r = draws(140)
    shapes = [(), (1,), (4,), (3, 1), (2, 3, 4), (2, 1, 1), (1, 3, 4)]
    leaves = [t.tensor(r.uniform(0.5, 1.5, shape), requires_grad=True) for shape in shapes]
    a, b, c, d, e, f, g = leaves
    y = (a * e + b) / (c + d) - f**g + t.sqrt(e * d) * t.arctan2(c, f)
    z = t.broadcast_to(d, (3, 4)) * e[0] - y.mean(axis=(0, 2))[:, None]
    (y.sum() + (z**2).sum()).backward()
    return {"y": y, "z": z, "gradients": [x.grad for x in leaves]}


@program
def joined_and_rearranged(t):
    """concatenate, stack, transposed and swapped axes, reshapes, flips and repeated pieces."""
    r = draws(141)
    a = t.tensor(r.normal(size=(3, 4)), requires_grad=True)
    b = t.tensor(r.normal(size=(2, 4)), requires_grad=True)
    c = t.tensor(r.normal(size=(4,)), requires_grad=True)
    tall = t.concatenate([a, b, c[None, :], a[:1] * b[1:]], axis=0)
    cube = t.stack([tall, t.flip(tall, 0), tall.cumsum(axis=1)], axis=1)
    turned = t.transpose(cube, (2, 0, 1)).swapaxes(0, 1).reshape(-1, 6)
    grown = t.tril(t.outer(c, c)) @ t.roll(a, 1, axis=1).T
    (t.sin(turned).sum() + (grown**2).sum() + (turned[::2, 1:4] ** 2).sum()).backward()
    return {"turned": turned, "grown": grown, "gradients": [a.grad, b.grad, c.grad]}


@program
def entries_picked_in_many_ways(t):
    """Slices with steps, new axes, masks, index arrays, ellipses and their mixtures."""
    r = draws(142)
    x = t.tensor(r.normal(size=(5, 6, 4)), requires_grad=True)
    rows, columns = t.constant([0, 3, 3, 1]), t.constant([[2], [5]])
    parts = [
        x[1::2, ..., -1],
        x[rows],
        x[:, columns, rows],
        x[rows, 2:5],
        x[x > 0.5],
        x[..., None, 0],
        x[2],
        x[-1, -1, -1],
        x[t.constant([True, False, True, True, False])],
    ]
    total = sum((k + 1) * (part**2).sum() for k, part in enumerate(parts))
    (gradient,) = t.grad(total, x, create_graph=True)
    (second,) = t.grad((gradient**2).sum(), x)
    return {"parts": parts, "gradient": gradient, "second": second}


@program
def types_that_mix(t):
    """float32 with float64, integers and truth values beside both, real beside complex."""
    r = draws(143)
    single = t.tensor(r.normal(size=5).astype("float32"), requires_grad=True)
    double = t.tensor(r.normal(size=5), requires_grad=True)
    whole = t.tensor(r.integers(1, 5, 5))
    turned = t.tensor(r.normal(size=5) + 1j * r.normal(size=5), requires_grad=True)
    scaled = 2 * single + 0.5
    mixed = single * double
    counted = double * whole + (double > 0)
    halves = whole / 2
    rotated = turned * double
    loss = (scaled**2).sum() + mixed.sum() + (counted**2).sum() + (abs(rotated) ** 2).sum()
    loss.backward()
    results = [scaled, mixed, counted, halves, rotated, whole + 1, whole * whole]
    gradients = [single.grad, double.grad, turned.grad]
    return {"results": results, "gradients": gradients, "flags": [whole.requires_grad]}


@program
def elementary_functions(t):
    """Many elementary functions in sums and products, and their second derivatives."""
    x = t.tensor(draws(144).uniform(0.1, 0.9, size=25), requires_grad=True)
    y = t.arcsin(x) * t.arccos(x) + t.arctan(x) / t.cosh(x) - t.sinh(x) * t.tan(x)
    y = y + t.log(x) * t.log2(1 + x) - t.log10(2 + x) + t.expm1(x) * t.exp2(x)
    y = y + t.hypot(x, 1 - x) + t.logaddexp(x, -x) + t.arcsinh(x) * t.arctanh(x)
    y = y + x**x + 2.0**x + t.square(x) / t.reciprocal(1 + x) + t.sign(x - 0.5) * x
    y = y + t.floor(3 * x) * x + (x % 0.3) + t.prod(x[:4])
    (first,) = t.grad(y.sum(), x, create_graph=True)
    (second,) = t.grad(first.sum(), x)
    return {"y": y, "first": first, "second": second}

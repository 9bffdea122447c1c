"""Simulations in plain NumPy: integrators, stencils, event loops, filters and controllers."""

# ruff: noqa: B007, B905, B023 (as people write)

import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy
import numpy as np
from numpy import cos, sin


def euler_foxes_and_hares(rates, steps=300, dt=0.02):
    """Lotka-Volterra, forward Euler, lists that grow."""
    a, b, c, d = rates
    hares, foxes = [1.5], [0.8]
    for i in range(steps):
        x, y = hares[-1], foxes[-1]
        hares.append(x + dt * (a * x - b * x * y))
        foxes.append(y + dt * (d * x * y - c * y))
    hares = np.array(hares)
    foxes = np.array(foxes)
    if hares.min() < 0 or foxes.min() < 0:
        raise ValueError("a population became negative")
    return np.mean(hares) + np.std(foxes)


def heun_epidemic(beta, population=1000.0, days=60):
    """SIR by Heun's method with dictionaries; the largest number of people ill."""
    pars = {"beta": beta, "gamma": 0.1}
    state = {"S": population - 5, "I": 5.0, "R": 0.0}

    def rates(s):
        infections = pars["beta"] * s["S"] * s["I"] / population
        recoveries = pars["gamma"] * s["I"]
        return {"S": -infections, "I": infections - recoveries, "R": recoveries}

    worst = 0
    for day in range(days):
        k1 = rates(state)
        guess = {name: state[name] + k1[name] for name in state}
        k2 = rates(guess)
        state = {name: v + 0.5 * (k1[name] + k2[name]) for name, v in state.items()}
        assert abs(sum(state.values()) - population) < 1e-6, f"people got lost on day {day}"
        worst = max(worst, state["I"])
    return worst / population


def rk4_lorenz(start, sigma=10.0, rho=28.0, beta=8 / 3, n=80, h=0.01):
    def f(u):
        x, y, z = u
        return np.array([sigma * (y - x), x * (rho - z) - y, x * y - beta * z])

    path = np.empty((n + 1, 3))
    path[0] = start
    for i in range(n):
        k1 = f(path[i])
        k2 = f(path[i] + h / 2 * k1)
        k3 = f(path[i] + h / 2 * k2)
        k4 = f(path[i] + h * k3)
        path[i + 1] = path[i] + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.sqrt((np.diff(path, axis=0) ** 2).sum(axis=1)).sum()


def fehlberg_van_der_pol(mu, t_end=4.0, tol=1e-6):
    """Van der Pol's oscillator with Fehlberg's pair and steps chosen by the error."""
    c = [0, 1 / 4, 3 / 8, 12 / 13, 1, 1 / 2]
    a = [[], [1 / 4], [3 / 32, 9 / 32], [1932 / 2197, -7200 / 2197, 7296 / 2197]]
    a.append([439 / 216, -8, 3680 / 513, -845 / 4104])
    a.append([-8 / 27, 2, -3544 / 2565, 1859 / 4104, -11 / 40])
    b5 = np.array([16 / 135, 0, 6656 / 12825, 28561 / 56430, -9 / 50, 2 / 55])
    b4 = np.array([25 / 216, 0, 1408 / 2565, 2197 / 4104, -1 / 5, 0])
    f = lambda t, y: np.array([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0] + 0.1 * np.cos(t)])
    t, y, h = 0.0, np.array([2.0, 0.0]), 0.1
    while t < t_end - 1e-12:
        h = min(h, t_end - t)
        k = []
        for ci, ai in zip(c, a):
            k.append(f(t + ci * h, y + h * sum(aij * kj for aij, kj in zip(ai, k))))
        k = np.array(k)
        error = np.linalg.norm(h * (b5 - b4) @ k)
        if error <= tol:
            t, y = t + h, y + h * b5 @ k
        assert h > 1e-10, f"step size underflow at t={t:.3f}"
        h *= min(4.0, max(0.1, 0.9 * (tol / error) ** 0.2))
    return y[0] + y[1]


def leapfrog_cluster(masses, n_steps=40, dt=0.01, eps=0.1):
    """Kick, drift, kick for a handful of stars; total energy plus the size of the cluster."""
    n = len(masses)
    rng = np.random.default_rng(5)
    pos, vel = rng.normal(size=(n, 3)), 0.3 * rng.normal(size=(n, 3))
    vel -= np.average(vel, axis=0, weights=masses)

    def acceleration(r):
        d = r[np.newaxis, :, :] - r[:, np.newaxis, :]
        inv = (np.sum(d**2, axis=-1) + eps**2) ** -1.5
        return np.einsum("j,ij,ijk->ik", masses, inv, d)

    acc = acceleration(pos)
    for _ in range(n_steps):
        vel += 0.5 * dt * acc
        pos += dt * vel
        acc = acceleration(pos)
        vel += 0.5 * dt * acc
    kinetic = 0.5 * np.sum(masses[:, None] * vel**2)
    i, j = np.triu_indices(n, k=1)
    dist = np.sqrt(((pos[i] - pos[j]) ** 2).sum(axis=1) + eps**2)
    return kinetic - np.sum(masses[i] * masses[j] / dist) + np.max(dist)


class Chain:
    """Beads on a line with Lennard-Jones forces between neighbours, moved by velocity Verlet."""

    def __init__(self, x, depth):
        self.x = x.copy()
        self.v = np.zeros_like(self.x)
        self.depth = depth
        self.time = 0.0
        self.force = self.compute_force()

    def compute_force(self):
        gap = np.diff(self.x)
        if (gap <= 0).any():
            raise RuntimeError("beads have crossed")
        pull = 24 * self.depth * (2 / gap**13 - 1 / gap**7)
        force = np.zeros_like(self.x)
        force[:-1] -= pull
        force[1:] += pull
        return force

    def advance(self, dt):
        self.x += self.v * dt + 0.5 * self.force * dt**2
        new = self.compute_force()
        self.v += 0.5 * (self.force + new) * dt
        self.force = new
        self.time += dt

    @property
    def energy(self):
        gap = self.x[1:] - self.x[:-1]
        return 0.5 * self.v @ self.v + 4 * self.depth * np.sum(gap**-12.0 - gap**-6.0)


class DampedChain(Chain):
    def __init__(self, x, depth, friction=0.1):
        super().__init__(x, depth)
        self.friction = friction

    def advance(self, dt):
        super().advance(dt)
        self.v *= math.exp(-self.friction * dt)


def verlet_chain(x):
    chain = DampedChain(x, depth=0.7)
    while chain.time < 0.5:
        chain.advance(0.01)
    return chain.energy


def implicit_euler_robertson(k, t_end=0.3, n=20):
    """Stiff kinetics: a full Newton iteration in each step with the Jacobian by hand."""

    def rhs(y):
        r1, r2, r3 = k[0] * y[0], k[1] * y[1] ** 2, k[2] * y[1] * y[2]
        return np.array([-r1 + r3, r1 - r3 - r2, r2])

    def jac(y):
        J = np.zeros((3, 3))
        J[0] = [-k[0], k[2] * y[2], k[2] * y[1]]
        J[2, 1] = 2 * k[1] * y[1]
        J[1, :] = -J[0] - J[2]
        return J

    dt = t_end / n
    y = np.array([1.0, 0.0, 0.0])
    for _ in range(n):
        z = y.copy()
        for it in range(20):
            delta = np.linalg.solve(np.eye(3) - dt * jac(z), z - y - dt * rhs(z))
            z = z - delta
            if np.abs(delta).max() < 1e-14:
                break
        else:
            raise RuntimeError("Newton's method failed")
        y = z
    return y[2] + 1e3 * y[1]


def adams_bashforth_pendulum(theta0, damping=0.15, steps=150, h=0.03):
    """Four past slopes in a deque; the first ones by the midpoint rule."""
    slope = lambda s: (s[1], -9.81 * math.sin(s[0]) - damping * s[1])
    past = deque(maxlen=4)
    s = (theta0, 0.0)
    weights = (-9 / 24, 37 / 24, -59 / 24, 55 / 24)
    for _ in range(steps):
        past.append(slope(s))
        if len(past) < 4:
            half = tuple(si + h / 2 * ki for si, ki in zip(s, past[-1]))
            s = tuple(si + h * ki for si, ki in zip(s, slope(half)))
            continue
        s = tuple(s[j] + h * sum(w * k[j] for w, k in zip(weights, past)) for j in (0, 1))
    return 0.5 * s[1] ** 2 + 9.81 * (1 - math.cos(s[0]))


@dataclass(frozen=True)
class Arms:
    theta: float
    phi: float
    p: float = 0.0
    q: float = 0.0

    def shifted(self, rate, h):
        names = [f.name for f in fields(self)]
        return replace(self, **{n: getattr(self, n) + h * getattr(rate, n) for n in names})


def double_pendulum(angles, g=9.81, n=50, h=0.01):
    """Two equal arms in Hamilton's variables, Ralston's third-order method."""

    def flow(s):
        d = s.theta - s.phi
        den = 1 + sin(d) ** 2
        dtheta = (s.p - s.q * cos(d)) / den
        dphi = (2 * s.q - s.p * cos(d)) / den
        a = s.p * s.q * sin(d) / den
        b = (s.p**2 + 2 * s.q**2 - 2 * s.p * s.q * cos(d)) * sin(2 * d) / (2 * den**2)
        return Arms(dtheta, dphi, -2 * g * sin(s.theta) - a + b, -g * sin(s.phi) + a - b)

    state = Arms(*angles)
    for _ in range(n):
        k1 = flow(state)
        k2 = flow(state.shifted(k1, h / 2))
        k3 = flow(state.shifted(k2, 0.75 * h))
        state = state.shifted(k1, 2 * h / 9).shifted(k2, h / 3).shifted(k3, 4 * h / 9)
    return -cos(state.theta) - cos(state.phi) + state.p * state.q / 100


def fitzhugh_nagumo(params, n=400, dt=0.1):
    """A neuron driven by a pulse of current."""
    a, b, tau = params[0], params[1], params[2]
    v, w = np.zeros(n), np.zeros(n)
    v[0], w[0] = -1.2, -0.6
    for t in range(1, n):
        I = 0.0
        if 10 <= t * dt <= 30:
            I = 0.5
        dv = v[t - 1] - v[t - 1] ** 3 / 3 - w[t - 1] + I
        dw = (v[t - 1] + a - b * w[t - 1]) / tau
        v[t] = v[t - 1] + dt * dv
        w[t] = w[t - 1] + dt * dw
    return dt * np.sum(v[v > 0]) + np.trapezoid(w, dx=dt)


def rectifier_circuit(parts, cycles=2, per_cycle=60):
    """A diode charging a smoothing capacitor; backward Euler and Newton for the diode's law."""
    R, C = parts
    vt, i_sat = 0.05, 1e-2
    dt = 1.0 / per_cycle
    v = 0.0
    ripple = []
    for n in range(1, cycles * per_cycle + 1):
        source = math.sin(2 * math.pi * n * dt)
        new = v
        for attempt in range(100):
            e = math.exp((source - new) / vt)
            g = C * (new - v) / dt + new / R - i_sat * (e - 1)
            step = g / (C / dt + 1 / R + i_sat * e / vt)
            new -= max(-0.2, min(0.2, step))
            if abs(step) < 1e-14:
                break
        v = new
        if n > (cycles - 1) * per_cycle:
            ripple.append(v)
    return max(ripple) - min(ripple)


def heat_explicit(u0, alpha=0.4, steps=60):
    """Forward in time, centred in space; one end held, the other one insulated."""
    nx = u0.size
    u = np.zeros((steps + 1, nx))
    u[0, :] = u0
    for n in range(steps):
        for i in range(1, nx - 1):
            u[n + 1, i] = u[n, i] + alpha * (u[n, i + 1] - 2 * u[n, i] + u[n, i - 1])
        u[n + 1, 0] = u0[0]
        u[n + 1, -1] = u[n + 1, -2]
    return np.sum(u[-1] ** 2) + u[:, nx // 2].max()


def plucked_string(shape, speed=0.8, loss=0.002, steps=80):
    """The wave equation with three time levels that take turns."""
    prev = np.pad(shape, 1)
    now, nxt = prev.copy(), np.zeros_like(prev)
    now[1:-1] += 0.5 * speed**2 * (prev[2:] - 2 * prev[1:-1] + prev[:-2])
    heard = np.zeros(steps)
    for k in range(steps):
        laplacian = now[2:] - 2 * now[1:-1] + now[:-2]
        nxt[1:-1] = (2 - loss) * now[1:-1] - (1 - loss) * prev[1:-1] + speed**2 * laplacian
        nxt[0] = nxt[-1] = 0
        prev, now, nxt = now, nxt, prev
        heard[k] = now[3]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(steps)))
    return float(np.sum(spectrum[1:5] ** 2) / np.sum(spectrum**2))


def van_leer_advection(u, courant=0.6, steps=25):
    """A hump carried around a ring, with a slope limiter that is smooth for positive slopes."""

    def limiter(r):
        return (r + np.abs(r)) / (1 + np.abs(r))

    for _ in range(steps):
        ahead = np.roll(u, -1) - u
        behind = u - np.roll(u, 1)
        r = behind / (ahead + 1e-3)
        flux = u + 0.5 * limiter(r) * (1 - courant) * ahead
        u = u - courant * (flux - np.roll(flux, 1))
    assert np.isfinite(u).all()
    return np.sum(u**3)


def viscous_burgers(viscosity, nx=41, nt=100):
    """The student's version: a loop over time, slices over space, periodic by copying."""
    import numpy as np

    x = np.linspace(0, 2 * np.pi, nx)
    dx, dt = x[1] - x[0], 0.01
    u = 1.5 + np.sin(x)
    un = np.ones(nx)
    for n in range(nt):
        un[:] = u
        u[1:-1] = un[1:-1] - un[1:-1] * dt / dx * (un[1:-1] - un[:-2])
        u[1:-1] += viscosity * dt / dx**2 * (un[2:] - 2 * un[1:-1] + un[:-2])
        u[0] = un[0] - un[0] * dt / dx * (un[0] - un[-2])
        u[0] += viscosity * dt / dx**2 * (un[1] - 2 * un[0] + un[-2])
        u[-1] = u[0]
    return np.max(np.abs(np.gradient(u, dx)))


class GrayScott:
    """Two substances on a torus; in-place updates with the laplacian in a buffer."""

    du, dv = 0.16, 0.08

    def __init__(self, feed, kill, shape=(10, 10)):
        self.feed, self.kill = feed, kill
        rng = np.random.default_rng(11)
        self.u = np.ones(shape)
        self.v = np.zeros(shape)
        self.u[3:7, 3:7] = 0.5
        self.v[3:7, 3:7] = 0.25 + 0.05 * rng.random((4, 4))
        self.lap = np.empty(shape)

    def laplacian(self, z):
        self.lap[...] = -4 * z
        for shift, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
            self.lap += np.roll(z, shift, axis=axis)
        return self.lap

    def __iter__(self):
        while True:
            reaction = self.u * self.v**2
            self.u += self.du * self.laplacian(self.u) - reaction + self.feed * (1 - self.u)
            self.v += self.dv * self.laplacian(self.v) + reaction - (self.feed + self.kill) * self.v
            yield self.u, self.v


def pattern_contrast(feed_kill, generations=60):
    model = GrayScott(*feed_kill)
    for count, (u, v) in enumerate(model):
        if count == generations:
            break
    return np.var(v) / np.mean(v) ** 2 + u.mean()


def bouncing_ball(restitution, height=2.0, t_end=4.0, g=9.81):
    """From impact to impact in closed form, the rest of the time in free flight."""
    t, y, v, bounces = 0.0, height, 1.0, 0
    while True:
        flight = (v + math.sqrt(v * v + 2 * g * y)) / g
        if t + flight > t_end or bounces > 50:
            break
        t += flight
        v = restitution * (g * flight - v)
        y = 0.0
        bounces += 1
    rest = t_end - t
    return y + v * rest - g * rest**2 / 2 + bounces


def mackey_glass(tau_rate, delay=17, n=110):
    """A delayed feedback, milder than usual, with the past in a ring buffer."""
    beta, gamma = tau_rate
    ring = np.full(delay, 1.2)
    head = 0
    x = 1.2
    total = 0.0
    for i in range(n):
        delayed = ring[head]
        ring[head] = x
        head = (head + 1) % delay
        x = x + beta * delayed / (1 + delayed**4) - gamma * x
        if i >= n - 50:
            total += x
    return total / 50


def kalman_likelihood(log_noise, measured, dt=0.5):
    """Constant velocity, position measured; the innovations' log-likelihood."""
    q, r = np.exp(log_noise)
    F = np.array([[1, dt], [0, 1]])
    Q = q * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
    H = np.array([[1.0, 0.0]])
    x, P = np.array([[measured[0]], [0.0]]), np.eye(2) * 4
    loglik = 0
    for z in measured[1:]:
        x, P = F @ x, F @ P @ F.T + Q
        if z is None:
            continue
        innovation = z - H @ x
        S = H @ P @ H.T + r
        K = P @ H.T @ np.linalg.inv(S)
        x = x + K @ innovation
        P = (np.eye(2) - K @ H) @ P
        loglik -= 0.5 * (np.log(2 * np.pi * S) + innovation**2 / S)
    return loglik.item()


def unscented_tracking(process, bearings, kappa=1.0):
    """Sigma points for a walker seen from the origin under an angle only."""
    n = 2
    state, cov = np.array([2.0, 0.5]), np.diag([0.3, 0.2])
    weights = np.full(2 * n + 1, 0.5 / (n + kappa))
    weights[0] = kappa / (n + kappa)
    for z in bearings:
        root = np.linalg.cholesky((n + kappa) * cov)
        sigma = [state]
        for j in range(n):
            sigma.append(state + root[:, j])
            sigma.append(state - root[:, j])
        moved = np.vstack(sigma) + 0.1 * np.array([-0.5, 1.0])
        seen = np.arctan2(moved[:, 1], moved[:, 0])
        mean, z_mean = weights @ moved, weights @ seen
        dx, dz = moved - mean, seen - z_mean
        cov = np.einsum("i,ij,ik->jk", weights, dx, dx) + process * np.eye(n)
        cross = (weights * dz) @ dx
        variance = np.sum(weights * dz**2) + 0.01
        gain = cross / variance
        state = mean + gain * (z - z_mean)
        cov -= variance * np.outer(gain, gain)
    return np.hypot(*state) + np.log(np.linalg.det(cov))


class PID:
    def __init__(self, kp, ki, kd, limits=(None, None)):
        self.kp, self.ki, self.kd = kp, ki, kd
        self.limits = limits
        self.integral, self._last = 0.0, None

    def __call__(self, error, dt):
        low, high = self.limits
        derivative = 0.0 if self._last is None else (error - self._last) / dt
        self._last = error
        out = self.kp * error + self.ki * self.integral + self.kd * derivative
        if high is not None and out > high:
            return high
        if low is not None and out < low:
            return low
        self.integral += error * dt  # only where it is not saturated
        return out


def furnace_under_pid(gains, target=80.0, dt=0.5, steps=120):
    pid = PID(*gains, limits=(0, 100))
    wall, inside = 20.0, 20.0
    cost = 0.0
    for step in range(steps):
        power = pid(target - inside, dt)
        wall += dt * (0.08 * power - 0.1 * (wall - inside) - 0.02 * (wall - 15))
        inside += dt * 0.15 * (wall - inside)
        cost += dt * (target - inside) ** 2
    return math.sqrt(cost / (steps * dt))


def dosing_schedule(half_life, doses=((0, 5.0), (6, 3.0), (14, 4.0)), threshold=2.0):
    """Events from a heap: planned doses, and a booster as soon as the level would fall too low."""
    rate = math.log(2) / half_life
    events = [(float(t), "dose", amount) for t, amount in doses]
    events.append((24.0, "end", None))
    heapq.heapify(events)
    level = area = clock = 0.0
    boosters = 2
    while events:
        when, kind, amount = heapq.heappop(events)
        if level > threshold and boosters > 0:
            crossing = clock + math.log(level / threshold) / rate
            if crossing < when:
                heapq.heappush(events, (when, kind, amount))
                when, kind, amount = crossing, "booster", 1.5
                boosters -= 1
        area += level * (1 - math.exp(-rate * (when - clock))) / rate
        level *= math.exp(-rate * (when - clock))
        clock = when
        if kind == "end":
            break
        level += amount
    return area + level


def implicit_midpoint(f: Callable, y, h, tol=1e-15):
    z = y
    for _ in range(60):
        z_new = y + h * f((y + z) / 2)
        if np.max(np.abs(z_new - z)) <= tol * np.max(np.abs(z)):
            return z_new
        z = z_new
    return z


def brusselator_swing(ab):
    a, b = ab

    def f(y):
        u, v = y
        return np.stack([a + u * u * v - (b + 1) * u, b * u - u * u * v])

    y = np.array([1.0, 2.5])
    trail = [y]
    for _ in range(60):
        y = implicit_midpoint(f, y, 0.05)
        trail.append(y)
    trail = np.asarray(trail)
    return np.ptp(trail[:, 0]) + trail[-1, 1]


REACTIONS = [("E S", "ES"), ("ES", "E S"), ("ES", "E P")]


def enzyme_network(k):
    """Mass action kinetics from a table of reactions."""
    table = [(left.split(), right.split()) for left, right in REACTIONS]
    species = sorted({s for left, right in table for s in left + right})
    index = {s: i for i, s in enumerate(species)}
    change = np.zeros((len(species), len(table)))
    for j, (left, right) in enumerate(table):
        for s in left:
            change[index[s], j] -= 1
        for s in right:
            change[index[s], j] += 1
    conc = np.zeros(len(species))
    conc[index["E"]], conc[index["S"]] = 0.4, 1.0
    for _ in range(100):
        flux = np.ones(len(table))
        for j, (left, _) in enumerate(table):
            for s in left:
                flux[j] *= conc[index[s]]
        conc = conc + 0.02 * change @ (k * flux)
    return conc[index["P"]]


def kuramoto_order(coupling, n=12, steps=60, dt=0.05):
    rng = np.random.default_rng(3)
    omega, theta = rng.standard_cauchy(n) * 0.3, rng.uniform(0, 2 * np.pi, n)
    for _ in range(steps):
        field = np.exp(1j * theta).mean()
        theta += dt * (omega + coupling * np.imag(field * np.exp(-1j * theta)))
        theta %= 2 * np.pi
    return abs(np.mean(np.exp(1j * theta)))


def gyrating_particle(charge, steps=100, dt=0.05):
    """Boris's rotation in a magnetic bottle; where the particle is in the end."""
    x, v = numpy.array([0.5, 0.0, 0.0]), numpy.array([0.1, 0.9, 0.3])
    electric = numpy.array([0.0, 0.05, 0.0])
    for _ in range(steps):
        B = numpy.array([-0.3 * x[0] * x[2], -0.3 * x[1] * x[2], 1 + 0.3 * x[2] ** 2])
        minus = v + 0.5 * dt * charge * electric
        t = 0.5 * dt * charge * B
        prime = minus + numpy.cross(minus, t)
        v = minus + numpy.cross(prime, 2 * t / (1 + t @ t)) + 0.5 * dt * charge * electric
        x = x + dt * v
    return numpy.linalg.norm(x) + x[2]


def cart_regulator(weights, horizon=100):
    """The discrete Riccati recursion, then the cost of bringing a cart home."""
    A, B = np.array([[1.0, 0.1], [0.02, 0.98]]), np.array([[0.005], [0.1]])
    Q, R = np.diag(weights), np.atleast_2d(0.3)
    P = Q.copy()
    for _ in range(horizon):
        K = np.linalg.solve(R + B.T @ P @ B, B.T @ P @ A)
        P = Q + A.T @ P @ (A - B @ K)
    x, effort = np.array([1.0, -0.4]), 0.0
    for _ in range(50):
        u = -K @ x
        x = A @ x + B @ u
        effort += float(u[0] ** 2)
    return effort + x @ P @ x


def tunnelling(barrier, n=64, steps=40, dt=0.02):
    """A wave packet against a wall by split-step Fourier; the probability behind it."""
    x = np.linspace(-8, 8, n, endpoint=False)
    k = 2 * np.pi * np.fft.fftfreq(n, d=x[1] - x[0])
    psi = np.exp(-((x + 2) ** 2)) * np.exp(3j * x)
    psi /= np.linalg.norm(psi)
    half_kick = np.exp(-0.5j * dt * barrier * np.exp(-4 * x**2))
    for _ in range(steps):
        psi = half_kick * np.fft.ifft(np.exp(-0.5j * dt * k**2) * np.fft.fft(half_kick * psi))
    return np.sum(np.abs(psi[x > 0]) ** 2)


def alpha_beta(measurements, alpha, beta, dt=1.0):
    position, velocity = next(measurements), 0
    for m in measurements:
        position += velocity * dt
        residual = m - position
        position += alpha * residual
        velocity += beta / dt * residual
        yield position, residual


def radar_gate(track):
    """How well the alpha-beta filter follows a track, later residuals counting more."""
    total = norm = 0
    for i, (smooth, residual) in enumerate(alpha_beta(iter(track), 0.6, 0.2)):
        total += (i + 1) * residual**2
        norm += i + 1
    return math.sqrt(total / norm) + 0.1 * smooth


def noisy_growth(params, paths=8, n=50, seed=7):
    """Euler-Maruyama for a stochastic logistic equation; the mean of the paths and its spread."""
    growth, noise = params
    rng = np.random.default_rng(seed)
    dt = 4 / n
    X = np.full((n + 1, paths), 0.2)
    for i in range(n):
        dW = rng.normal(scale=np.sqrt(dt), size=paths)
        X[i + 1] = X[i] + growth * X[i] * (1 - X[i]) * dt + noise * X[i] * (1 - X[i]) * dW
    return np.mean(X[-1]) + np.percentile(X[n // 2], 90)


def spinning_book(w, moments=(1.0, 2.0, 3.5), n=60, dt=0.02):
    """Euler's equations with a quaternion: how far the book's axis has turned."""
    q = np.array([1.0, 0, 0, 0])
    I = np.array(moments)
    for _ in range(n):
        w = w + dt * np.cross(I * w, w) / I
        b, c, d = w
        spin = np.array([[0, -b, -c, -d], [b, 0, d, -c], [c, -d, 0, b], [d, c, -b, 0]])
        q = q + 0.5 * dt * spin @ q
        q /= np.linalg.norm(q)
    return 1 - 2 * (q[1] ** 2 + q[2] ** 2) + 0.1 * np.dot(w, w)


_rng = np.random.default_rng(21)
_line = np.cumsum(_rng.normal(1, 0.5, 20))
_grid = np.arange(24) / 24

PROGRAMS = [
    (euler_foxes_and_hares, (np.array([1.1, 0.8, 0.9, 0.5]),)),
    (heun_epidemic, (0.37,)),
    (rk4_lorenz, (np.array([1.0, 2.0, 15.0]),)),
    (fehlberg_van_der_pol, (1.4,)),
    (leapfrog_cluster, (np.array([1.0, 0.6, 1.3, 0.4, 0.9]),)),
    (verlet_chain, (np.array([0.0, 1.15, 2.2, 3.4, 4.5, 5.7]),)),
    (implicit_euler_robertson, (np.array([0.04, 30.0, 10.0]),)),
    (adams_bashforth_pendulum, (1.2,)),
    (double_pendulum, (np.array([1.1, -0.6]),)),
    (fitzhugh_nagumo, (np.array([0.7, 0.75, 12.5]),)),
    (rectifier_circuit, (np.array([4.0, 0.2]),)),
    (heat_explicit, (_rng.uniform(0, 1, 12),)),
    (plucked_string, (np.minimum(_grid, 0.3 - 0.3 * _grid) * 10,)),
    (van_leer_advection, (1.5 + np.sin(2 * np.pi * _grid + 0.11),)),
    (viscous_burgers, (0.15,)),
    (pattern_contrast, (np.array([0.035, 0.06]),)),
    (bouncing_ball, (0.83,)),
    (mackey_glass, (np.array([0.2, 0.1]),)),
    (kalman_likelihood, (np.array([-1.0, -0.5]), [*_line[:9], None, *_line[10:]])),
    (unscented_tracking, (0.02, np.arctan2(0.5 + 0.1 * np.arange(12), 2 - 0.05 * np.arange(12)))),
    (furnace_under_pid, (np.array([6.0, 0.08, 3.0]),)),
    (dosing_schedule, (3.3,)),
    (brusselator_swing, (np.array([1.1, 2.5]),)),
    (enzyme_network, (np.array([2.0, 0.5, 1.2]),)),
    (kuramoto_order, (1.7,)),
    (gyrating_particle, (1.3,)),
    (cart_regulator, (np.array([2.0, 0.5]),)),
    (tunnelling, (6.0,)),
    (radar_gate, (_line,)),
    (noisy_growth, (np.array([1.3, 0.4]),)),
    (spinning_book, (np.array([0.1, 1.8, 0.2]),)),
]

"""Programs from physics, engineering, chemistry, signals and finance."""

from typing import NamedTuple

import numpy
from registry import ARRAY, program

# ---------------------------------------------------------------- motion


@program(lambda r: ({"a": 1.1, "b": 0.4, "c": 0.4, "d": 0.1}, numpy.array([2.0, 1.0])))
def lotka_volterra_rk4(np, rates, start):
    def slope(y):
        prey, predator = y[0], y[1]
        return np.stack([
            rates["a"] * prey - rates["b"] * prey * predator,
            rates["d"] * prey * predator - rates["c"] * predator,
        ])  # fmt: skip

    y, h = start, 0.2
    for _ in range(3):
        k1 = slope(y)
        k2 = slope(y + 0.5 * h * k1)
        k3 = slope(y + 0.5 * h * k2)
        k4 = slope(y + h * k3)
        y = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return np.sum((y - numpy.array([1.5, 2.5])) ** 2)


def _forces(np, q, masses):
    apart = q[:, None, :] - q[None, :, :]
    distance = np.sqrt(np.sum(apart**2, axis=-1) + 0.01)
    return -np.sum(masses[None, :, None] * apart / distance[..., None] ** 3, axis=1)


@program(lambda r: (r.normal(size=(3, 2)), 0.3 * r.normal(size=(3, 2)), r.uniform(0.5, 1.5, 3)))
def n_body_leapfrog(np, q, v, masses):
    dt = 0.02
    for _ in range(5):
        v = v + 0.5 * dt * _forces(np, q, masses)
        q = q + dt * v
        v = v + 0.5 * dt * _forces(np, q, masses)
    kinetic = 0.5 * np.sum(masses[:, None] * v**2)
    return kinetic + np.sum(q[0] * q[-1])


@program(lambda r: (r.uniform(0, 1, (4, 3)) + 1.5 * numpy.eye(4, 3), 1.1, 0.8))
def lennard_jones(np, positions, sigma, epsilon):
    i, j = numpy.triu_indices(4, 1)
    distance = np.sqrt(np.sum((positions[i] - positions[j]) ** 2, axis=-1))
    sixth = (sigma / distance) ** 6
    return np.sum(4.0 * epsilon * (sixth**2 - sixth))


class Pendulum(NamedTuple):
    """The state of a double pendulum."""

    angles: object
    speeds: object


@program(lambda r: (Pendulum(r.normal(size=2), r.normal(size=2)), numpy.array([1.0, 0.7])))
def double_pendulum(np, state, lengths):
    (a, b), (u, v) = state.angles, state.speeds
    p, q = lengths
    coupling = p * q * np.cos(a - b)
    mass = np.stack([np.stack([2.0 * p**2, coupling]), np.stack([coupling, q**2])])
    swing = p * q * np.sin(a - b)
    force = np.stack([
        -swing * v**2 - 2.0 * 9.81 * p * np.sin(a),
        swing * u**2 - 9.81 * q * np.sin(b),
    ])  # fmt: skip
    acceleration = np.linalg.solve(mass, force)
    return acceleration @ acceleration / 100.0


@program(lambda r: (r.normal(size=4), r.normal(size=(5, 3))), kinds=ARRAY)
def quaternion_rotation(np, quaternion, points):
    unit = quaternion / np.sqrt(np.sum(quaternion**2))
    w, xyz = unit[0], unit[1:]
    twice = 2.0 * np.cross(xyz, points)
    return points + w * twice + np.cross(xyz, twice)


@program(lambda r: (r.normal(size=(4, 9)) * 0.3, r.normal(size=(6, 3)) + [0, 0, 6.0],
                    r.normal(size=(8, 2)), r.integers(0, 4, 8), r.integers(0, 6, 8)),
         kinds="jvp vjp hvp")  # fmt: skip
def bundle_adjustment_residuals(np, cameras, points, observed, camera_of, point_of):
    camera, point = cameras[camera_of], points[point_of]
    rotation, shift = camera[:, :3], camera[:, 3:6]
    focal, k1, k2 = 1.0 + camera[:, 6], camera[:, 7], camera[:, 8]
    angle = np.sqrt(np.sum(rotation**2, axis=1))[:, None]
    axis = rotation / angle
    turned = (
        point * np.cos(angle)
        + np.cross(axis, point) * np.sin(angle)
        + axis * np.sum(axis * point, axis=1, keepdims=True) * (1.0 - np.cos(angle))
    )
    moved = turned + shift
    image = -moved[:, :2] / moved[:, 2:]
    radius = np.sum(image**2, axis=1)
    bent = (focal * (1.0 + radius * (k1 + k2 * radius)))[:, None] * image
    return (bent - observed).ravel()


@program(lambda r: (r.uniform(-1.4, 1.4, 5), r.uniform(0, 6.2, 5)), kinds=ARRAY)
def haversine_separations(np, latitude, longitude):
    lat1, lat2 = latitude, latitude.reshape(-1, 1)
    lon1, lon2 = longitude, longitude.reshape(-1, 1)
    h = np.sin(0.5 * (lat2 - lat1)) ** 2
    h = h + np.cos(lat1) * np.cos(lat2) * np.sin(0.5 * (lon2 - lon1)) ** 2
    return 2.0 * np.arcsin(np.sqrt(0.999 * h + 1e-3))


# ---------------------------------------------------------------- fields


@program(lambda r: (r.normal(size=12), r.uniform(0.1, 0.4, 12)))
def heat_equation_stencil(np, u, conductivity):
    for _ in range(6):
        left = np.concatenate([u[:1], u[:-1]])
        right = np.concatenate([u[1:], u[-1:]])
        u = u + conductivity * (left - 2.0 * u + right)
    return np.sum(u**2) + u[0] * u[-1]


@program(lambda r: (r.normal(size=(5, 5)),), kinds="gradient jvp hvp")
def laplacian_on_a_torus(np, u):
    laplacian = -4.0 * u
    for axis in (0, 1):
        laplacian = laplacian + np.roll(u, 1, axis=axis) + np.roll(u, -1, axis=axis)
    inside = u[1:-1, 1:-1] * laplacian[1:-1, 1:-1]
    return -0.5 * np.sum(u * laplacian) + 0.25 * np.sum(u**4) + np.sum(inside)


@program(lambda r: (r.normal(size=10), 0.3))
def burgers_upwind(np, u, viscosity):
    dx, dt = 0.2, 0.02
    for _ in range(5):
        ahead, behind = np.roll(u, -1), np.roll(u, 1)
        upwind = np.where(u > 0.0, u - behind, ahead - u) / dx
        u = u - dt * u * upwind + dt * viscosity * (ahead - 2 * u + behind) / dx**2
    return np.mean(u**3) + np.max(np.abs(u))


@program(lambda r: (numpy.eye(3) + 0.2 * r.normal(size=(4, 3, 3)), 1.3, 0.7))
def neo_hookean_energy(np, deformation, shear, bulk):
    right_cauchy_green = np.swapaxes(deformation, -1, -2) @ deformation
    volume = np.linalg.det(deformation)
    first = np.trace(right_cauchy_green, axis1=-2, axis2=-1)
    log_volume = np.log(volume)
    return np.sum(0.5 * shear * (first - 3.0 - 2.0 * log_volume) + 0.5 * bulk * log_volume**2)


@program(lambda r: (r.uniform(0.1, 1.0, 8), r.uniform(1.0, 2.0, 8)), kinds=ARRAY)
def radiative_transfer(np, optical_depth, source):
    intensity, profile = 0.5, []
    for depth, emitted in zip(optical_depth, source, strict=True):
        passed = np.exp(-depth)
        intensity = intensity * passed + emitted * (1.0 - passed)
        profile.append(intensity)
    return np.stack(profile), intensity


@program(lambda r: (r.normal(size=(6, 2)), r.uniform(0.5, 1.5, 7)))
def spring_network_energy(np, positions, stiffness):
    ends = numpy.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 0], [0, 3]])
    stretch = np.linalg.norm(positions[ends[:, 0]] - positions[ends[:, 1]], axis=1) - 1.0
    return 0.5 * np.sum(stiffness * stretch**2) + 0.1 * np.sum(positions[:, 1])


@program(lambda r: (r.uniform(0.5, 2.0, 6),))
def spectral_gap(np, weights):
    i, j = numpy.array([0, 0, 1, 2, 3, 1]), numpy.array([1, 2, 2, 3, 4, 4])
    incidence = numpy.eye(5)[i] - numpy.eye(5)[j]
    laplacian = incidence.T @ (weights[:, None] * incidence)
    values = np.linalg.eigvalsh(laplacian)
    return values[1] * values[-1]


# ---------------------------------------------------------------- waves and quanta


@program(lambda r: (r.normal(size=(3, 3)) + 1j * r.normal(size=(3, 3)), r.normal(size=3)),
         kinds="gradient jvp vjp hvp")  # fmt: skip
def tight_binding_energies(np, hopping, onsite):
    hamiltonian = hopping + np.conj(hopping).T + np.diag(onsite)
    energies = np.linalg.eigvalsh(hamiltonian)
    return np.sum(np.log1p(np.exp(-energies))) + energies[0] ** 2


@program(lambda r: (r.normal(size=4), r.normal(size=4)))
def mixture_of_phases(np, amplitude, phase):
    waves = amplitude[:, None] * np.exp(1j * (phase[:, None] + numpy.outer([1, 2, 3, 4], [0.1, 1])))
    total = np.sum(waves, axis=0)
    return np.sum(np.abs(total) ** 2) + np.sum(np.angle(total)) + np.real(total[0] * total[1])


@program(lambda r: (r.normal(size=3),))
def quantum_circuit(np, angles):
    pauli_x = numpy.array([[0, 1], [1, 0]], complex)
    pauli_z = numpy.diag([1.0, -1.0]).astype(complex)
    one = numpy.eye(2, dtype=complex)
    controlled = numpy.eye(4, dtype=complex)[[0, 1, 3, 2]]

    def turn(angle, axis):
        return np.cos(angle / 2.0) * one - 1j * np.sin(angle / 2.0) * axis

    state = np.kron(turn(angles[0], pauli_x), turn(angles[1], pauli_x))[:, 0]
    state = np.kron(one, turn(angles[2], pauli_z)) @ (controlled @ state)
    observable = numpy.kron(pauli_z, pauli_x) + 0.5 * numpy.kron(pauli_x, one)
    return np.real(np.vdot(state, observable @ state))


@program(lambda r: (r.uniform(1.2, 2.4, 4), r.uniform(0.1, 0.3, 4), 0.55))
def thin_film_reflectance(np, indices, thickness, wavelength):
    total = numpy.eye(2, dtype=complex)
    for index, depth in zip(indices, thickness, strict=True):
        delta = 2.0 * numpy.pi * index * depth / wavelength
        layer = np.stack([
            np.stack([np.cos(delta) + 0j, 1j * np.sin(delta) / index]),
            np.stack([1j * index * np.sin(delta), np.cos(delta) + 0j]),
        ])  # fmt: skip
        total = total @ layer
    b, c = total @ numpy.array([1.0, 1.52])
    return np.abs((b - c) / (b + c)) ** 2


@program(lambda r: (r.uniform(0.5, 2.0, 3), numpy.array([0.3, 1.0, 4.0])), kinds=ARRAY)
def circuit_response(np, parts, frequency):
    resistance, inductance, capacitance = parts
    omega = 2.0 * numpy.pi * frequency
    impedance = resistance + 1j * omega * inductance + 1.0 / (1j * omega * capacitance)
    gain = 1.0 / impedance
    return np.abs(gain), np.angle(gain), np.real(impedance), impedance.imag


@program(lambda r: (r.normal(size=(5, 3)) + 1j * r.normal(size=(5, 3)),
                    r.normal(size=3) + 1j * r.normal(size=3), r.normal(size=5) + 0j),
         kinds="gradient jvp vjp hvp")  # fmt: skip
def complex_least_squares(np, a, x, b):
    residual = a @ x - b
    return np.real(np.vdot(residual, residual)) + np.sum(np.abs(x)) + np.sum(x.real * x.imag)


@program(lambda r: (r.normal(size=(3, 3)) + 1j * r.normal(size=(3, 3)),
                    r.normal(size=3) + 1j * r.normal(size=3)), kinds="jvp vjp")  # fmt: skip
def complex_elementwise(np, a, z):
    return [
        np.exp(z), np.log(z), np.sin(z) * np.cos(z), np.sqrt(z), z**2, z**-1.5, 1.0 / z, np.tanh(z),
        np.conj(z) * z, np.abs(z), np.real(z), np.imag(z) + z, a @ z, np.linalg.solve(a, z),
        np.linalg.det(a), np.linalg.inv(a), np.einsum("ij,j->i", a, np.conj(z)), np.prod(z),
        np.outer(z, z), np.cumsum(z), np.where(np.real(z) > 0.0, z, 2j * z), np.mean(a, axis=0),
    ]  # fmt: skip


@program(lambda r: ((r.normal(size=4) + 1j * r.normal(size=4)).astype("complex64"),),
         kinds="gradient jvp vjp")  # fmt: skip
def single_precision_complex(np, z):
    return np.sum(np.abs(np.exp(z * 0.5) + np.conj(z)) ** 2)


@program(lambda r: (r.normal(size=8), r.normal(size=8)))
def explicit_fourier_transform(np, signal, window):
    k = numpy.arange(8)
    matrix = numpy.exp(-2j * numpy.pi * numpy.outer(k, k) / 8)
    spectrum = matrix @ (signal * window)
    power = np.real(spectrum) ** 2 + np.imag(spectrum) ** 2
    return np.sum(np.log1p(power) * k)


# ---------------------------------------------------------------- signals and control


@program(lambda r: (r.uniform(0.1, 0.5, 3), r.uniform(-0.4, 0.4, 2), r.normal(size=10)))
def recursive_filter(np, feedforward, feedback, signal):
    out = []
    for n in range(10):
        y = feedforward[0] * signal[n]
        for k in (1, 2):
            if n >= k:
                y = y + feedforward[k] * signal[n - k] - feedback[k - 1] * out[n - k]
        out.append(y)
    return np.sum(np.stack(out) ** 2)


@program(lambda r: ({"F": numpy.eye(2) + 0.1 * r.normal(size=(2, 2)), "H": r.normal(size=(1, 2)),
                     "q": 0.1, "r": 0.5}, r.normal(size=(4, 1))))  # fmt: skip
def kalman_filter_likelihood(np, model, observations):
    F, H = model["F"], model["H"]
    mean, covariance, total = numpy.zeros(2), numpy.eye(2), 0.0
    for y in observations:
        mean, covariance = F @ mean, F @ covariance @ F.T + model["q"] * numpy.eye(2)
        innovation = y - H @ mean
        spread = H @ covariance @ H.T + model["r"] * numpy.eye(1)
        gain = np.linalg.solve(spread, H @ covariance).T
        total = total - 0.5 * innovation @ np.linalg.solve(spread, innovation)
        total = total - 0.5 * np.linalg.slogdet(spread)[1]
        mean, covariance = mean + gain @ innovation, covariance - gain @ H @ covariance
    return total


@program(lambda r: (numpy.array([[1.0, 0.1], [0.0, 1.0]]), numpy.array([[0.0], [0.1]]), 0.3))
def riccati_cost(np, a, b, effort):
    p = numpy.eye(2)
    for _ in range(5):
        gain = np.linalg.solve(effort * numpy.eye(1) + b.T @ p @ b, b.T @ p @ a)
        p = numpy.eye(2) + a.T @ p @ (a - b @ gain)
    return np.trace(p)


@program(lambda r: (r.normal(size=(2, 7)), r.normal(size=(3, 2, 3)), r.normal(size=3)), kinds=ARRAY)
def matched_filter_bank(np, signal, templates, threshold):
    scores = [
        sum(np.correlate(one, other) for one, other in zip(signal, bank, strict=True))
        for bank in templates
    ]
    peaks = np.stack([np.max(score) for score in scores])
    return np.where(peaks > threshold, peaks, 0.1 * peaks), np.stack(scores)


# ---------------------------------------------------------------- roots and fits


@program(lambda r: (2.7, 0.4), branches=True)
def newton_solver(np, a, b):
    x = a * 0.5 + 1.0
    while np.abs(x**3 + b * x - a) > 1e-13:
        x = x - (x**3 + b * x - a) / (3.0 * x**2 + b)
    return x * x + b


@program(lambda r: (r.normal(size=3),), branches=True)
def doubling_loop(np, a):
    b = a * 2.0
    while np.linalg.norm(b) < 1000.0:
        b = b * 2.0
    return np.sum(b if b.sum() > 0 else 100.0 * b)


@program(lambda r: (0.4, 0.9), kinds="gradient jvp hvp hessian")
def kepler_fixed_newton(np, eccentricity, mean_anomaly):
    anomaly = mean_anomaly + 0.0 * eccentricity
    for _ in range(7):
        residual = anomaly - eccentricity * np.sin(anomaly) - mean_anomaly
        anomaly = anomaly - residual / (1.0 - eccentricity * np.cos(anomaly))
    return np.tan(0.5 * anomaly) * np.sqrt((1.0 + eccentricity) / (1.0 - eccentricity))


@program(lambda r: (numpy.linspace(-1, 1, 7) + 0.05 * r.normal(size=7), r.normal(size=7)))
def polynomial_fit(np, x, y):
    powers = np.vander(x, 4)
    coefficients = np.linalg.solve(powers.T @ powers, powers.T @ y)
    residual = powers @ coefficients - y
    return residual @ residual + np.polyval(coefficients, 0.3)


@program(lambda r: (numpy.array([2.1, 0.6]), numpy.array([0.1, 0.5, 1.0, 2.0, 5.0])), kinds=ARRAY)
def michaelis_menten_residuals(np, rates, concentration):
    fastest, half = rates
    measured = numpy.array([0.3, 0.9, 1.3, 1.6, 1.9])
    return fastest * concentration / (half + concentration) - measured


@program(lambda r: (r.normal(size=(5, 3)), r.normal(size=(5, 3))), kinds="gradient jvp hvp")
def superposition_distance(np, moving, fixed):
    p, q = moving - moving.mean(axis=0), fixed - fixed.mean(axis=0)
    u, s, vh = np.linalg.svd(p.T @ q)
    flip = np.sign(np.linalg.det(u @ vh))
    return np.sum(p**2) + np.sum(q**2) - 2.0 * (s[0] + s[1] + flip * s[2])


@program(lambda r: ([r.normal(), r.normal(), r.normal(), r.normal()], 0.7))
def horner(np, coefficients, x):
    value = 0.0
    for c in coefficients:
        value = value * x + c
    return value**2


@program(lambda r: (r.normal(size=10) * 0.5 + 1.0,))
def rosenbrock(np, x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


# ---------------------------------------------------------------- money


@program(lambda r: (100.0, 105.0, 0.7, 0.03, 0.25))
def black_scholes(np, special, spot, strike, years, rate, volatility):
    root = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility**2) * years) / root
    cdf1 = 0.5 * (1.0 + special.erf(d1 / numpy.sqrt(2.0)))
    cdf2 = 0.5 * (1.0 + special.erf((d1 - root) / numpy.sqrt(2.0)))
    return spot * cdf1 - strike * np.exp(-rate * years) * cdf2


@program(lambda r: (100.0, 0.3, 0.02), reach=0.02)
def binomial_tree_option(np, spot, volatility, rate):
    steps, dt = 6, 0.1
    up = np.exp(volatility * numpy.sqrt(dt))
    chance = (np.exp(rate * dt) - 1.0 / up) / (up - 1.0 / up)
    value = np.maximum(97.0 - spot * up ** (2.0 * numpy.arange(steps + 1.0) - steps), 0.0)
    for step in range(steps - 1, -1, -1):
        value = np.exp(-rate * dt) * (chance * value[1:] + (1.0 - chance) * value[:-1])
        now = spot * up ** (2.0 * numpy.arange(step + 1.0) - step)
        value = np.maximum(value, 97.0 - now)
    return value[0]


@program(lambda r: (r.normal(size=4), r.normal(size=(8, 4))))
def sharpe_ratio(np, logits, returns):
    weights = np.exp(logits) / np.sum(np.exp(logits))
    earned = returns @ weights
    return earned.mean() / np.sqrt(earned.var(ddof=1))

"""Styles: classes, generators, closures, decorators, interpreters, events, networks, optimisers."""

# ruff: noqa: B905, RUF012

import functools
import heapq
import itertools
import math
import operator
import re
import time
from collections import deque, namedtuple
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum, auto

import numpy as np
from numpy import cos, exp, pi, sqrt
from scipy.special import expit

OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": pow,
}


def evaluate(node, names):
    match node:
        case int() | float():
            return node
        case str():
            return names[node]
        case ("let", name, value, body):
            return evaluate(body, {**names, name: evaluate(value, names)})
        case ("larger?", a, b, then, otherwise):
            chosen = then if evaluate(a, names) > evaluate(b, names) else otherwise
            return evaluate(chosen, names)
        case (symbol, left, right) if symbol in OPERATORS:
            return OPERATORS[symbol](evaluate(left, names), evaluate(right, names))
        case (function, argument):
            return getattr(math, function)(evaluate(argument, names))
        case _:
            raise SyntaxError(f"what is {node!r}?")


def interpreted_program(x, tree):
    return evaluate(tree, {"x": x, "pi": math.pi})


class Calculator:
    """Reads a formula by recursive descent, and computes while it reads."""

    functions = {"sin": math.sin, "exp": math.exp, "sqrt": math.sqrt}

    def __init__(self, text, **variables):
        self.tokens = re.findall(r"\d+\.?\d*|\w+|\S", text)
        self.variables = variables

    def accept(self, *wanted):
        if self.tokens and self.tokens[0] in wanted:
            return self.tokens.pop(0)
        return None

    def expression(self):
        value = self.term()
        while sign := self.accept("+", "-"):
            value = value + self.term() if sign == "+" else value - self.term()
        return value

    def term(self):
        value = self.factor()
        while sign := self.accept("*", "/"):
            if sign == "*":
                value *= self.factor()
            else:
                value /= self.factor()
        return value

    def factor(self):
        if self.accept("-"):
            return -self.factor()
        if self.accept("("):
            value = self.expression()
            assert self.accept(")"), f"a parenthesis is not closed before {self.tokens}"
            return value
        token = self.tokens.pop(0)
        if token in self.functions:
            return self.functions[token](self.factor())
        return self.variables[token] if token in self.variables else float(token)


def typed_formula_misfit(p, text, times, data):
    a, b, c = p
    model = [Calculator(text, a=a, b=b, c=c, t=float(t)).expression() for t in times]
    return sum((m - d) ** 2 for m, d in zip(model, data)) / len(model)


def cost_of(part, prices, depth=0):
    if depth > 20:
        raise RecursionError("a part that contains itself")
    own = part["mass"] * prices[part["material"]] if "material" in part else 0.0
    below = sum(n * cost_of(child, prices, depth + 1) for n, child in part.get("children", ()))
    return own + below ** part.get("rebate", 1.0)


def bill_of_materials(prices, names, product):
    return cost_of(product, dict(zip(names, prices))) * (1.19 if product.get("taxed") else 1)


class Dense:
    def __init__(self, weights, bias):
        self.W, self.b = weights, bias

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad, rate):
        back = grad @ self.W.T
        self.W -= rate * self.x.T @ grad
        self.b -= rate * grad.sum(axis=0)
        return back


class Tanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, grad, rate):
        return grad * (1 - self.y**2)


class Network:
    def __init__(self, *sizes, seed=0):
        rng = np.random.default_rng(seed)
        self.layers = []
        for n, m in itertools.pairwise(sizes):
            self.layers += [Dense(rng.normal(0, 1 / sqrt(n), size=(n, m)), np.zeros(m)), Tanh()]
        self.layers.pop()

    def __call__(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def train(self, x, y, rate, epochs):
        for _ in range(epochs):
            grad = 2 * (self(x) - y) / len(x)
            for layer in reversed(self.layers):
                grad = layer.backward(grad, rate)


def loss_after_training(rate, x, y, epochs=12):
    net = Network(x.shape[1], 5, 1, seed=4)
    net.train(x, y, rate, epochs)
    return float(np.mean((net(x) - y) ** 2))


def recurrent_loss(theta, shapes, series):
    """Forecast loss of a gated recurrent cell whose weights lie one after another in theta."""
    p, start = {}, 0
    for name, shape in shapes.items():
        size = math.prod(shape)
        p[name] = theta[start : start + size].reshape(shape)
        start += size
    assert start == theta.size, f"{theta.size} weights for {start} places"
    h = np.zeros(shapes["out"][0])
    losses = []
    for now, after in zip(series[:-1], series[1:]):
        z = np.append(h, [now, 1.0])
        gate = expit(p["gate"] @ z)
        h = gate * h + (1 - gate) * np.tanh(p["new"] @ z)
        losses.append((p["out"] @ h - after) ** 2)
    return np.mean(losses)


class Descent:
    def __init__(self, rate):
        self.rate = rate
        self.steps = 0

    def direction(self, g):
        return g

    def step(self, p, g):
        self.steps += 1
        p -= self.rate * self.direction(g)


class Momentum(Descent):
    def __init__(self, rate, beta=0.9):
        super().__init__(rate)
        self.beta, self.velocity = beta, 0.0

    def direction(self, g):
        self.velocity = self.beta * self.velocity + super().direction(g)
        return self.velocity


class Adam(Momentum):
    def __init__(self, rate, beta=0.9, beta2=0.99):
        super().__init__(rate, beta)
        self.beta2, self.square = beta2, np.zeros(2)

    def direction(self, g):
        mean = (1 - self.beta) * super().direction(g) / (1 - self.beta**self.steps)
        self.square *= self.beta2
        self.square += (1 - self.beta2) * g**2
        return mean / (np.sqrt(self.square / (1 - self.beta2**self.steps)) + 1e-8)


def value_after_descent(hyper, start, method, rounds):
    """Where an optimiser with these hyperparameters arrives in a curved valley."""
    optimiser = {"plain": Descent, "momentum": Momentum, "adam": Adam}[method](*hyper)
    p = np.array(start, dtype=float)
    for _ in range(rounds):
        x, y = p
        optimiser.step(p, np.array([2 * (x - 1) - 40 * x * (y - x**2), 20 * (y - x**2)]))
    return (1 - p[0]) ** 2 + 10 * (p[1] - p[0] ** 2) ** 2


def rosenbrock(x):
    f = 0.0
    for i in range(0, len(x) - 1):
        f += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return f


def ackley(x, a=20, b=0.2, c=2 * pi):
    n = x.size
    radius = sqrt((x**2).sum() / n)
    waves = cos(c * x).sum() / n
    return -a * exp(-b * radius) - exp(waves) + a + np.e


def griewank(x):
    factors = (math.cos(v / math.sqrt(i)) for i, v in enumerate(x, 1))
    return 1 + sum(map(lambda v: v * v, x)) / 4000 - functools.reduce(operator.mul, factors)


def himmelblau(point):
    Residuals = namedtuple("Residuals", ["first", "second"])
    x, y = point
    r = Residuals(first=x**2 + y - 11, second=x + y**2 - 7)
    return r.first**2 + r.second**2


def beale(point):
    x, y, *rest = point.tolist()
    assert not rest, "two coordinates"
    return sum((c - x + x * y**k) ** 2 for k, c in enumerate([1.5, 2.25, 2.625], start=1))


class StyblinskiTang:
    """Counts its calls, and remembers the best value that it met."""

    def __init__(self, *coefficients):
        self.coefficients = coefficients or (1, 0, -16, 5, 0)
        self.calls, self.best = 0, np.inf

    def __call__(self, x):
        self.calls += 1
        value = 0.5 * np.polyval(self.coefficients, np.asarray(x, dtype=float)).sum()
        self.best = min(self.best, value)
        return value


def best_of_pattern(x):
    landscape = StyblinskiTang()
    for shift in itertools.product([-0.5, 0, 0.5], repeat=len(x)):
        landscape(x + np.array(shift))
    return landscape.best / math.log(landscape.calls)


class Mode(Enum):
    RESTING = auto()
    HEATING = auto()
    COOLING = auto()


def thermostat_bill(power, weather, start=18.0):
    rules = {
        Mode.RESTING: lambda t: (
            Mode.HEATING if t < 19 else Mode.COOLING if t > 24 else Mode.RESTING
        ),
        Mode.HEATING: lambda t: Mode.HEATING if t < 21 else Mode.RESTING,
        Mode.COOLING: lambda t: Mode.COOLING if t > 22 else Mode.RESTING,
    }
    mode, inside, bill = Mode.RESTING, start, 0.0
    for outside in weather:
        mode = rules[mode](inside)
        match mode:
            case Mode.HEATING:
                inside += power
                bill += 0.3 * power
            case Mode.COOLING:
                inside -= 0.8 * power
                bill += 0.5 * power**1.5
        inside += 0.1 * (outside - inside)
    return bill + (inside - 20) ** 2


def waiting_in_line(service, arrivals, servers=2):
    """Mean square wait of customers, by a queue of events."""
    events = [(t, who, "comes") for who, t in enumerate(arrivals)]
    heapq.heapify(events)
    line, waits, free = deque(), [], servers
    while events:
        now, who, what = heapq.heappop(events)
        if what == "comes":
            line.append((now, who))
        else:
            free += 1
        while free > 0 and line:
            since, customer = line.popleft()
            waits.append(now - since)
            heapq.heappush(events, (now + service[customer], customer, "goes"))
            free -= 1
    return float(np.mean(np.array(waits) ** 2))


def lotka_volterra(t, z, *, growth=1.0, bite=0.6, death=0.8, gain=0.5):
    hares, foxes = z
    return np.array([growth * hares - bite * hares * foxes, gain * hares * foxes - death * foxes])


def integrate(rhs, z0, t1, steps=50, callback=None, **parameters):
    f = functools.partial(rhs, **parameters)
    z, h = np.asarray(z0, dtype=float), t1 / steps
    for k in range(steps):
        k1 = f(k * h, z)
        k2 = f((k + 0.5) * h, z + h / 2 * k1)
        k3 = f((k + 0.5) * h, z + h / 2 * k2)
        k4 = f((k + 1) * h, z + h * k3)
        z = z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        if callback is not None and callback(k * h, z):
            break
    return z


def hares_seen(rates, z0, stop=6.0):
    history = {"t": [], "hares": []}

    def watch(t, z):
        history["t"].append(t)
        history["hares"].append(z[0])
        return z[1] > stop

    last = integrate(lotka_volterra, z0, 5.0, callback=watch, growth=rates[0], bite=rates[1])
    return np.trapezoid(history["hares"], history["t"]) + last[1]


def make_controller(kp, ki, kd):
    total, previous = 0.0, None

    def control(error, dt):
        nonlocal total, previous
        total += error * dt
        slope = 0.0 if previous is None else (error - previous) / dt
        previous = error
        return kp * error + ki * total + kd * slope

    return control


def controlled_oven(gains, goal=80.0, dt=0.5):
    control = make_controller(*gains)
    temperature, cost = 20.0, 0.0
    for k in range(60):
        u = control(goal - temperature, dt)
        temperature += dt * (0.1 * u - 0.05 * (temperature - 20.0))
        cost += dt * abs(goal - temperature) * (k * dt)
    return cost


@contextmanager
def temporarily(thing, **values):
    old = {name: getattr(thing, name) for name in values}
    for name, value in values.items():
        setattr(thing, name, value)
    try:
        yield thing
    finally:
        for name, value in old.items():
            setattr(thing, name, value)


@dataclass
class Oscillator:
    stiffness: float
    damping: float = 0.1
    trace: list = field(default_factory=list)

    def run(self, x=1.0, v=0.0, dt=0.1, steps=40):
        self.trace.clear()
        for _ in range(steps):
            v -= dt * (self.stiffness * x + self.damping * v + 0.2 * x**3)
            x += dt * v
            self.trace.append(x)
        return np.std(self.trace)


def damping_ratio(stiffness):
    spring = Oscillator(stiffness)
    with temporarily(spring, damping=0.0) as free:
        ideal = free.run()
    return spring.run() / ideal + spring.damping


def resistance(unit, circuit):
    match circuit:
        case ["series", *parts]:
            return sum(resistance(unit, part) for part in parts)
        case ["parallel", *parts]:
            try:
                return 1 / sum(1 / resistance(unit, part) for part in parts)
            except ZeroDivisionError:
                return 0.0
        case turns:
            return turns * unit / (1 + 0.01 * turns * unit)


def largest_root(coefficients):
    """Largest real root of a cubic: Cardano's formula, or Viete's where that fails."""
    a, b, c, d = (float(v) for v in coefficients)
    p = (3 * a * c - b * b) / (3 * a * a)
    q = (2 * b**3 - 9 * a * b * c + 27 * a * a * d) / (27 * a**3)
    try:
        root = math.sqrt(q * q / 4 + p**3 / 27)
    except ValueError:
        r = 2 * math.sqrt(-p / 3)
        t = r * math.cos(math.acos(3 * q / (p * r)) / 3)
    else:
        t = math.cbrt(-q / 2 + root) + math.cbrt(-q / 2 - root)
    return t - b / (3 * a)


def tide_forecast(level, hours, periods, ahead):
    """Tide some hours ahead from past levels: a harmonic basis, a ridge, and normal equations."""
    basis = [lambda t: np.ones_like(t)]
    for period in periods:
        basis.append(lambda t, w=2 * np.pi / period: np.cos(w * t))
        basis.append(lambda t, w=2 * np.pi / period: np.sin(w * t))
    A = np.column_stack([phi(hours) for phi in basis])
    weights = np.linalg.solve(A.T @ A + 1e-3 * np.eye(len(basis)), A.T @ level)
    return sum(w * phi(ahead) for w, phi in zip(weights, basis)) ** 2


def legendre_sum(x, coefficients):
    memo = {0: 1.0, 1: x}

    def P(n):
        if n not in memo:
            memo[n] = ((2 * n - 1) * x * P(n - 1) - (n - 1) * P(n - 2)) / n
        return memo[n]

    return sum(c * P(n) for n, c in coefficients.items())


def soft_alignment(a, b, gamma=0.5):
    """Soft dynamic time warping between two series."""

    @functools.cache
    def best(i, j):
        if i < 0 or j < 0:
            return 0.0 if i == j else np.inf
        before = [best(i - 1, j), best(i, j - 1), best(i - 1, j - 1)]
        before = [c for c in before if c < np.inf]
        low = min(before)
        soft = low - gamma * np.log(sum(np.exp((low - c) / gamma) for c in before))
        return (a[i] - b[j]) ** 2 + soft

    return best(len(a) - 1, len(b) - 1)


def haar(view, forward=True):
    """The Haar transform of a view, in place, by halves."""
    if len(view) < 2:
        return
    half = len(view) // 2
    low, high = view[:half], view[half:]
    if forward:
        even, odd = view[::2].copy(), view[1::2].copy()
        low[:], high[:] = (even + odd) / math.sqrt(2), (even - odd) / math.sqrt(2)
        haar(low)
    else:
        haar(low, forward=False)
        low, high = low.copy(), high.copy()
        view[::2] = (low + high) / math.sqrt(2)
        view[1::2] = (low - high) / math.sqrt(2)


def denoised_roughness(signal, threshold):
    work = signal.copy()
    haar(work)
    details = work[1:]
    small = np.abs(details) < threshold
    details[small] = 0
    details[~small] -= threshold * np.sign(details[~small])
    haar(work, forward=False)
    return np.sum(np.diff(work) ** 2) + np.sum((work - signal) ** 2)


def smoothed(source, weight):
    level = None
    for value in source:
        level = value if level is None else weight * value + (1 - weight) * level
        yield level


def windows(source, n):
    last = deque(maxlen=n)
    for value in source:
        last.append(value)
        if len(last) == n:
            yield tuple(last)


def streamed_volatility(weight, prices):
    returns = (math.log(b / a) for a, b in itertools.pairwise(prices))
    spread = (max(w) - min(w) for w in windows(smoothed(returns, weight), 4))
    busy = itertools.takewhile(lambda s: s > 1e-4, spread)
    return 100 * sum(itertools.islice(busy, 12))


def loan_interest(rate, principal, payments):
    """Interest paid in all, and the time value of what is still owed."""
    owed = list(itertools.accumulate(payments, lambda d, p: d * (1 + rate) - p, initial=principal))
    if min(owed) < 0:
        raise ValueError(f"overpaid in month {next(k for k, d in enumerate(owed) if d < 0)}")
    return sum(rate * d for d in owed[:-1]) + owed[-1] / (1 + rate) ** len(payments)


def timed(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        begin = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            wrapper.spent += time.perf_counter() - begin

    wrapper.spent = 0.0
    return wrapper


@functools.lru_cache(maxsize=None)  # noqa: UP033
def gauss_rule(n):
    return np.polynomial.legendre.leggauss(n)


@timed
def pendulum_period(amplitude, length=1.0, order=16):
    nodes, weights = gauss_rule(order)
    phi = (nodes + 1) * np.pi / 4
    k = math.sin(amplitude / 2)
    return (
        4
        * math.sqrt(length / 9.81)
        * np.pi
        / 4
        * np.sum(weights / sqrt(1 - (k * np.sin(phi)) ** 2))
    )


@dataclass(frozen=True)
class Epidemic:
    susceptible: float
    infected: float
    recovered: float = 0.0

    def __post_init__(self):
        if not math.isclose(sum(vars(self).values()), 1.0):
            raise ValueError(f"shares add to {sum(vars(self).values())}")

    def tomorrow(self, contact, recovery):
        new, well = contact * self.susceptible * self.infected, recovery * self.infected
        return replace(
            self,
            susceptible=self.susceptible - new,
            infected=self.infected + new - well,
            recovered=self.recovered + well,
        )


def peak_of_epidemic(contact, recovery=0.1):
    days = [Epidemic(0.99, 0.01)]
    while len(days) < 80 and days[-1].infected > 1e-4:
        days.append(days[-1].tomorrow(contact, recovery))
    return max(day.infected for day in days) + days[-1].recovered


class Tank:
    def __init__(self, area, drain):
        self.area, self.drain = area, drain
        self._level = 0.0

    @property
    def level(self):
        return self._level

    @level.setter
    def level(self, value):
        if value < 0:
            raise ValueError("a tank cannot hold less than nothing")
        self._level = min(value, 10.0)

    @property
    def outflow(self):
        return self.drain * math.sqrt(2 * 9.81 * self.level) if self.level > 0 else 0.0

    def fill(self, inflow, dt):
        self.level += dt * (inflow - self.outflow) / self.area


def cascade_level(area, inflow, dt=0.5):
    first, second = Tank(area, 0.1), Tank(1.5, 0.07)
    for q in inflow:
        second.fill(first.outflow, dt)
        first.fill(q, dt)
    return first.level + 2 * second.level


@functools.singledispatch
def penalty(node):
    raise TypeError(f"no penalty for {type(node).__name__}")


@penalty.register(dict)
def _(node):
    return sum(penalty(v) for k, v in node.items() if not k.startswith("bias"))


@penalty.register(list)
@penalty.register(tuple)
def _(node):
    return max(penalty(v) for v in node)


@penalty.register(np.ndarray)
def _(node):
    return np.sum(node**2) ** 0.5


def regularised_model(theta):
    model = {"bias": theta[0], "layers": [theta[1:5].reshape(2, 2), theta[5:]], "head": theta[:3]}
    return penalty(model) + model["bias"] ** 2


_rng = np.random.default_rng(11)
_series = np.cumsum(_rng.normal(size=8)) / 3
_tree = ("let", "y", ("sqrt", ("+", ("^", "x", 2), 1)))
_tree += (("larger?", "y", 2, ("*", "y", ("sin", "x")), ("/", "pi", ("exp", "y"))),)
_formula = "a*exp(-b*t) + c*sin(3*t)/(1 + t) - sqrt(t + 0.5)"
_frame = {"mass": 2.5, "material": "steel"}
_spoke, _tyre = {"mass": 0.01, "material": "steel"}, {"mass": 0.4, "material": "rubber"}
_wheel = {"children": [(36, _spoke), (1, _tyre)]}
_bicycle = {"taxed": True, "rebate": 0.95, "children": [(2, _wheel), (1, _frame)]}
_hours = np.sort(_rng.uniform(0, 60, size=16))
_level = np.cos(_hours / 2) + 0.2 * _rng.normal(size=16)
_x = _rng.normal(size=(8, 3))
_circuit = ["series", 1.0, ["parallel", 2.0, ["series", 3.0, 0.5]], ["parallel", 4.0, 0.0], 0.7]

PROGRAMS = [
    (interpreted_program, (2.3, _tree)),
    (typed_formula_misfit, (np.array([1.2, 0.4, -0.8]), _formula, range(5), _series[:5])),
    (bill_of_materials, (np.array([1.3, 4.2]), ["steel", "rubber"], _bicycle)),
    (loss_after_training, (0.15, _x, np.sin(_x[:, :1]) * _x[:, 1:2])),
    (recurrent_loss, (_rng.normal(size=33), {"gate": (3, 5), "new": (3, 5), "out": (3,)}, _series)),
    (value_after_descent, (np.array([0.05, 0.85, 0.98]), (-0.6, 0.4), "adam", 40)),
    (rosenbrock, (_rng.normal(size=6),)),
    (ackley, (_rng.normal(size=4),)),
    (griewank, (_rng.uniform(-4, 4, size=5),)),
    (himmelblau, (np.array([1.3, -0.7]),)),
    (beale, (np.array([0.8, 0.3]),)),
    (best_of_pattern, (np.array([-2.1, 1.2, 0.4]),)),
    (thermostat_bill, (1.3, 12 + 9 * np.sin(np.linspace(0, 9, 90)))),
    (waiting_in_line, (_rng.uniform(2, 4, size=14), np.cumsum(_rng.exponential(1.1, size=14)))),
    (hares_seen, (np.array([1.1, 0.55]), [1.2, 0.9])),
    (controlled_oven, (np.array([2.0, 0.15, 0.8]),)),
    (damping_ratio, (1.7,)),
    (resistance, (2.0, _circuit)),
    (largest_root, (np.array([1.0, -2.1, -3.2, 1.4]),)),
    (tide_forecast, (_level, _hours, (12.42, 24.0), np.array(70.0))),
    (legendre_sum, (0.37, {0: 0.5, 3: -1.2, 8: 0.7, 15: 2.0})),
    (soft_alignment, (_series, np.sin(np.arange(7) / 2))),
    (denoised_roughness, (_rng.normal(size=32), 0.6)),
    (streamed_volatility, (0.4, 100 + np.cumsum(_rng.normal(size=40)))),
    (loan_interest, (0.012, 1000.0, [60.0] * 8 + [90.0] * 6)),
    (pendulum_period, (1.1,)),
    (peak_of_epidemic, (0.31,)),
    (cascade_level, (2.0, 0.4 + 0.3 * np.sin(np.arange(50) / 5))),
    (regularised_model, (_rng.normal(size=8),)),
]

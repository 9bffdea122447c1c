"""Long loops as `scan`: gradients of recurrences whose steps are short.

- `scalars`: 614 steps of a filter whose state is a dictionary of 60 numbers, each of which follows
  the one before it: the shape of a known regression of XLA's CPU backend (jax-ml/jax#40150).
- `lorenz`: 10,000 steps of the classical Runge-Kutta method; the gradient with respect to the
  initial state and the three parameters.
- `lstm`: two layers of 14 units over 1,024 steps, with the diagonal gates of ADBench and
  GradBench (its formulas); and with full matrices.
"""

import numpy as np

from .record import Program, Side

LEAVES, STEPS = 60, 614
UNITS, LAYERS, LENGTH = 14, 2, 1024


def scan_of(library):
    """The library's `scan`."""
    return library.lax.scan if hasattr(library, "lax") else library.scan


# ---------------------------------------------------------------------------------- many numbers


def filter_data(size):
    """The first state, the rates, and what is observed."""
    rng = np.random.default_rng(0)
    return rng.normal(size=LEAVES), rng.uniform(0.1, 0.9, LEAVES), rng.normal(size=size)


def filtered(library, np):
    """The sum of squared surprises of a chain of 60 estimates."""

    def loss(start, rates, seen):
        state = {f"x{k:02d}": start[k] for k in range(LEAVES)}
        rate = {f"x{k:02d}": rates[k] for k in range(LEAVES)}

        def step(state, u):
            found, before, surprise = {}, u, 0.0
            for name, x in state.items():
                error = before - x
                gain = rate[name] / (1.0 + np.exp(-x))
                before = x + gain * error / (1.0 + error * error)
                found[name] = before
                surprise = surprise + gain * error * error
            return found, surprise

        return np.sum(scan_of(library)(step, state, seen)[1])

    return loss


# ---------------------------------------------------------------------------------------- Lorenz


def lorenz_data(size):
    """The initial state and the parameters; the steps follow from the size of the third."""
    return np.array([1.0, 1.0, 1.0]), np.array([10.0, 28.0, 8.0 / 3.0]), np.zeros(size)


def lorenz(library, np):
    """The sum of the last state after so many steps of a thousandth."""

    def loss(state, parameters, ticks):
        sigma, rho, beta = parameters[0], parameters[1], parameters[2]
        h = 0.001

        def slope(x):
            return np.stack(
                [sigma * (x[1] - x[0]), x[0] * (rho - x[2]) - x[1], x[0] * x[1] - beta * x[2]]
            )

        def step(x, tick):
            k1 = slope(x)
            k2 = slope(x + 0.5 * h * k1)
            k3 = slope(x + 0.5 * h * k2)
            k4 = slope(x + h * k3)
            return x + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4), None

        return np.sum(scan_of(library)(step, state, ticks)[0])

    return loss


# ------------------------------------------------------------------------------------------ LSTM


def lstm_data(size):
    """Weights and biases of each layer's gates, those of the ends, the first state, and data."""
    rng = np.random.default_rng(0)
    main = rng.normal(size=(2 * LAYERS, 4 * UNITS))
    ends = rng.normal(size=(3, UNITS))
    state = rng.normal(size=(2 * LAYERS, UNITS))
    return main, ends, state, rng.uniform(size=(size, UNITS))


def matrix_data(size):
    """The same with a matrix for each layer's gates."""
    rng = np.random.default_rng(0)
    main = rng.normal(size=(LAYERS, 4 * UNITS, 2 * UNITS + 1)) / UNITS
    _, ends, state, sequence = lstm_data(size)
    return main, ends, state, sequence


def network(library, np, gates):
    """The mean surprise of each row by what the rows before it predict."""

    def sigmoid(x):
        return 1.0 / (1.0 + np.exp(-x))

    def loss(main, ends, state, sequence):
        def step(state, pair):
            x, wanted = pair
            x = x * ends[0]
            found = []
            for layer in range(LAYERS):
                hidden, cell = state[2 * layer], state[2 * layer + 1]
                g = gates(main, layer, x, hidden, np)
                forget, ingate = sigmoid(g[:UNITS]), sigmoid(g[UNITS : 2 * UNITS])
                outgate = sigmoid(g[2 * UNITS : 3 * UNITS])
                cell = cell * forget + ingate * np.tanh(g[3 * UNITS :])
                x = outgate * np.tanh(cell)
                found += [x, cell]
            y = x * ends[1] + ends[2]
            y = y - np.log(2.0 + np.sum(np.exp(y)))
            return np.stack(found), np.sum(wanted * y)

        total = np.sum(scan_of(library)(step, state, (sequence[:-1], sequence[1:]))[1])
        return -total / ((sequence.shape[0] - 1) * UNITS)

    return loss


def diagonal(main, layer, x, hidden, np):
    """The gates of ADBench: a weight for each number."""
    both = np.concatenate([x, hidden, x, hidden])
    return both * main[2 * layer] + main[2 * layer + 1]


def full(main, layer, x, hidden, np):
    """The gates of a standard LSTM."""
    return main[layer, :, :-1] @ np.concatenate([x, hidden]) + main[layer, :, -1]


# -------------------------------------------------------------------------------------- programs


def program(name, make, data, size, argnums, target):
    """The gradient by both libraries, compiled."""

    def function(*arguments):
        import adjoint as ad

        return make(ad, np)(*arguments)

    def ours():
        import adjoint as ad

        return ad.jit(ad.grad(make(ad, np), argnums))

    def jax():
        import jax

        return jax.jit(jax.grad(make(jax, jax.numpy), argnums))

    sides = {"adjoint": Side("adjoint", ours), "jax": Side("jax", jax)}
    return Program(name, function, data, size, sides, {"jax": target} if target else {})


PROGRAMS = [
    program("scan scalars", filtered, filter_data, STEPS, (0, 1), 1 / 20),
    program("scan lorenz", lorenz, lorenz_data, 10_000, (0, 1), 1 / 10),
    program("scan lstm", lambda library, np: network(library, np, diagonal), lstm_data, LENGTH,
            (0, 1), 1 / 5),
    program("scan lstm matrix", lambda library, np: network(library, np, full), matrix_data, LENGTH,
            (0, 1), None),
]  # fmt: skip

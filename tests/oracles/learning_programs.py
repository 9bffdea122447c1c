"""Programs from statistics and machine learning."""

from functools import reduce
from typing import NamedTuple

import numpy
from registry import ARRAY, program


def log_sum_exp(np, x, axis):
    """The logarithm of a sum of exponentials, shifted by the largest."""
    top = np.max(x, axis=axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.sum(np.exp(x - top), axis=axis))


def sigmoid(np, x):
    """The logistic function."""
    return 1.0 / (1.0 + np.exp(-x))


# ---------------------------------------------------------------- regression


@program(lambda r: ({"w": r.normal(size=3), "b": 0.5}, r.normal(size=(6, 3)), r.normal(size=6)))
def linear_regression(np, parameters, x, y):
    return np.mean((x @ parameters["w"] + parameters["b"] - y) ** 2)


@program(lambda r: (r.normal(size=3), r.normal(size=(8, 3)), r.integers(0, 2, 8)))
def logistic_regression(np, w, x, labels):
    margin = (2 * labels - 1) * (x @ w)
    return np.sum(np.log1p(np.exp(-margin))) + 0.1 * w @ w


@program(lambda r: (r.normal(size=3) * 0.3, r.normal(size=(7, 3)), r.integers(0, 4, 7)))
def poisson_regression(np, special, w, x, counts):
    rate = x @ w
    return np.sum(np.exp(rate) - counts * rate + special.gammaln(counts + 1.0))


@program(lambda r: (r.normal(size=3), 3.5, 0.8, r.normal(size=(7, 3)), r.normal(size=7)))
def student_t_regression(np, special, w, freedom, spread, x, y):
    z = (y - x @ w) / spread
    constant = special.gammaln(0.5 * (freedom + 1.0)) - special.gammaln(0.5 * freedom)
    each = constant - 0.5 * np.log(numpy.pi * freedom) - np.log(spread)
    return -np.sum(each - 0.5 * (freedom + 1.0) * np.log1p(z**2 / freedom))


@program(lambda r: (r.normal(size=3), r.normal(size=(8, 3)), r.permutation(8),
                    numpy.array([1, 0, 1, 1, 0, 1, 1, 1])))  # fmt: skip
def cox_regression(np, beta, covariates, times, died):
    order = np.argsort(-times)
    risk = (covariates @ beta)[order]
    at_risk = np.log(np.cumsum(np.exp(risk)))
    return -np.sum(np.take(died, order) * (risk - at_risk))


@program(lambda r: (r.uniform(0.5, 2.0, (3,)), r.integers(0, 5, (6, 3))))
def dirichlet_multinomial(np, special, alpha, counts):
    total = np.sum(alpha)
    n = counts.sum(axis=1)
    each = special.gammaln(counts + alpha) - special.gammaln(alpha)
    return np.sum(each) + np.sum(special.gammaln(total) - special.gammaln(n + total))


@program(lambda r: (r.normal(size=(8, 3)), r.normal(size=8), 0.3), kinds="gradient jvp hvp")
def ridge_leave_one_out(np, x, y, penalty):
    gram = x.T @ x + penalty * numpy.eye(3)
    hat = x @ np.linalg.inv(gram) @ x.T
    residual = y - hat @ y
    return np.mean((residual / (1.0 - np.diag(hat))) ** 2)


@program(lambda r: (r.normal(size=6), r.uniform(0.2, 1.0, 6), r.normal(size=6)), kinds=ARRAY)
def huber_and_hinge(np, residual, width, margin):
    small = np.abs(residual) <= width
    huber = np.where(small, 0.5 * residual**2, width * (np.abs(residual) - 0.5 * width))
    return huber, np.maximum(0.0, 1.0 - margin), np.sum(np.maximum(margin, 0.1 * margin))


# ---------------------------------------------------------------- densities


@program(lambda r: ({"logits": r.normal(size=3), "means": r.normal(size=(3, 2)),
                     "factors": r.normal(size=(3, 2, 2))}, r.normal(size=(7, 2))))  # fmt: skip
def gaussian_mixture(np, parameters, x):
    lower = np.tril(parameters["factors"], -1)
    log_diagonal = np.diagonal(parameters["factors"], axis1=-2, axis2=-1)
    precision_root = lower + np.exp(log_diagonal)[..., None] * numpy.eye(2)
    centred = x[:, None, :] - parameters["means"]
    z = np.einsum("kij,nkj->nki", precision_root, centred)
    log_weights = parameters["logits"] - log_sum_exp(np, parameters["logits"], 0)
    each = log_weights + np.sum(log_diagonal, axis=-1) - 0.5 * np.sum(z**2, axis=-1)
    return np.sum(log_sum_exp(np, each, 1)) - 7 * numpy.log(2.0 * numpy.pi)


@program(lambda r: (r.normal(size=(5, 2)), {"length": 0.7, "scale": 1.2, "noise": 0.1},
                    r.normal(size=5)))  # fmt: skip
def gaussian_process_evidence(np, x, theta, y):
    squared = np.sum((x[:, None, :] - x[None, :, :]) ** 2, axis=-1)
    kernel = theta["scale"] ** 2 * np.exp(-0.5 * squared / theta["length"] ** 2)
    kernel = kernel + theta["noise"] * numpy.eye(5)
    root = np.linalg.cholesky(kernel)
    white = np.linalg.solve(root, y)
    return 0.5 * white @ white + np.sum(np.log(np.diag(root)))


@program(lambda r: (r.normal(size=(6, 2)), r.normal(size=6), 0.5, r.normal(size=(3, 2))))
def kernel_ridge_prediction(np, x, y, width, queries):
    def kernel(a, b):
        return np.exp(-width * np.sum(np.abs(a[:, None] - b[None]), axis=-1))

    weights = np.linalg.solve(kernel(x, x) + 0.1 * numpy.eye(6), y)
    return np.sum((kernel(queries, x) @ weights) ** 2)


@program(lambda r: (r.normal(size=(3, 3)), r.normal(size=(3, 4)), r.normal(size=3),
                    numpy.array([0, 3, 1, 1, 2, 0])))  # fmt: skip
def hidden_markov_forward(np, transition, emission, start, observed):
    log_transition = transition - log_sum_exp(np, transition, 1)[:, None]
    log_emission = emission - log_sum_exp(np, emission, 1)[:, None]
    alpha = start - log_sum_exp(np, start, 0) + log_emission[:, observed[0]]
    for symbol in observed[1:]:
        alpha = log_sum_exp(np, alpha[:, None] + log_transition, 0) + log_emission[:, symbol]
    return log_sum_exp(np, alpha, 0)


@program(lambda r: (r.normal(size=(4, 4)),), kinds="gradient jvp hvp")
def stationary_distribution(np, logits):
    rows = np.exp(logits) / np.sum(np.exp(logits), axis=1, keepdims=True)
    system = np.concatenate([(rows.T - numpy.eye(4))[:-1], numpy.ones((1, 4))])
    shares = np.linalg.solve(system, numpy.array([0.0, 0.0, 0.0, 1.0]))
    return -np.sum(shares * np.log(shares))


@program(lambda r: (r.normal(size=7), r.normal(size=7)))
def wasserstein_distance(np, sample, other):
    return np.mean(np.abs(np.sort(sample) - np.sort(other)) ** 1.5)


@program(lambda r: (r.normal(size=(6, 3)),), kinds="gradient jvp hvp")
def explained_variance(np, data):
    centred = data - data.mean(axis=0)
    values = np.linalg.eigvalsh(centred.T @ centred / 5.0)
    singular = np.linalg.svd(centred, compute_uv=False)
    return values[-1] / np.sum(values) + np.log(singular[0] / singular[-1])


@program(lambda r: (r.normal(size=3), r.normal(size=(3, 4))))
def sinkhorn_divergence(np, logits, cost):
    kernel = np.exp(-np.abs(cost))
    row = np.exp(logits) / np.sum(np.exp(logits))
    column = numpy.full(4, 0.25)
    u = numpy.ones(3)
    for _ in range(5):
        v = column / (kernel.T @ u)
        u = row / (kernel @ v)
    return np.sum(u[:, None] * kernel * v * cost)


# ---------------------------------------------------------------- networks


class Head(NamedTuple):
    """The last layer of a network."""

    weights: object
    bias: object


@program(lambda r: ({"layers": [(r.normal(size=(3, 4)), r.normal(size=4)),
                                (r.normal(size=(4, 2)), r.normal(size=2))],
                     "head": Head(r.normal(size=2), 0.3), "scale": 0.9}, r.normal(size=(5, 3))),
         kinds="gradient jvp vjp hvp hessian")  # fmt: skip
def nested_containers(np, model, x):
    for weights, bias in model["layers"]:
        x = np.tanh(x @ weights + bias)
    return np.sum(model["scale"] * (x @ model["head"].weights + model["head"].bias) ** 2)


@program(lambda r: ([r.normal(size=(4, 5)).astype("f4"), r.normal(size=(5, 3)).astype("f4")],
                    r.normal(size=(6, 4)).astype("f4"), r.integers(0, 3, 6)),
         kinds="gradient jvp hvp")  # fmt: skip
def single_precision_network(np, weights, x, labels):
    z = np.maximum(x @ weights[0], 0) @ weights[1]
    z = z - np.max(z, axis=1, keepdims=True)
    logp = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    return -np.mean(logp[numpy.arange(6), labels])


@program(lambda r: (r.normal(size=(5, 4)), r.integers(0, 4, 5)))
def softmax_cross_entropy(np, logits, labels):
    shifted = logits - logits.max(axis=-1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return -logp[np.arange(5), labels].mean()


@program(lambda r: (r.normal(size=8), r.uniform(0, 1, 8)))
def binary_cross_entropy(np, logits, targets):
    return np.mean(np.maximum(logits, 0) - logits * targets + np.log1p(np.exp(-np.abs(logits))))


@program(lambda r: (r.normal(size=(5, 4)), r.normal(size=(3, 4, 6)), r.normal(size=(6, 4))),
         kinds="gradient jvp hvp")  # fmt: skip
def multi_head_attention(np, x, projections, mixing):
    q, k, v = (np.reshape(x @ p, (5, 2, 3)).transpose(1, 0, 2) for p in projections)
    scores = q @ k.swapaxes(-1, -2) / numpy.sqrt(3.0)
    scores = np.where(numpy.tril(numpy.ones((5, 5), bool)), scores, -1e9)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    heads = (weights @ v).transpose(1, 0, 2).reshape(5, 6)
    return np.sum((x + heads @ mixing) ** 2)


@program(lambda r: (r.normal(size=(4, 6)), r.normal(size=6), r.normal(size=6)), kinds=ARRAY)
def layer_and_batch_norm(np, x, gain, bias):
    layer = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    batch = (x - np.mean(x, axis=0)) / (np.std(x, axis=0) + 1e-3)
    return layer * gain + bias, batch * np.exp(gain)


@program(lambda r: (r.normal(size=(2, 3, 8)), r.normal(size=(4, 3, 3)), r.normal(size=(4, 2))),
         kinds="gradient jvp hvp")  # fmt: skip
def convolutional_network(np, x, kernels, readout):
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1)))
    windows = padded[:, :, numpy.arange(8)[:, None] + numpy.arange(3)]
    features = np.einsum("ncpk,ock->nop", windows, kernels)
    pooled = np.maximum(features, 0.0).reshape(2, 4, 4, 2).max(axis=-1).mean(axis=-1)
    return np.sum((pooled @ readout) ** 2)


@program(lambda r: (r.normal(size=(3, 8)), r.normal(size=(2, 8)), r.normal(size=8),
                    r.normal(size=(4, 3))), kinds="gradient jvp hvp")  # fmt: skip
def lstm(np, inward, recurrent, bias, sequence):
    h = c = numpy.zeros(2)
    for x in sequence:
        gates = x @ inward + h @ recurrent + bias
        enter, forget, leave, new = np.split(gates, 4)
        c = sigmoid(np, forget) * c + sigmoid(np, enter) * np.tanh(new)
        h = sigmoid(np, leave) * np.tanh(c)
    return np.sum(h**2) + np.sum(c)


@program(lambda r: (r.normal(size=(3, 3)) * 0.4, r.normal(size=(2, 3)), r.normal(size=(6, 2))))
def recurrent_network(np, recurrent, inward, sequence):
    return np.sum(
        reduce(lambda h, x: np.tanh(h @ recurrent + x @ inward), sequence, numpy.zeros(3)) ** 2
    )


@program(lambda r: ({"z": r.normal(size=(2, 3)), "r": r.normal(size=(2, 3)),
                     "n": r.normal(size=(2, 3))}, r.normal(size=(3, 3, 3)), r.normal(size=(4, 2))),
         kinds="gradient jvp hvp")  # fmt: skip
def gated_recurrent_unit(np, inward, recurrent, sequence):
    h = numpy.zeros(3)
    for x in sequence:
        z = sigmoid(np, x @ inward["z"] + h @ recurrent[0])
        r = sigmoid(np, x @ inward["r"] + h @ recurrent[1])
        n = np.tanh(x @ inward["n"] + (r * h) @ recurrent[2])
        h = (1.0 - z) * n + z * h
    return np.sum(np.sin(h))


@program(lambda r: (r.normal(size=(3, 4)), r.normal(size=(2, 3)), r.normal(size=(5, 4)),
                    r.normal(size=(5, 2))), kinds="gradient jvp hvp")  # fmt: skip
def variational_autoencoder(np, encoder, decoder, x, noise):
    hidden = np.tanh(x @ encoder.T)
    mean, log_variance = hidden[:, :2], 0.5 * hidden[:, 1:]
    z = mean + np.exp(0.5 * log_variance) * noise
    rebuilt = np.tanh(z @ decoder) @ encoder
    divergence = -0.5 * np.sum(1.0 + log_variance - mean**2 - np.exp(log_variance))
    return np.sum((rebuilt - x) ** 2) + divergence


@program(lambda r: (r.normal(size=(4, 3)), r.normal(size=(4, 3))), kinds="gradient jvp hvp")
def contrastive_loss(np, left, right):
    u = left / np.linalg.norm(left, axis=1, keepdims=True)
    v = right / np.sqrt(np.sum(right * right, axis=1))[:, None]
    similarity = u @ v.T / 0.2
    rows, columns = log_sum_exp(np, similarity, 1), log_sum_exp(np, similarity, 0)
    return np.mean(rows + columns - 2.0 * np.trace(similarity) / 4.0)


@program(lambda r: (r.normal(size=(1, 6)), r.normal(size=6), r.normal(size=(6, 1))),
         kinds="gradient jvp hvp")  # fmt: skip
def physics_informed_residual(np, inward, bias, outward):
    x = numpy.linspace(0.05, 0.95, 8)[:, None]
    h = np.tanh(x * inward + bias)
    slope = (1.0 - h**2) * inward
    curvature = -2.0 * h * slope * inward
    residual = curvature @ outward + numpy.pi**2 * (h @ outward)
    return np.mean(residual**2) + ((h[0] - h[-1]) @ outward)[0] ** 2


@program(lambda r: (r.normal(size=(5, 3)), numpy.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 0]]),
                    r.normal(size=(3, 3))), kinds="gradient jvp hvp")  # fmt: skip
def graph_network(np, nodes, edges, weights):
    messages = np.tanh(nodes[edges[:, 0]] @ weights)
    arrives = (edges[:, 1] == np.arange(5)[:, None]).astype(float)
    return np.sum(np.maximum(nodes + arrives @ messages, 0.0) ** 2)


@program(lambda r: (r.normal(size=4), r.normal(size=(6, 4))), kinds="gradient jvp vjp hvp hessian")
def closures_and_functions(np, w, data):
    offset = data.mean(axis=0)

    def model(scale):
        def of(row):
            return np.dot(row - offset, w) * scale

        return of

    pieces = [np.sin, np.cos, lambda t: t**2]
    return sum(piece(model(k + 1.0)(row)) for k, piece in enumerate(pieces) for row in data[:3])

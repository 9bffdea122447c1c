"""Programs that learn: losses, networks and optimisers written out by hand."""

from itertools import pairwise

import numpy
from imperative_graphs import draws
from imperative_registry import program


def parameter(t, r, *shape, scale=1.0):
    """A leaf of normal numbers that requires a gradient."""
    return t.tensor(scale * r.normal(size=shape), requires_grad=True)


def softmax(t, x):
    """The softmax over the last axis, shifted by the detached greatest entry."""
    e = t.exp(x - t.max(x, axis=-1, keepdims=True).detach())
    return e / e.sum(axis=-1, keepdims=True)


def log_softmax(t, x):
    """Its logarithm, likewise."""
    shifted = x - t.max(x, axis=-1, keepdims=True).detach()
    return shifted - t.log(t.exp(shifted).sum(axis=-1, keepdims=True))


def sigmoid(t, x):
    """1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + t.exp(-x))


# ---------------------------------------------------------------- regression


@program
def linear_regression_by_descent(t):
    """Minibatch descent on a line with two slopes and an offset, with the cost's curve."""
    r = draws(61)
    true = numpy.array([2.0, -3.4])
    points = r.normal(size=(100, 2))
    noisy = points @ true + 4.2 + 0.01 * r.normal(size=100)
    inputs, targets = t.constant(points), t.constant(noisy)
    w, b = parameter(t, r, 2, scale=0.01), t.tensor(numpy.zeros(1), requires_grad=True)
    costs = []
    for _ in range(3):
        for start in range(0, 100, 20):
            picked = t.constant(numpy.arange(start, start + 20))
            loss = ((inputs[picked] @ w + b - targets[picked]) ** 2 / 2).mean()
            loss.backward()
            with t.no_grad():
                for value in (w, b):
                    value -= 0.2 * value.grad
                    value.grad = None
        with t.no_grad():
            costs.append(((inputs @ w + b - targets) ** 2).mean())
    return {"w": w, "b": b, "costs": t.stack(costs), "w.grad": w.grad}


@program
def perceptron_with_momentum(t):
    """Two layers, squared loss, momentum buffers and weight decay written in place."""
    r = draws(62)
    x, y = t.constant(r.normal(size=(40, 6))), t.constant(r.normal(size=(40, 2)))
    weights = [
        parameter(t, r, 6, 16, scale=0.3),
        t.tensor(numpy.zeros(16), requires_grad=True),
        parameter(t, r, 16, 2, scale=0.3),
        t.tensor(numpy.zeros(2), requires_grad=True),
    ]
    speeds = [t.tensor(numpy.zeros(tuple(w.shape))) for w in weights]
    losses = []
    for _ in range(10):
        hidden = t.maximum(x @ weights[0] + weights[1], 0.0)
        loss = ((hidden @ weights[2] + weights[3] - y) ** 2).mean()
        for w in weights:
            w.grad = None
        loss.backward()
        losses.append(loss.item())
        with t.no_grad():
            for w, speed in zip(weights, speeds, strict=True):
                speed.mul_(0.9).add_(w.grad + 1e-3 * w)
                w.sub_(speed, alpha=0.05)
    return {"weights": weights, "speeds": speeds, "losses": t.tensor(losses)}


@program
def logistic_regression(t):
    """Newton's steps for the logistic loss, with gradient and Hessian from the record."""
    r = draws(63)
    x = t.constant(r.normal(size=(80, 4)))
    labels = t.constant(numpy.where(r.uniform(size=80) < 0.4, -1.0, 1.0))
    w = t.tensor(numpy.zeros(4), requires_grad=True)
    losses = []
    for _ in range(4):
        loss = t.log1p(t.exp(-labels * (x @ w))).mean() + 0.01 * (w @ w)
        (gradient,) = t.grad(loss, w, create_graph=True)
        hessian = t.stack([t.grad(g, w, retain_graph=True)[0] for g in gradient])
        losses.append(loss.detach())
        with t.no_grad():
            w -= t.linalg.solve(hessian, gradient)
    return {"w": w, "losses": t.stack(losses), "hessian": hessian, "gradient": gradient}


@program
def softmax_cross_entropy(t):
    """Class scores, picked log-probabilities, accuracy, and the gradient p - onehot."""
    r = draws(64)
    x, labels = t.constant(r.normal(size=(50, 7))), t.constant(r.integers(0, 5, 50))
    w, b = parameter(t, r, 7, 5, scale=0.5), parameter(t, r, 5)
    scores = x @ w + b
    scores.retain_grad()
    picked = log_softmax(t, scores)[t.constant(numpy.arange(50)), labels]
    loss = -picked.mean()
    loss.backward()
    with t.no_grad():
        right = t.astype(scores.argmax(axis=1) == labels, t.float64).mean()
    return {
        "loss": loss,
        "w": w.grad,
        "b": b.grad,
        "scores": scores.grad,
        "accuracy": right,
        "flat": t.max(abs(scores.grad.sum(axis=1))),
    }


@program
def single_precision_training(t):
    """Everything in float32: data, weights, gradients and the optimiser's state stay float32."""
    r = draws(65)
    x = t.constant(r.normal(size=(32, 8)).astype("float32"))
    y = t.constant(r.normal(size=32).astype("float32"))
    w = t.tensor((0.3 * r.normal(size=(8, 8))).astype("float32"), requires_grad=True)
    v = t.tensor(r.normal(size=8), dtype=t.float32, requires_grad=True)
    square = t.tensor(numpy.zeros((8, 8), numpy.float32))
    for _ in range(5):
        loss = (0.5 * (t.tanh(x @ w) @ v - y) ** 2).mean()
        loss.backward()
        with t.no_grad():
            square = 0.9 * square + 0.1 * w.grad**2
            w -= 0.05 * w.grad / (t.sqrt(square) + 1e-4)
            v -= 0.05 * v.grad
        gradients = [w.grad, v.grad]
        w.grad, v.grad = None, None
    return {"loss": loss, "w": w, "v": v, "square": square, "gradients": gradients}


@program
def weights_in_two_precisions(t):
    """float64 master weights, float32 arithmetic: each gradient has its tensor's own dtype."""
    r = draws(66)
    master = parameter(t, r, 6, 4)
    x = t.constant(r.normal(size=(9, 6)).astype("float32"))
    single = t.tensor(r.normal(size=4), dtype=t.float32, requires_grad=True)
    hidden = t.tanh(x @ t.astype(master, t.float32)) * single
    wide = t.astype(hidden, t.float64) + t.constant(r.normal(size=4))
    loss = (wide**2).sum()
    loss.backward()
    return {"hidden": hidden, "wide": wide, "master": master.grad, "single": single.grad}


# ---------------------------------------------------------------- networks


@program
def recurrent_network(t):
    """A next-character model: one-hot inputs by index, a loop over time, clipped gradients."""
    r = draws(67)
    text = r.integers(0, 10, size=(25, 4))
    embed, mix = parameter(t, r, 10, 8, scale=0.3), parameter(t, r, 8, 8, scale=0.3)
    read, offset = parameter(t, r, 8, 10, scale=0.3), parameter(t, r, 10, scale=0.1)
    weights = [embed, mix, read, offset]
    lanes = t.constant(numpy.arange(4))
    losses = []
    for _ in range(2):
        state, loss = t.constant(numpy.zeros((4, 8))), 0.0
        for now, following in pairwise(text):
            state = t.tanh(embed[t.constant(now)] + state @ mix)
            scores = state @ read + offset
            loss = loss - log_softmax(t, scores)[lanes, t.constant(following)].mean()
        (loss / 24).backward()
        losses.append(loss.item() / 24)
        with t.no_grad():
            norm = t.sqrt(sum((w.grad**2).sum() for w in weights))
            for w in weights:
                w -= 0.5 * w.grad * t.minimum(1.0 / norm, 1.0)
        gradients = [w.grad.clone() for w in weights]
        for w in weights:
            w.grad.zero_()
    return {"losses": t.tensor(losses), "gradients": gradients, "state": state, "norm": norm}


@program
def long_short_term_memory(t):
    """An LSTM cell with its four gates in one product, over a sequence, read at the end."""
    r = draws(68)
    sequence = t.constant(r.normal(size=(12, 5, 3)))
    w = parameter(t, r, 3 + 6, 24, scale=0.4)
    b = t.tensor(numpy.concatenate([numpy.ones(6), numpy.zeros(18)]), requires_grad=True)
    hidden = cell = t.constant(numpy.zeros((5, 6)))
    outputs = []
    for x in sequence:
        gates = t.concatenate([x, hidden], axis=1) @ w + b
        forget, enter, leave = (sigmoid(t, gates[:, 6 * k : 6 * k + 6]) for k in range(3))
        cell = forget * cell + enter * t.tanh(gates[:, 18:])
        hidden = leave * t.tanh(cell)
        outputs.append(hidden)
    stacked = t.stack(outputs, axis=1)
    ((stacked[:, -1] ** 2).sum() + stacked.mean()).backward()
    return {"stacked": stacked, "cell": cell, "w": w.grad, "b": b.grad}


@program
def attention_with_causal_mask(t):
    """Two heads of masked attention with layer normalisation and a residual connection."""
    r = draws(69)
    x = parameter(t, r, 2, 9, 8)
    query, key, value, out = (parameter(t, r, 8, 8, scale=0.4) for _ in range(4))
    gain = t.tensor(numpy.ones(8), requires_grad=True)
    centred = x - x.mean(axis=-1, keepdims=True)
    normal = gain * centred / t.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)

    def heads(w):
        return t.transpose((normal @ w).reshape(2, 9, 2, 4), (0, 2, 1, 3))

    scores = t.einsum("bhqd,bhkd->bhqk", heads(query), heads(key)) / 2.0
    allowed = t.constant(numpy.tril(numpy.ones((9, 9), bool)))
    weights = softmax(t, t.where(allowed, scores, -1e9))
    mixed = t.transpose(weights @ heads(value), (0, 2, 1, 3)).reshape(2, 9, 8)
    result = x + mixed @ out
    (result**2).mean().backward()
    gradients = [w.grad for w in (x, query, key, value, out, gain)]
    return {"weights": weights, "result": result, "gradients": gradients}


@program
def convolution_by_slices(t):
    """A convolution as a sum over shifted slices, a rectifier, pooling and a linear read-out."""
    r = draws(70)
    images = parameter(t, r, 4, 2, 12, 12)
    kernel, offset = parameter(t, r, 3, 2, 3, 3, scale=0.3), parameter(t, r, 3)
    read = parameter(t, r, 75)
    total = t.tensor(numpy.zeros((4, 3, 10, 10)))
    for i in range(3):
        for j in range(3):
            patch = images[:, :, i : i + 10, j : j + 10]
            total = total + t.einsum("bchw,oc->bohw", patch, kernel[:, :, i, j])
    active = t.maximum(total + offset[:, None, None], 0.0)
    pooled = t.max(t.max(active.reshape(4, 3, 5, 2, 5, 2), axis=5), axis=3)
    scores = pooled.reshape(4, -1) @ read
    t.log1p(t.exp(scores)).sum().backward()
    gradients = [w.grad for w in (images, kernel, offset, read)]
    return {"pooled": pooled, "scores": scores, "gradients": gradients}


@program
def batch_normalisation_with_running_mean(t):
    """Statistics of the batch are differentiated; running ones are written under no_grad."""
    r = draws(71)
    gain, shift = parameter(t, r, 5), parameter(t, r, 5)
    w = parameter(t, r, 3, 5)
    mean, variance = t.tensor(numpy.zeros(5)), t.tensor(numpy.ones(5))
    for _ in range(3):
        hidden = t.constant(r.normal(size=(20, 3))) @ w
        middle = hidden.mean(axis=0)
        spread = ((hidden - middle) ** 2).mean(axis=0)
        output = gain * (hidden - middle) / t.sqrt(spread + 1e-5) + shift
        t.sin(output).sum().backward()
        with t.no_grad():
            mean.mul_(0.9).add_(middle, alpha=0.1)
            variance.mul_(0.9).add_(spread * (20 / 19), alpha=0.1)
    return {
        "mean": mean,
        "variance": variance,
        "flags": [mean.requires_grad, variance.requires_grad],
        "gradients": [gain.grad, shift.grad, w.grad],
    }


@program
def word_vectors_with_negative_samples(t):
    """Rows gathered by repeated indices: their gradients add up in the table."""
    r = draws(72)
    centres, contexts = parameter(t, r, 30, 6, scale=0.5), parameter(t, r, 30, 6, scale=0.5)
    centre, context = t.constant(r.integers(0, 30, 50)), t.constant(r.integers(0, 30, 50))
    negative = t.constant(r.integers(0, 30, (50, 4)))
    near = (centres[centre] * contexts[context]).sum(axis=1)
    far = t.einsum("nd,nkd->nk", centres[centre], contexts[negative])
    loss = t.log1p(t.exp(-near)).mean() + t.log1p(t.exp(far)).sum(axis=1).mean()
    loss.backward()
    return {"loss": loss, "centres": centres.grad, "contexts": contexts.grad}


@program
def dropout_and_clipped_norm(t):
    """Fixed dropout masks, an L1 penalty, clipping by the total norm, a decreasing rate."""
    r = draws(73)
    x, y = t.constant(r.normal(size=(30, 5))), t.constant(r.normal(size=30))
    first, second = parameter(t, r, 5, 12), parameter(t, r, 12)
    norms = []
    for step in range(6):
        mask = t.constant((r.uniform(size=(30, 12)) < 0.8) / 0.8)
        error = (t.tanh(x @ first) * mask) @ second - y
        loss = (error**2).mean() + 1e-2 * (abs(first).sum() + abs(second).sum())
        gradients = t.grad(loss, [first, second])
        norm = t.sqrt(sum((g * g).sum() for g in gradients))
        norms.append(norm)
        scale = 0.3 / (1 + step) / norm if norm > 1.0 else 0.3 / (1 + step)
        with t.no_grad():
            for w, g in zip((first, second), gradients, strict=True):
                w -= scale * g
    return {"first": first, "second": second, "norms": t.stack(norms), "grads": first.grad}


# ---------------------------------------------------------------- two players, two levels


@program
def critic_with_gradient_penalty(t):
    """WGAN-GP: the norm of the critic's gradient by its input is pushed to one."""
    r = draws(74)
    real, fake = t.constant(r.normal(size=(16, 5))), t.constant(1 + r.normal(size=(16, 5)))
    first, second = parameter(t, r, 5, 10, scale=0.5), parameter(t, r, 10, scale=0.5)

    def critic(points):
        return t.tanh(points @ first) @ second

    share = t.constant(r.uniform(size=(16, 1)))
    between = (share * real + (1 - share) * fake) * t.tensor(1.0)
    between.requires_grad_()
    (slope,) = t.grad(critic(between).sum(), between, create_graph=True)
    norm = t.linalg.norm(slope, axis=1)
    penalty = 10.0 * ((norm - 1) ** 2).mean()
    loss = critic(fake).mean() - critic(real).mean() + penalty
    loss.backward()
    return {
        "norm": norm,
        "penalty": penalty,
        "first": first.grad,
        "second": second.grad,
        "between": between.grad,
    }


@program
def generator_against_discriminator(t):
    """Two players by turns: the discriminator sees detached samples, the generator does not."""
    r = draws(75)
    make, shift = parameter(t, r, 3, 2), parameter(t, r, 2)
    judge, offset = parameter(t, r, 2), t.tensor(0.0, requires_grad=True)
    history = []
    for _ in range(4):
        noise, real = t.constant(r.normal(size=(20, 3))), t.constant(2 + r.normal(size=(20, 2)))
        fake = t.tanh(noise @ make) + shift
        for w in (judge, offset):
            w.grad = None
        wrong = t.log1p(t.exp(fake.detach() @ judge + offset)).mean()
        right = t.log1p(t.exp(-(real @ judge + offset))).mean()
        (wrong + right).backward()
        untouched = make.grad is None or bool((make.grad == 0).all())
        with t.no_grad():
            judge -= 0.2 * judge.grad
            offset -= 0.2 * offset.grad
        fooled = t.log1p(t.exp(-(fake @ judge + offset))).mean()
        fooled.backward(inputs=[make, shift])
        with t.no_grad():
            for w in (make, shift):
                w -= 0.2 * w.grad
                w.grad.zero_()
        history.append([untouched, wrong.item(), fooled.item()])
    return {
        "untouched": all(row[0] for row in history),
        "history": t.tensor([row[1:] for row in history]),
        "weights": [make, shift, judge, offset],
    }


@program
def meta_learning(t):
    """A start for several tasks: inner steps recorded, the outer gradient through all of them."""
    r = draws(76)
    start = [parameter(t, r, 1, 12), parameter(t, r, 12), parameter(t, r, 12, scale=0.3)]

    def loss(weights, x, y):
        return ((t.tanh(x @ weights[0] + weights[1]) @ weights[2] - y) ** 2).mean()

    total = 0.0
    for _ in range(3):
        height, phase = r.uniform(0.5, 2), r.uniform(0, 3)
        points = r.uniform(-3, 3, size=(2, 10, 1))
        x = t.constant(points)
        y = t.constant(height * numpy.sin(points[..., 0] + phase))
        weights = start
        for _ in range(2):
            gradients = t.grad(loss(weights, x[0], y[0]), weights, create_graph=True)
            weights = [w - 0.05 * g for w, g in zip(weights, gradients, strict=True)]
        total = total + loss(weights, x[1], y[1])
    total.backward()
    return {"total": total, "gradients": [w.grad for w in start]}


# ---------------------------------------------------------------- probability


@program
def matrix_factorisation_with_adam(t):
    """Observed entries of a table fitted by two factors, with Adam's moments by hand."""
    r = draws(77)
    table = r.normal(size=(20, 3)) @ r.normal(size=(3, 15))
    rows, columns = t.constant(r.integers(0, 20, 120)), t.constant(r.integers(0, 15, 120))
    seen = t.constant(table)[rows, columns]
    factors = [parameter(t, r, 20, 3, scale=0.5), parameter(t, r, 15, 3, scale=0.5)]
    moments = [[t.tensor(numpy.zeros(tuple(f.shape))) for f in factors] for _ in range(2)]
    losses = []
    for step in range(1, 11):
        guess = (factors[0][rows] * factors[1][columns]).sum(axis=1)
        loss = ((guess - seen) ** 2).mean() + 1e-3 * sum((f**2).sum() for f in factors)
        loss.backward()
        losses.append(loss.item())
        with t.no_grad():
            for f, m, v in zip(factors, *moments, strict=True):
                m.mul_(0.9).add_(f.grad, alpha=0.1)
                v.mul_(0.999).add_(f.grad * f.grad, alpha=0.001)
                f -= 0.05 * (m / (1 - 0.9**step)) / (t.sqrt(v / (1 - 0.999**step)) + 1e-8)
                f.grad = None
    return {"factors": factors, "losses": t.tensor(losses)}


@program
def variational_inference(t):
    """A normal fitted to a posterior by reparametrised draws whose noise is fixed."""
    r = draws(78)
    x, y = t.constant(r.normal(size=(40, 3))), t.constant(r.normal(size=40))
    centre, logarithm = parameter(t, r, 3), t.tensor(numpy.full(3, -1.0), requires_grad=True)
    bounds = []
    for _ in range(5):
        noise = t.constant(r.normal(size=(8, 3)))
        w = centre + t.exp(logarithm) * noise
        likelihood = -0.5 * ((x @ w.T - y[:, None]) ** 2).sum(axis=0)
        prior = -0.5 * (w**2).sum(axis=1)
        bound = (likelihood + prior).mean() + logarithm.sum()
        bounds.append(bound)
        by_centre, by_logarithm = t.grad(bound, [centre, logarithm])
        with t.no_grad():
            centre += 0.005 * by_centre
            logarithm += 0.005 * by_logarithm
    return {
        "centre": centre,
        "logarithm": logarithm,
        "bounds": t.stack(bounds),
        "gradients": [by_centre, by_logarithm],
    }


@program
def clusters_by_nearest_centre(t):
    """A k-means step: hard assignment by argmin, the cost's gradient moves each centre."""
    r = draws(79)
    points = t.constant(r.normal(size=(60, 2)) + 3 * r.integers(0, 3, size=(60, 1)))
    centres = t.tensor(numpy.array([[0.0, 0.0], [3.0, 2.5], [5.0, 6.0]]), requires_grad=True)
    for _ in range(3):
        squares = ((points[:, None] - centres[None]) ** 2).sum(axis=2)
        nearest = squares.argmin(axis=1)
        loss = 0.5 * t.min(squares, axis=1).sum()
        (gradient,) = t.grad(loss, centres, create_graph=True)
        counts = t.stack([t.grad(g, centres, retain_graph=True)[0].sum() for g in gradient[:, 0]])
        with t.no_grad():
            centres -= gradient / counts[:, None]
    return {"centres": centres, "nearest": nearest, "counts": counts, "loss": loss}


@program
def mixture_by_expectation_and_maximisation(t):
    """Responsibilities are the likelihood's gradient by log-weights; they then stay constant."""
    r = draws(80)
    data = t.constant(numpy.concatenate([r.normal(-2, 0.5, 40), r.normal(1, 1.0, 60)]))
    mean = t.tensor([-1.0, 0.5], requires_grad=True)
    spread = t.tensor([0.0, 0.0], requires_grad=True)
    weight = t.tensor(numpy.log([0.5, 0.5]), requires_grad=True)

    def joint():
        scaled = (data[:, None] - mean) * t.exp(-spread)
        return -0.5 * scaled**2 - spread + weight - 0.5 * numpy.log(2 * numpy.pi)

    for _ in range(3):
        scores = joint()
        top = t.max(scores, axis=1, keepdims=True).detach()
        likelihood = (t.log(t.exp(scores - top).sum(axis=1)) + top[:, 0]).sum()
        (shares,) = t.grad(likelihood, scores, retain_graph=True)
        exact = t.grad(likelihood, [mean, spread, weight])
        bound = t.grad((shares * joint()).sum(), [mean, spread, weight])
        with t.no_grad():
            counts = shares.sum(axis=0)
            mean.copy_((shares * data[:, None]).sum(axis=0) / counts)
            variance = (shares * (data[:, None] - mean) ** 2).sum(axis=0) / counts
            spread.copy_(0.5 * t.log(variance))
            weight.copy_(t.log(counts / 100))
    return {
        "parameters": [mean, spread, weight],
        "shares": shares,
        "exact": list(exact),
        "bound": list(bound),
        "likelihood": likelihood,
    }


@program
def policy_gradient(t):
    """REINFORCE on a small table of states, with a baseline that is detached."""
    r = draws(81)
    scores, baseline = parameter(t, r, 6, 3), t.tensor(numpy.zeros(6), requires_grad=True)
    states, actions = t.constant(r.integers(0, 6, 40)), t.constant(r.integers(0, 3, 40))
    rewards = t.constant(r.normal(size=40))
    for _ in range(3):
        chosen = log_softmax(t, scores)[states, actions]
        advantage = rewards - baseline[states]
        policy = -(chosen * advantage.detach()).mean()
        p = softmax(t, scores)
        entropy = -(p * t.log(p)).sum(axis=1).mean()
        loss = policy + 0.5 * (advantage**2).mean() - 0.01 * entropy
        loss.backward()
        with t.no_grad():
            scores -= scores.grad
            baseline -= baseline.grad
        last = [scores.grad.clone(), baseline.grad.clone()]
        scores.grad, baseline.grad = None, None
    return {"scores": scores, "baseline": baseline, "last": last}


@program
def gaussian_process_evidence(t):
    """The evidence of a Gaussian process by Cholesky, to second order in its parameters."""
    r = draws(82)
    x = t.constant(numpy.sort(r.uniform(0, 5, 20)))
    y = t.constant(r.normal(size=20))
    logs = t.tensor([0.1, -0.2, -1.0], requires_grad=True)
    height, length, noise = t.exp(logs)
    apart = (x[:, None] - x[None, :]) / length
    covariance = height * t.exp(-0.5 * apart**2) + noise * t.constant(numpy.eye(20))
    factor = t.linalg.cholesky(covariance)
    half = t.linalg.solve(factor, y)
    evidence = -0.5 * (half @ half) - t.log(t.diagonal(factor)).sum()
    (gradient,) = t.grad(evidence, logs, create_graph=True)
    rows = [t.grad(g, logs, retain_graph=True)[0] for g in gradient]
    return {"evidence": evidence, "gradient": gradient, "hessian": t.stack(rows)}


@program
def normalising_flow(t):
    """Likelihood under an invertible network, with the determinant of its linear layers."""
    r = draws(83)
    layers = [
        t.tensor(numpy.eye(3) + 0.3 * r.normal(size=(3, 3)), requires_grad=True) for _ in range(2)
    ]
    z = t.constant(r.normal(size=(25, 3)))
    volume = 0.0
    for w in layers:
        z = z @ w.T
        sign, logarithm = t.linalg.slogdet(w)
        volume = volume + logarithm + t.log(1.0 + 0.5 / t.cosh(z) ** 2).sum(axis=1)
        z = z + 0.5 * t.tanh(z)
    loss = (0.5 * (z**2).sum(axis=1) - volume).mean()
    loss.backward()
    return {"z": z, "loss": loss, "sign": sign, "gradients": [w.grad for w in layers]}


# ---------------------------------------------------------------- equations learnt


@program
def infinite_well_by_a_network(t):
    """-ψ'' = Eψ on [0, 1]: second derivatives by the input inside each step of the training."""
    r = draws(84)
    first, second, last = (
        parameter(t, r, 1, 20, scale=2.0),
        parameter(t, r, 20),
        parameter(t, r, 20, 1),
    )
    energy = t.tensor(8.0, requires_grad=True)
    weights = [first, second, last, energy]
    losses = []
    for _ in range(4):
        x = t.tensor(numpy.linspace(0, 1, 30)[:, None], requires_grad=True)
        psi = x * (1.0 - x) * (t.tanh(x @ first + second) @ last)
        (slope,) = t.grad(psi.sum(), x, create_graph=True)
        (bend,) = t.grad(slope.sum(), x, create_graph=True)
        residual = ((bend + energy * psi) ** 2).mean()
        loss = residual + (t.trapezoid(psi[:, 0] ** 2, dx=1 / 29) - 1.0) ** 2
        for w in weights:
            w.grad = None
        loss.backward()
        losses.append(loss.item())
        with t.no_grad():
            for w in weights:
                w -= 1e-5 * w.grad
    return {
        "losses": t.tensor(losses),
        "weights": weights,
        "gradients": [w.grad for w in weights],
        "bend": bend,
        "x.grad": x.grad,
    }


@program
def flow_field_with_two_inputs(t):
    """A residual of Burgers' equation: mixed use of derivatives by time and by place."""
    r = draws(85)
    first, second = parameter(t, r, 2, 16), parameter(t, r, 16)
    time = t.tensor(r.uniform(size=40), requires_grad=True)
    place = t.tensor(r.uniform(-1, 1, size=40), requires_grad=True)
    u = t.sin(t.stack([time, place], axis=1) @ first) @ second
    by_time, by_place = t.grad(u.sum(), [time, place], create_graph=True)
    (bend,) = t.grad(by_place.sum(), place, create_graph=True)
    residual = by_time + u * by_place - 0.01 * bend
    loss = (residual**2).mean()
    gradients = t.grad(loss, [first, second])
    return {"residual": residual, "loss": loss, "gradients": list(gradients)}

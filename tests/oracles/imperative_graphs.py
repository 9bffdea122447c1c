"""Programs about the recorded graph itself: what is kept, accumulated, detached, hooked, redone."""

import numpy
from imperative_registry import program


def draws(seed):
    """The generator from which a program draws its data."""
    return numpy.random.default_rng(seed)


# ---------------------------------------------------------------- leaves and accumulation


@program
def polynomial_of_two_variables(t):
    """x²y + y + 2 at (3, 4), with the flags of every tensor on the way."""
    x, y = t.tensor(3.0, requires_grad=True), t.tensor(4.0, requires_grad=True)
    f = x * x * y + y + 2
    before = x.grad
    returned = f.backward()
    return {
        "f": f,
        "before": before,
        "returned": returned,
        "x.grad": x.grad,
        "y.grad": y.grad,
        "leaves": [x.is_leaf, y.is_leaf, f.is_leaf],
        "require": [x.requires_grad, f.requires_grad, x.grad.requires_grad],
        "leaf has no function": x.grad_fn is None,
        "result has one": f.grad_fn is not None,
        "item": f.item(),
        "gradient is a leaf": x.grad.is_leaf,
    }


@program
def gradients_accumulate_over_batches(t):
    """The gradient of a sum of batch losses, one `backward` a batch, then a fresh start."""
    r = draws(1)
    inputs, targets = t.constant(r.normal(size=(60, 8))), t.constant(r.normal(size=60))
    w = t.tensor(r.normal(size=8), requires_grad=True)
    sums = []
    for start in range(0, 60, 20):
        residual = inputs[start : start + 20] @ w - targets[start : start + 20]
        (residual**2).sum().backward()
        sums.append(w.grad.clone())
    w.grad = None
    cleared = w.grad
    ((inputs @ w - targets) ** 2).sum().backward()
    return {"sums": sums, "cleared": cleared, "at once": w.grad}


@program
def accumulation_is_in_place(t):
    """A name for `.grad` sees later accumulations, and not those that make a new tensor."""
    x = t.tensor(draws(2).normal(size=10), requires_grad=True)
    t.sin(x).sum().backward()
    kept = x.grad
    t.exp(x).sum().backward()
    same = kept is x.grad
    after_second = kept.clone()
    (x**2).sum().backward(create_graph=True)
    return {
        "same": same,
        "after second": after_second,
        "kept": kept,
        "x.grad": x.grad,
        "differentiable": x.grad.requires_grad,
    }


@program
def gradients_are_assigned(t):
    """`.grad` set by hand is what `backward` adds to; momentum kept in `.grad` itself."""
    r = draws(3)
    scale = t.constant(r.uniform(0.5, 2.0, 12))
    w = t.tensor(r.normal(size=12), requires_grad=True)
    w.grad = t.tensor(numpy.ones(12))
    for _ in range(4):
        (scale * w**2).sum().backward()
        with t.no_grad():
            w -= 0.05 * w.grad
            w.grad *= 0.9
    return {"w": w, "momentum": w.grad, "leaf": w.is_leaf, "require": w.requires_grad}


@program
def retained_graph_serves_twice(t):
    """Two backward passes through one graph add up; so do two heads on one trunk."""
    r = draws(4)
    x = t.tensor(r.normal(size=(5, 6)), requires_grad=True)
    trunk = t.tanh(x @ t.constant(r.normal(size=(6, 4))))
    first, second = (trunk**2).sum(), t.exp(trunk).mean()
    first.backward(retain_graph=True)
    once = x.grad.clone()
    first.backward(retain_graph=True)
    twice = x.grad.clone()
    second.backward()
    return {"once": once, "twice": twice, "both heads": x.grad}


@program
def vector_backward_with_a_head_gradient(t):
    """exp(-x²) at twenty points with ones, and with weights, as head gradient."""
    x = t.tensor(numpy.linspace(-5, 5, 20), requires_grad=True)
    y = t.exp(-(x**2))
    y.backward(t.constant(numpy.ones(20)) * t.tensor(1.0), retain_graph=True)
    plain = x.grad.clone()
    y.backward(gradient=t.tensor(draws(5).normal(size=20)))
    return {"y": y, "plain": plain, "x.grad": x.grad}


@program
def detached_factor(t):
    """u is held constant in u x although it was made of x; x keeps its own derivative."""
    x = t.tensor(numpy.arange(4.0), requires_grad=True)
    y = x * x
    u = y.detach()
    z = u * x
    z.sum().backward()
    through_z = x.grad.clone()
    x.grad = None
    y.sum().backward()
    return {
        "through z": through_z,
        "u": u,
        "equal": bool((through_z == u).all()),
        "x.grad": x.grad,
        "u requires": u.requires_grad,
        "u is leaf": u.is_leaf,
        "u.grad_fn": u.grad_fn,
        "u.grad": u.grad,
    }


@program
def loop_until_large(t):
    """A loop whose length depends on the data, for a scalar, a vector and a matrix."""
    r = draws(6)
    results = {}
    for name, data in {
        "scalar": r.normal(size=()),
        "vector": r.normal(size=7),
        "matrix": -abs(r.normal(size=(3, 4))),
    }.items():
        a = t.tensor(data, requires_grad=True)
        b = a * 2
        steps = 0
        while t.sqrt((b * b).sum()) < 1000:
            b = b * 2
            steps += 1
        c = b if b.sum() > 0 else 100 * b
        c.sum().backward()
        results[name] = a.grad
        results[name + " steps"] = steps
        results[name + " ratio"] = c / a - a.grad
    return results


@program
def flags_of_leaves(t):
    """`requires_grad` and `is_leaf` of what is detached, cloned, switched on, made in no_grad."""
    a = t.tensor(numpy.arange(3.0), requires_grad=True)
    b = t.tensor(numpy.arange(3.0))
    c, d, e = a.clone(), a.detach(), b.clone()
    with t.no_grad():
        f = a * 2
        with t.enable_grad():
            g = a * 2
    b.requires_grad_()
    h = b + 1
    e.requires_grad = True
    d.requires_grad_()
    k = (a * d).detach()
    k.requires_grad_(False)
    tensors = {"a": a, "b": b, "c": c, "d": d, "e": e, "f": f, "g": g, "h": h, "k": k}
    return {name: [x.requires_grad, x.is_leaf, x.grad_fn is None] for name, x in tensors.items()}


@program
def frozen_layers(t):
    """Only the layers that require gradients get them; a frozen one is let go later."""
    r = draws(7)
    inputs = t.constant(r.normal(size=(20, 5)))
    layers = [t.tensor(0.4 * r.normal(size=(5, 5)), requires_grad=i != 0) for i in range(3)]
    layers[1].requires_grad = False

    def loss():
        hidden = inputs
        for weights in layers:
            hidden = t.tanh(hidden @ weights)
        return (hidden**2).mean()

    loss().backward()
    first = [None if w.grad is None else w.grad.clone() for w in layers]
    layers[0].requires_grad_(True)
    layers[2].requires_grad_(False)
    loss().backward()
    return {"first": first, "second": [w.grad for w in layers]}


@program
def modes_as_decorators(t):
    """no_grad and enable_grad around functions, set_grad_enabled by a flag, nested blocks."""
    w = t.tensor(draws(8).normal(size=(4, 4)), requires_grad=True)

    @t.no_grad()
    def evaluate(x):
        return t.tanh(x @ w).sum()

    @t.enable_grad()
    def train(x):
        return t.tanh(x @ w).sum()

    x = t.constant(draws(9).normal(size=(3, 4)))
    flags, values = [], []
    for training in (True, False):
        with t.set_grad_enabled(training):
            for f in (evaluate, train, lambda x: (x @ w).mean()):
                value = f(x)
                values.append(value)
                flags.append(value.requires_grad)
    try:
        with t.no_grad():
            raise ValueError("leaves the block")
    except ValueError:
        flags.append((w * 2).requires_grad)
    values[1].backward()
    return {"flags": flags, "values": values, "w.grad": w.grad}


@program
def walk_over_the_graph(t):
    """Every node has a name and the nodes that it passes gradients to; leaves come last."""
    x, y = t.tensor(2.0, requires_grad=True), t.tensor(5.0, requires_grad=True)
    z = t.sin(x * y) + x
    names, waiting, deepest = [], [(z.grad_fn, 1)], 0
    while waiting:
        node, depth = waiting.pop()
        names.append(node.name())
        deepest = max(deepest, depth)
        for following, _ in node.next_functions:
            if following is not None:
                waiting.append((following, depth + 1))
    return {
        "all named": all(isinstance(name, str) and name for name in names),
        "operands of the product": len((x * y).grad_fn.next_functions),
        "operands with a constant": [n is None for n, _ in (x * 3.0 + x).grad_fn.next_functions],
        "deep": deepest >= 4,
    }


# ---------------------------------------------------------------- intermediate values and hooks


@program
def retained_gradients_of_intermediates(t):
    """retain_grad keeps the gradient of an intermediate, whatever its later uses; others do not."""
    r = draws(10)
    x = t.tensor(r.normal(size=(6, 3)), requires_grad=True)
    hidden = t.tanh(x @ t.constant(r.normal(size=(3, 5))))
    hidden.retain_grad()
    scores = hidden @ t.constant(r.normal(size=5))
    lost = t.exp(scores)
    (lost.sum() + (hidden**2).sum()).backward()
    return {"hidden": hidden.grad, "x": x.grad, "lost": lost.grad, "leaf": hidden.is_leaf}


@program
def hooks_scale_and_are_removed(t):
    """A hook doubles what flows on, one only looks, one is removed and does nothing more."""
    x = t.tensor(draws(11).normal(size=9), requires_grad=True)
    seen = []

    def look(gradient):
        seen.append(gradient.clone())

    def run():
        y = t.sin(x)
        y.register_hook(look)
        y.register_hook(lambda gradient: 2 * gradient)
        y.register_hook(look)
        removed = y.register_hook(lambda gradient: 100 * gradient)
        removed.remove()
        y.retain_grad()
        (y**2).sum().backward()
        return y.grad

    handle = x.register_hook(lambda gradient: gradient * 0.5)
    retained = run()
    halved = x.grad.clone()
    x.grad = None
    handle.remove()
    run()
    return {"retained": retained, "seen": seen, "halved": halved, "x.grad": x.grad}


@program
def hooks_of_leaves_clip(t):
    """Hooks of leaves run before accumulation, on each pass's own gradient."""
    r = draws(12)
    w = t.tensor(r.normal(size=(4, 3)), requires_grad=True)
    norms = []

    def clip(gradient):
        norm = t.sqrt((gradient**2).sum())
        norms.append(norm.item())
        return gradient * (1.0 / norm) if norm > 1.0 else None

    w.register_hook(clip)
    for scale in (0.01, 1.0, 10.0):
        (scale * t.cos(w) @ t.constant(r.normal(size=3))).sum().backward()
    alone = t.grad((w**3).sum(), w)[0]
    return {"w.grad": w.grad, "norms": norms, "grad alone": alone}


# ---------------------------------------------------------------- autograd.grad and higher orders


@program
def second_derivatives_with_unused_inputs(t):
    """The second derivatives [[8, 6], [6, None]] of x²y + y + 2 at (3, 4)."""
    x, y = t.tensor(3.0, requires_grad=True), t.tensor(4.0, requires_grad=True)
    f = x * x * y + y + 2
    gradient = t.grad(f, [x, y], create_graph=True)
    rows = [t.grad(g, [x, y], retain_graph=True, allow_unused=True) for g in gradient]
    return {
        "gradient": list(gradient),
        "rows": [list(row) for row in rows],
        "a tuple": isinstance(gradient, tuple),
        "accumulated": [x.grad, y.grad],
        "require": [g.requires_grad for g in gradient],
    }


@program
def several_outputs_with_head_gradients(t):
    """The sum of pullbacks of several outputs; a scalar's head gradient may be None."""
    r = draws(13)
    x = t.tensor(r.normal(size=6), requires_grad=True)
    a = t.tensor(r.normal(size=(6, 6)), requires_grad=True)
    image, energy, unused = a @ x, (x**4).sum(), t.tensor(1.0, requires_grad=True)
    heads = [t.tensor(r.normal(size=6)), None]
    both = t.grad([image, energy], [x, a], grad_outputs=heads, retain_graph=True)
    some = t.grad([energy], [x, a, unused], allow_unused=True, retain_graph=True)
    inner = t.grad((t.exp(image) * energy).sum(), [image, energy, x])
    return {"both": list(both), "some": list(some), "inner": list(inner)}


@program
def jacobian_in_one_call(t):
    """All rows of a Jacobian by one batched call, against one call a row."""
    r = draws(14)
    x = t.tensor(r.normal(size=5), requires_grad=True)
    y = t.sin(t.constant(r.normal(size=(7, 5))) @ x) * x.sum()
    rows = [t.grad(y[i], x, retain_graph=True)[0] for i in range(7)]
    (batched,) = t.grad(
        y, x, grad_outputs=t.tensor(numpy.eye(7)), is_grads_batched=True, retain_graph=True
    )
    heads = t.tensor(r.normal(size=(3, 7)))
    (some,) = t.grad(y, [x], grad_outputs=[heads], is_grads_batched=True)
    return {"rows": t.stack(rows), "batched": batched, "some": some}


@program
def hessian_by_rows(t):
    """The Hessian of Rosenbrock's function and of a quotient, one row a call."""
    x = t.tensor(draws(15).normal(size=8), requires_grad=True)
    f = (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()
    f = f + t.sin(x).prod() / (1.0 + (x**2).sum())
    (gradient,) = t.grad(f, x, create_graph=True)
    rows = [t.grad(g, x, retain_graph=True)[0] for g in gradient]
    return {"gradient": gradient, "hessian": t.stack(rows), "x.grad": x.grad}


@program
def hessian_vector_products(t):
    """Hessian times vector by two reverse passes, and the vector differentiated as well."""
    r = draws(16)
    a = t.constant(r.normal(size=(12, 6)))
    w = t.tensor(r.normal(size=6), requires_grad=True)
    v = t.tensor(r.normal(size=6), requires_grad=True)
    loss = t.log1p(t.exp(a @ w)).mean()
    (gradient,) = t.grad(loss, w, create_graph=True)
    (product,) = t.grad(gradient @ v, w, create_graph=True)
    curvature = (product * v).sum()
    by_w, by_v = t.grad(curvature, [w, v])
    return {"product": product, "curvature": curvature, "by w": by_w, "by v": by_v}


@program
def derivatives_to_the_fifth(t):
    """Five nested derivatives of exp(sin(x)) x, elementwise at many points."""
    x = t.tensor(numpy.linspace(-2, 2, 30), requires_grad=True)
    f, orders = t.exp(t.sin(x)) * x, []
    for _ in range(5):
        (f,) = t.grad(f.sum(), x, create_graph=True)
        orders.append(f)
    return {"orders": orders}


@program
def penalty_through_backward(t):
    """backward(create_graph=True) leaves a differentiable `.grad`, whose norm is penalised."""
    r = draws(17)
    w = t.tensor(r.normal(size=10), requires_grad=True)
    loss = (t.tanh(t.constant(r.normal(size=(15, 10))) @ w) ** 2).sum()
    loss.backward(create_graph=True)
    gradient = w.grad
    w.grad = None
    (loss + 0.1 * (gradient**2).sum()).backward()
    return {"gradient": gradient, "w.grad": w.grad, "require": gradient.requires_grad}


@program
def step_of_descent_differentiated(t):
    """Three inner steps of descent, whose result is differentiated by the rate and the start."""
    r = draws(18)
    inputs, targets = t.constant(r.normal(size=(20, 4))), t.constant(r.normal(size=20))
    start = t.tensor(r.normal(size=4), requires_grad=True)
    rate = t.tensor(0.1, requires_grad=True)
    w = start
    for _ in range(3):
        inner = ((t.tanh(inputs[:10] @ w) - targets[:10]) ** 2).mean()
        (gradient,) = t.grad(inner, w, create_graph=True)
        w = w - rate * gradient
    outer = ((t.tanh(inputs[10:] @ w) - targets[10:]) ** 2).mean()
    outer.backward()
    return {"w": w, "start": start.grad, "rate": rate.grad, "outer": outer}


@program
def chosen_inputs_of_backward(t):
    """backward(inputs=...) accumulates into the chosen leaves and into no other."""
    r = draws(19)
    a, b, c = (t.tensor(r.normal(size=(4, 4)), requires_grad=True) for _ in range(3))
    loss = (t.tanh(a @ b) @ c).sum()
    loss.backward(inputs=[a], retain_graph=True)
    first = [x if x is None else x.clone() for x in (a.grad, b.grad, c.grad)]
    loss.backward(inputs=[b, a], retain_graph=True)
    second = [x if x is None else x.clone() for x in (a.grad, b.grad, c.grad)]
    loss.backward(inputs=c)
    return {"first": first, "second": second, "third": [a.grad, b.grad, c.grad]}


# ---------------------------------------------------------------- functions with their own rules


@program
def own_exponential(t):
    """A Function that saves its output, in a larger expression, to second order."""

    class Exponential(t.Function):
        @staticmethod
        def forward(ctx, x):
            result = t.exp(x)
            ctx.save_for_backward(result)
            return result

        @staticmethod
        def backward(ctx, gradient):
            (result,) = ctx.saved_tensors
            return gradient * result

    x = t.tensor(draws(20).normal(size=(3, 5)), requires_grad=True)
    y = (Exponential.apply(t.sin(x)) * x).sum()
    (first,) = t.grad(y, x, create_graph=True)
    (second,) = t.grad((first**2).sum(), x)
    again = Exponential.apply(x)
    return {
        "y": y,
        "first": first,
        "second": second,
        "flags": [again.requires_grad, again.is_leaf, again.grad_fn is None],
    }


@program
def straight_through_quantiser(t):
    """Rounding that passes gradients on inside its range, by a Function and by detaching."""

    class Quantise(t.Function):
        @staticmethod
        def forward(ctx, x, levels):
            ctx.save_for_backward(x)
            return t.round(x * levels) / levels

        @staticmethod
        def backward(ctx, gradient):
            (x,) = ctx.saved_tensors
            return t.where(abs(x) <= 1.0, gradient, 0.0), None

    r = draws(21)
    w = t.tensor(r.normal(size=(8, 4)), requires_grad=True)
    inputs = t.constant(r.normal(size=(16, 8)))
    ((inputs @ Quantise.apply(w, 16)) ** 2).mean().backward()
    by_function = w.grad.clone()
    w.grad = None
    rounded = w + (t.round(w * 16) / 16 - w).detach()
    ((inputs @ rounded) ** 2).mean().backward()
    return {"by function": by_function, "by detaching": w.grad, "rounded": rounded}


@program
def rectifier_with_leak_as_function(t):
    """A leaky rectifier by hand that skips what needs no gradient, in two layers."""
    asked = []

    class Layer(t.Function):
        @staticmethod
        def forward(ctx, x, w, leak=0.1):
            image = x @ w
            ctx.save_for_backward(x, w, image)
            ctx.leak = leak
            return t.where(image > 0, image, leak * image)

        @staticmethod
        def backward(ctx, gradient):
            x, w, image = ctx.saved_tensors
            asked.append(list(ctx.needs_input_grad))
            inner = t.where(image > 0, gradient, ctx.leak * gradient)
            by_x = inner @ w.T if ctx.needs_input_grad[0] else None
            return by_x, x.T @ inner if ctx.needs_input_grad[1] else None, None

    r = draws(22)
    inputs = t.tensor(r.normal(size=(10, 6)))
    first = t.tensor(r.normal(size=(6, 5)), requires_grad=True)
    second = t.tensor(r.normal(size=(5, 3)), requires_grad=True)
    output = Layer.apply(Layer.apply(inputs, first, 0.2), second, 0.01)
    (output**2).sum().backward()
    gradients = [inputs.grad, first.grad, second.grad]
    return {"output": output, "gradients": gradients, "asked": asked}


@program
def own_product_with_several_results(t):
    """A Function of two tensors with two results, of which only one is used at first."""

    class SumAndProduct(t.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x + y, x * y

        @staticmethod
        def backward(ctx, by_sum, by_product):
            x, y = ctx.saved_tensors
            return by_sum + by_product * y, by_sum + by_product * x

    r = draws(23)
    x, y = (t.tensor(r.normal(size=(4, 6)), requires_grad=True) for _ in range(2))
    total, product = SumAndProduct.apply(x, y)
    only_one = t.grad((product**2).sum(), [x, y], create_graph=True)
    (only_one[0] * only_one[1]).sum().backward()
    second = [x.grad.clone(), y.grad.clone()]
    total, product = SumAndProduct.apply(x, y)
    (t.sin(total) * product).sum().backward()
    return {"only one": list(only_one), "second": second, "x": x.grad, "y": y.grad}


@program
def function_with_indices(t):
    """The greatest entries of rows and their places; the places are not differentiable."""

    class Greatest(t.Function):
        @staticmethod
        def forward(ctx, x):
            places = x.argmax(axis=1)
            rows = t.tensor(numpy.arange(len(x)))
            ctx.mark_non_differentiable(places)
            ctx.save_for_backward(rows, places)
            ctx.shape = x.shape
            return x[rows, places], places

        @staticmethod
        def backward(ctx, gradient, by_places):
            rows, places = ctx.saved_tensors
            result = t.tensor(numpy.zeros(tuple(ctx.shape)))
            result[rows, places] = gradient
            return result

    x = t.tensor(draws(24).normal(size=(9, 5)), requires_grad=True)
    values, places = Greatest.apply(x)
    (values**2).sum().backward()
    return {
        "values": values,
        "places": places,
        "x.grad": x.grad,
        "require": [values.requires_grad, places.requires_grad],
    }


@program
def recomputing_function(t):
    """Checkpointing by hand: a Function that forgets its intermediates and records them anew."""
    r = draws(25)
    mixing = t.constant(r.normal(size=(6, 6)) / 3)

    def segment(x):
        for _ in range(4):
            x = t.tanh(x @ mixing) + 0.1 * x
        return x

    class Checkpoint(t.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return segment(x)

        @staticmethod
        def backward(ctx, gradient):
            (x,) = ctx.saved_tensors
            with t.enable_grad():
                copy = x.detach().requires_grad_()
                output = segment(copy)
            return t.grad(output, copy, gradient)[0]

    data = r.normal(size=(5, 6))
    gradients = []
    for run in (segment, Checkpoint.apply):
        x = t.tensor(data, requires_grad=True)
        (run(run(x)) ** 2).sum().backward()
        gradients.append(x.grad)
    return {"gradients": gradients}


# ---------------------------------------------------------------- what is saved


@program
def saved_values_in_a_store(t):
    """Saved values go to a store under keys and come back; inside the block only."""
    store, taken = {}, []

    def pack(saved):
        key = len(store)
        store[key] = saved.detach().clone()
        return key

    def unpack(key):
        taken.append(key)
        return store[key]

    r = draws(26)
    w = t.tensor(r.normal(size=(6, 6)), requires_grad=True)
    x = t.constant(r.normal(size=(8, 6)))
    with t.saved_tensors_hooks(pack, unpack):
        hidden = t.tanh(x @ w)
        loss = (t.exp(hidden) * hidden).mean()
    packed = len(store)
    outside = (w**3).sum()
    unchanged = len(store) == packed
    (loss + outside).backward()
    return {
        "w.grad": w.grad,
        "packed": packed > 0,
        "unchanged outside": unchanged,
        "taken": len(taken) > 0,
    }


@program
def saved_values_off_the_device(t):
    """save_on_cpu changes no value and no gradient, of any order."""
    x = t.tensor(draws(27).normal(size=(5, 5)), requires_grad=True)
    with t.save_on_cpu():
        y = t.sin(x @ x) * t.exp(-(x**2))
        (first,) = t.grad(y.sum(), x, create_graph=True)
        second = (first**2).sum()
    second.backward()
    return {"first": first, "x.grad": x.grad}


@program
def anomaly_mode_on_a_sound_program(t):
    """With all gradients finite, the search for anomalies changes nothing."""
    r = draws(28)
    with t.detect_anomaly():
        x = t.tensor(r.uniform(0.5, 2.0, size=20), requires_grad=True)
        y = t.sqrt(x) / (1.0 + t.log(x) ** 2)
        y.sum().backward()
    return {"y": y, "x.grad": x.grad}


@program
def state_cut_between_windows(t):
    """Truncated backpropagation through time: the state is detached between windows."""
    r = draws(29)
    w = t.tensor(0.5 * r.normal(size=(4, 4)), requires_grad=True)
    signal = t.constant(r.normal(size=(30, 4)))
    state, gradients = t.constant(numpy.zeros(4)), []
    for window in range(3):
        loss = 0.0
        for step in range(10):
            state = t.tanh(state @ w + signal[10 * window + step])
            loss = loss + (state**2).sum()
        loss.backward()
        gradients.append(w.grad.clone())
        state = state.detach()
    return {"gradients": gradients, "state": state, "require": state.requires_grad}


@program
def gradients_that_are_written_to_with_a_history(t):
    """What goes into a gradient in place gives it a history, which later passes leave there."""
    x = t.tensor(draws(30).normal(size=3), requires_grad=True)
    found = []
    for _ in range(4):
        (x * x).sum().backward()
        g = x.grad
        g -= x.sum() * 0.2
        (g * g).mean().backward()
        found.append([x.grad.clone(), g.requires_grad, g.is_leaf, x.grad is g])
        x.grad = None
    return found


@program
def two_passes_through_one_mean(t):
    """A mean keeps nothing that the first pass could free."""
    x = t.tensor(draws(31).normal(size=(3, 3)), requires_grad=True)
    found = []
    for _ in range(4):
        middle = x.mean()
        (middle * 3.0 + x.sum()).backward()
        (middle * middle).backward()
        x.mean(0).sum().backward()
        found.append(x.grad.clone())
        x.grad = None
    return found

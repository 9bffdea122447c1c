"""Programs that write in place: into intermediates, through views, by masks, under no_grad."""

import numpy
from imperative_graphs import draws
from imperative_registry import program


@program
def activations_changed_in_place(t):
    """A layer with its offset added, its scale multiplied and its clipping written in place."""
    r = draws(41)
    x = t.constant(r.normal(size=(12, 6)))
    w = t.tensor(r.normal(size=(6, 4)), requires_grad=True)
    offset, scale = (t.tensor(r.normal(size=4), requires_grad=True) for _ in range(2))
    hidden = x @ w
    hidden += offset
    hidden *= scale
    hidden -= hidden.mean(axis=0)
    hidden[hidden < 0] = 0.0
    loss = (hidden**2).sum()
    loss.backward()
    return {"hidden": hidden, "w": w.grad, "offset": offset.grad, "scale": scale.grad}


@program
def methods_that_write(t):
    """add_, sub_, mul_, zero_, fill_ and copy_ on intermediates, each returning its tensor."""
    r = draws(42)
    x = t.tensor(r.normal(size=(3, 7)), requires_grad=True)
    other = t.tensor(r.normal(size=7), requires_grad=True)
    y = x * 2.0
    same = y.add_(other, alpha=0.5) is y
    y.sub_(x, alpha=3).mul_(other)
    z = t.sin(y.clone())
    y.copy_(z)
    dead = x * 5.0
    dead.zero_()
    constant = x + 1.0
    constant.fill_(2.5)
    tail = x.clone()
    tail[:, :2].zero_()
    tail[1].fill_(3.0)
    (z**2 + y * dead + constant * y + tail).sum().backward()
    return {"same": same, "y": y, "tail": tail, "x.grad": x.grad, "other": other.grad}


@program
def rows_written_in_a_loop(t):
    """A table without gradient is filled with rows that have one, and becomes part of the graph."""
    r = draws(43)
    start = t.tensor(r.normal(size=5), requires_grad=True)
    mixing = t.tensor(0.4 * r.normal(size=(5, 5)), requires_grad=True)
    table = t.tensor(numpy.zeros((8, 5)))
    before = [table.requires_grad, table.is_leaf]
    table[0] = start
    state = start
    for i in range(1, 8):
        state = t.tanh(mixing @ state)
        table[i] = state
    after = [table.requires_grad, table.is_leaf]
    (table**2 * t.constant(r.normal(size=(8, 5)))).sum().backward()
    return {
        "table": table,
        "flags": before + after,
        "start": start.grad,
        "mixing": mixing.grad,
    }


@program
def writes_through_views(t):
    """What is written through slices, reshapes and transposes of an intermediate reaches it."""
    r = draws(44)
    x = t.tensor(r.normal(size=(4, 6)), requires_grad=True)
    factor = t.tensor(r.normal(size=6), requires_grad=True)
    y = x * 1.0
    row = y[1]
    row *= factor
    column = y[:, 2]
    column[...] = column * 3.0 + factor[0]
    flat = y.reshape(24)
    flat[5:9] *= 2.0
    turned = y.T
    turned[0] += 1.0
    block = y[2:, 3:]
    block[0] = factor[:3]
    (y**2).sum().backward()
    return {
        "y": y,
        "views": [row, column, flat, turned, block],
        "x.grad": x.grad,
        "factor": factor.grad,
        "shared": bool((row == y[1]).all()),
    }


@program
def views_see_writes_of_their_base(t):
    """A view made before its base is written into has the new values, and their derivatives."""
    r = draws(45)
    x = t.tensor(r.normal(size=(5, 4)), requires_grad=True)
    y = t.exp(0.1 * x) + 0.0
    head, tail = y[:2], y[2:].T
    y *= x
    y[0] = 7.0
    head_loss = (head**2).sum()
    (by_head,) = t.grad(head_loss, x, retain_graph=True)
    (t.sin(tail).sum() + head_loss).backward()
    return {"head": head, "tail": tail, "by head": by_head, "x.grad": x.grad}


@program
def writes_by_mask_and_index(t):
    """Entries replaced and increased at masks and index arrays."""
    r = draws(46)
    x = t.tensor(r.normal(size=(6, 5)), requires_grad=True)
    bump = t.tensor(r.normal(size=3), requires_grad=True)
    y = t.sin(x)
    mask = y > 0.3
    y[mask] = -y[mask]
    y[t.constant([0, 2, 5]), t.constant([1, 1, 4])] += bump
    rows = t.constant([3, 1])
    y[rows] *= 2.0
    y[:, -1] = 0.5
    (y**3).sum().backward()
    return {"y": y, "x.grad": x.grad, "bump": bump.grad, "count": mask.sum()}


@program
def weights_updated_under_no_grad(t):
    """Leaves written in place without a record stay leaves; the next record sees new values."""
    r = draws(47)
    x, target = t.constant(r.normal(size=(25, 3))), t.constant(r.normal(size=25))
    w, offset = t.tensor(numpy.zeros(3), requires_grad=True), t.tensor(0.0, requires_grad=True)
    costs = []
    for step in range(12):
        cost = ((x @ w + offset - target) ** 2).mean()
        costs.append(cost.item())
        cost.backward()
        with t.no_grad():
            w -= 0.1 * w.grad
            offset.sub_(offset.grad, alpha=0.1)
            if step == 5:
                w[0] = 0.0
                w.mul_(0.5)
            if step == 8:
                w.copy_(t.constant(numpy.ones(3)) * 0.1)
        w.grad.zero_()
        offset.grad = None
    return {
        "w": w,
        "offset": offset,
        "costs": t.tensor(costs),
        "flags": [w.is_leaf, w.requires_grad, w.grad_fn is None, offset.is_leaf],
        "w.grad": w.grad,
    }


@program
def old_values_survive_in_the_record(t):
    """A variable is bound anew and written into where nothing needs its old value."""
    r = draws(48)
    x = t.tensor(r.normal(size=15), requires_grad=True)
    total = x * 0.0
    power = x.clone()
    for k in range(1, 6):
        total += power / k
        power = power * x
    history = []
    for _ in range(3):
        history.append(total.clone())
        total *= 2.0
        total += x
    (total + history[0] * history[2]).sum().backward()
    return {"total": total, "history": history, "x.grad": x.grad}


@program
def second_derivatives_through_writes(t):
    """A Hessian of a function that fills a buffer and writes through a view of it."""
    r = draws(49)
    x = t.tensor(r.normal(size=6), requires_grad=True)
    buffer = t.tensor(numpy.ones(8))
    buffer[1:7] = t.sin(x)
    middle = buffer[2:5]
    middle *= x[1:4]
    buffer[0] += x[0] * x[5]
    energy = (buffer[1:] * buffer[:-1]).sum() + (buffer**3).sum()
    (gradient,) = t.grad(energy, x, create_graph=True)
    rows = [t.grad(g, x, retain_graph=True)[0] for g in gradient]
    return {"buffer": buffer, "gradient": gradient, "hessian": t.stack(rows)}


@program
def memory_shared_by_detaching(t):
    """`detach()` shares memory with its tensor; `clone()` does not, nor the data it was made of."""
    data = numpy.arange(6.0)
    x = t.tensor(data, requires_grad=True)
    data[0] = 9.0
    detached, copy = x.detach(), x.detach().clone()
    detached[1] = -5.0
    copy[2] = 50.0
    y = x * 2.0
    y.detach()[3:] *= 10.0
    (x**2 + y).sum().backward()
    array = t.tensor(data).numpy()
    return {
        "x": x,
        "y": y,
        "copy": copy,
        "x.grad": x.grad,
        "an array": isinstance(array, numpy.ndarray),
        "equal": bool((array == data).all()),
    }


@program
def teacher_by_moving_average(t):
    """A teacher network follows a student's weights in place and is never differentiated."""
    r = draws(50)
    student = [t.tensor(r.normal(size=(5, 5)) / 2, requires_grad=True) for _ in range(2)]
    teacher = [w.detach().clone() for w in student]
    views = t.constant(r.normal(size=(4, 2, 10, 5)))
    costs = []
    for first, second in views:
        with t.no_grad():
            wanted = t.tanh(second @ teacher[0]) @ teacher[1]
        got = t.tanh(first @ student[0]) @ student[1]
        cost = ((got - wanted) ** 2).mean()
        gradients = t.grad(cost, student)
        costs.append(cost)
        with t.no_grad():
            for w, mean, gradient in zip(student, teacher, gradients, strict=True):
                w.add_(gradient, alpha=-0.3)
                mean.mul_(0.9).add_(w, alpha=0.1)
    return {
        "student": student,
        "teacher": teacher,
        "costs": t.stack([cost.detach() for cost in costs]),
        "flags": [teacher[0].requires_grad, student[0].is_leaf, student[0].grad is None],
    }


@program
def heat_on_a_grid_in_place(t):
    """Steps of diffusion written into the inside of a grid; the sources are differentiated."""
    r = draws(51)
    source = t.tensor(r.uniform(size=(8, 8)), requires_grad=True)
    conductivity = t.tensor(0.2, requires_grad=True)
    grid = t.tensor(numpy.zeros((10, 10)))
    for _ in range(6):
        around = grid[:-2, 1:-1] + grid[2:, 1:-1] + grid[1:-1, :-2] + grid[1:-1, 2:]
        change = conductivity * (around - 4.0 * grid[1:-1, 1:-1]) + 0.1 * source
        grid = grid.clone()
        grid[1:-1, 1:-1] += change
        grid[0] = grid[1]
    (grid**2).sum().backward()
    return {"grid": grid, "source": source.grad, "conductivity": conductivity.grad}


@program
def histogram_by_scattered_addition(t):
    """Weights added at places that occur repeatedly, on top of differentiable heights."""
    r = draws(52)
    weights = t.tensor(r.uniform(size=40), requires_grad=True)
    heights = t.tensor(r.uniform(size=7), requires_grad=True)
    bins = t.tensor(r.integers(0, 7, 40))
    histogram = heights * 1.0
    t.add_at(histogram, bins, weights**2)
    share = histogram / histogram.sum()
    entropy = -(share * t.log(share)).sum()
    entropy.backward()
    return {"histogram": histogram, "weights": weights.grad, "heights": heights.grad}

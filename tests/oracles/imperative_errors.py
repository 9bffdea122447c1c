"""Illegal uses, each within a small program: these must raise on both sides.

In `OVERWRITES` a result that PyTorch saves is written over before `backward`. Another system may
save something else: then its gradient has to be that of the same program without the write.
"""

import numpy
from imperative_graphs import draws
from imperative_registry import error, overwrite


def leaf(t, *shape, seed=0):
    """A leaf of positive numbers that requires a gradient."""
    return t.tensor(draws(seed).uniform(0.5, 1.5, size=shape), requires_grad=True)


# ---------------------------------------------------------------- a graph that is gone


@error
def second_backward(t):
    """The first backward freed the graph."""
    w = leaf(t, 5)
    loss = (t.exp(w) * w).sum()
    loss.backward()
    loss.backward()


@error
def second_call_of_grad(t):
    """autograd.grad frees the graph as well."""
    x, y = leaf(t), leaf(t)
    f = x * x * y + y + 2
    t.grad(f, x)
    t.grad(f, y)


@error
def trunk_shared_by_two_losses(t):
    """The first loss frees what both losses need."""
    w = leaf(t, 4, 4)
    trunk = t.tanh(w @ w)
    first, second = (trunk**2).sum(), t.exp(trunk).sum()
    first.backward()
    second.backward()


@error
def state_carried_over_without_detaching(t):
    """The second window's gradient would run into the first window's graph, which was freed."""
    w = leaf(t, 3, 3)
    state = t.constant(numpy.ones(3))
    for _ in range(2):
        for _ in range(4):
            state = t.tanh(state @ w)
        (state**2).sum().backward()


@error
def second_order_without_create_graph(t):
    """A gradient that was not recorded cannot be differentiated."""
    x = leaf(t, 4)
    (gradient,) = t.grad((x**3).sum(), x)
    t.grad(gradient.sum(), x)


# ---------------------------------------------------------------- where there is no gradient


@error
def vector_without_head_gradient(t):
    """A vector has no gradient without weights."""
    x = leaf(t, 6)
    t.sin(x).backward()


@error
def grad_of_vector_without_head_gradient(t):
    """Neither has it in autograd.grad."""
    x = leaf(t, 6)
    t.grad([x.sum(), t.sin(x)], x)


@error
def complex_scalar_without_head_gradient(t):
    """A complex result is no loss."""
    z = t.tensor([1.0 + 2.0j, 0.5 - 1.0j], requires_grad=True)
    (z * z).sum().backward()


@error
def nothing_requires_a_gradient(t):
    """backward of a result of constants."""
    x = t.tensor(numpy.arange(4.0))
    (x * x).sum().backward()


@error
def made_under_no_grad(t):
    """Nothing was recorded under no_grad."""
    w = leaf(t, 4)
    with t.no_grad():
        loss = (w * w).sum()
    loss.backward()


@error
def detached_on_the_way(t):
    """The only way from the loss to the leaf is cut."""
    w = leaf(t, 4)
    (t.sin(w).detach() ** 2).sum().backward()


@error
def place_of_the_greatest(t):
    """argmax gives integers, which carry no gradient."""
    leaf(t, 4).argmax().backward()


@error
def index_result_of_a_function(t):
    """A result that a Function marks as not differentiable carries none either."""

    class Sorted(t.Function):
        @staticmethod
        def forward(ctx, x):
            order = t.argsort(x)
            ctx.mark_non_differentiable(order)
            return x * 1.0, order

        @staticmethod
        def backward(ctx, gradient, _):
            return gradient

    _, order = Sorted.apply(leaf(t, 5))
    order.sum().backward()


@error
def second_derivative_of_a_linear_function(t):
    """The gradient of a linear function is a constant."""
    x = leaf(t, 4)
    (gradient,) = t.grad((x * 3.0).sum(), x, create_graph=True)
    t.grad(gradient.sum(), x)


@error
def unused_input(t):
    """An input that the output does not depend on, without allow_unused."""
    x, y = leaf(t, 3), leaf(t, 3)
    t.grad((x**2).sum(), [x, y])


@error
def unused_input_of_second_order(t):
    """The second derivative by y of x²y + y + 2 does not exist as a graph."""
    x, y = leaf(t), leaf(t)
    by_x, by_y = t.grad(x * x * y + y + 2, [x, y], create_graph=True)
    t.grad(by_y, [x, y])


@error
def input_that_requires_no_gradient(t):
    """autograd.grad by a constant."""
    x, y = leaf(t, 3), t.tensor(numpy.ones(3))
    t.grad((x * y).sum(), y)


@error
def no_inputs_of_backward(t):
    """backward with an empty list of inputs."""
    (leaf(t, 3) ** 2).sum().backward(inputs=[])


# ---------------------------------------------------------------- flags


@error
def integer_leaf(t):
    """Integers have no gradient."""
    t.tensor([1, 2, 3], requires_grad=True)


@error
def integer_leaf_switched_on(t):
    """Nor when asked later."""
    t.tensor(numpy.arange(3)).requires_grad_()


@error
def boolean_leaf_by_attribute(t):
    """Nor have truth values."""
    t.tensor([True, False]).requires_grad = True


@error
def intermediate_switched_off(t):
    """requires_grad of an intermediate is a consequence, not a setting."""
    y = leaf(t, 3) * 2.0
    y.requires_grad = False


@error
def array_of_a_leaf(t):
    """`numpy()` would leave the record."""
    leaf(t, 3).numpy()


@error
def array_of_an_intermediate(t):
    """The same of an intermediate, in the middle of a loss."""
    w = leaf(t, 3, 3)
    hidden = t.tanh(w @ w)
    numpy.linalg.norm((hidden**2).numpy())


@error
def gradient_retained_of_a_constant(t):
    """retain_grad where there will be no gradient."""
    leaf(t, 3).detach().retain_grad()


@error
def hook_on_a_constant(t):
    """A hook where there will be no gradient."""
    t.tensor(numpy.ones(3)).register_hook(lambda gradient: gradient)


# ---------------------------------------------------------------- shapes and types of gradients


@error
def head_gradient_of_a_wrong_shape(t):
    """The head gradient has the shape of the output."""
    t.sin(leaf(t, 6)).backward(t.tensor(numpy.ones(5)))


@error
def scalar_with_a_vector_as_head_gradient(t):
    """It is not broadcast to a scalar output either."""
    (leaf(t, 6) ** 2).sum().backward(t.tensor(numpy.ones(6)))


@error
def grad_outputs_of_a_wrong_shape(t):
    """The same in autograd.grad."""
    x = leaf(t, 4, 2)
    t.grad(x**2, x, grad_outputs=t.tensor(numpy.ones((2, 4))))


@error
def batched_grad_outputs_of_a_wrong_shape(t):
    """Behind the batch's axis comes the output's shape."""
    x = leaf(t, 4)
    heads = t.tensor(numpy.ones((3, 5)))
    t.grad(x**2, x, grad_outputs=heads, is_grads_batched=True)


@error
def assigned_gradient_of_a_wrong_shape(t):
    """`.grad` has the shape of its tensor."""
    leaf(t, 3).grad = t.tensor(numpy.ones(4))


@error
def assigned_gradient_of_a_wrong_type(t):
    """`.grad` has the dtype of its tensor."""
    leaf(t, 3).grad = t.tensor(numpy.ones(3, numpy.float32))


@error
def assigned_gradient_that_is_a_number(t):
    """`.grad` is a tensor or None."""
    leaf(t, 3).grad = 3.0


@error
def hook_that_changes_the_shape(t):
    """What a hook returns takes the gradient's place."""
    x = leaf(t, 3)
    y = x * x
    y.register_hook(lambda gradient: t.tensor(numpy.ones(5)))
    y.sum().backward()


@error
def function_with_too_many_gradients(t):
    """backward of a Function returns one gradient for each argument of forward."""

    class Twice(t.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2.0

        @staticmethod
        def backward(ctx, gradient):
            return 2.0 * gradient, gradient

    Twice.apply(leaf(t, 3)).sum().backward()


@error
def function_with_too_few_gradients(t):
    """One for the number that it was given, too."""

    class Scaled(t.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, gradient):
            return gradient

    Scaled.apply(leaf(t, 3), leaf(t, 3)).sum().backward()


@error
def function_with_a_gradient_of_a_wrong_shape(t):
    """Each has the shape of its argument."""

    class Total(t.Function):
        @staticmethod
        def forward(ctx, x):
            return x.sum(axis=0)

        @staticmethod
        def backward(ctx, gradient):
            return t.tensor(numpy.ones((7, 2)))

    Total.apply(leaf(t, 3, 4)).sum().backward()


# ---------------------------------------------------------------- writing in place


@error
def leaf_increased(t):
    """A step of descent outside no_grad."""
    w = leaf(t, 4)
    (w**2).sum().backward()
    w -= 0.1 * w.grad


@error
def entry_of_a_leaf_written(t):
    """An entry of a leaf is part of the leaf."""
    leaf(t, 4)[0] = 1.0


@error
def leaf_filled_by_a_method(t):
    """zero_ of a leaf outside no_grad."""
    leaf(t, 4).zero_()


@error
def leaf_copied_into(t):
    """copy_ into a leaf outside no_grad."""
    leaf(t, 4).copy_(t.tensor(numpy.ones(4)))


@error
def slice_of_a_leaf_increased(t):
    """A slice is a view of the leaf."""
    w = leaf(t, 6)
    part = w[1:4]
    part += 1.0


@error
def reshaped_leaf_written(t):
    """So is a reshape, and a slice of it."""
    w = leaf(t, 6)
    w.reshape(2, 3)[0].mul_(2.0)


@error
def factor_overwritten(t):
    """A product needs both factors."""
    w, x = leaf(t, 5), leaf(t, 5)
    y = w * 2.0
    z = y * x
    y += 1.0
    z.sum().backward()


@error
def argument_overwritten(t):
    """A sine needs its argument; here after a step that looks harmless."""
    y = leaf(t, 5) * 2.0
    loss = t.sin(y).sum()
    y[0] = 0.0
    loss.backward()


@error
def factor_overwritten_through_a_view(t):
    """A write into a row is a write into the matrix."""
    w = leaf(t, 4, 4)
    y = w * 2.0
    z = y @ y
    row = y[1]
    row.zero_()
    z.sum().backward()


@error
def factor_overwritten_through_its_detached_self(t):
    """detach shares memory, and the count of writes."""
    y = leaf(t, 5) * 2.0
    z = y**2
    y.detach().fill_(1.0)
    z.sum().backward()


@error
def view_was_saved_and_base_overwritten(t):
    """The other way around: the saved value is a view of what is written."""
    y = leaf(t, 4, 4) * 2.0
    z = (y[2] ** 3).sum()
    y *= 2.0
    z.backward()


@error
def state_overwritten_in_a_loop(t):
    """A recurrence that writes its states into one buffer and reads them from there."""
    w = leaf(t, 3, 3)
    states = t.tensor(numpy.ones((5, 3)))
    for i in range(4):
        states[i + 1] = t.tanh(states[i] @ w)
    (states**2).sum().backward()


@error
def weights_updated_before_backward(t):
    """A step between recording a loss and differentiating it."""
    first, second = leaf(t, 4, 4), leaf(t, 4)
    loss = (t.tanh(t.constant(numpy.ones((2, 4))) @ first) @ second).sum()
    with t.no_grad():
        second -= 0.1
    loss.backward()


@error
def weights_updated_between_two_backwards(t):
    """A retained graph is of no use once its weights have changed."""
    generator, critic = leaf(t, 3), leaf(t, 3)
    score = t.tanh((t.sin(generator) * critic).sum())
    score.backward(retain_graph=True)
    with t.no_grad():
        critic -= 0.1 * critic.grad
    score.backward()


@error
def value_saved_by_a_function_overwritten(t):
    """What a Function saves is checked as well."""

    class Square(t.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, gradient):
            (x,) = ctx.saved_tensors
            return 2.0 * x * gradient

    y = leaf(t, 4) + 1.0
    z = Square.apply(y)
    y.mul_(2.0)
    z.sum().backward()


# ---------------------------------------------------------------- anomalies


@error
def anomaly_in_a_square_root(t):
    """The root of a negative number has no derivative."""
    with t.detect_anomaly():
        x = t.tensor([-1.0, 4.0], requires_grad=True)
        y = t.sqrt(x * 2.0)
        y.sum().backward()


@error
def anomaly_in_a_function(t):
    """A Function's backward that gives nan."""

    class Broken(t.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1.0

        @staticmethod
        def backward(ctx, gradient):
            return gradient * float("nan")

    with t.detect_anomaly():
        Broken.apply(leaf(t, 3) * 2.0).sum().backward()


# ---------------------------------------------------------------- results written over


@overwrite
def exponential_written_over(t, write):
    """The derivative of exp may use its result."""
    x = leaf(t, 8, seed=1)
    y = t.exp(x)
    kept = y if write else y.clone()
    kept += 1.0
    (kept * t.constant(draws(2).normal(size=8))).sum().backward()
    return {"x.grad": x.grad}


@overwrite
def hyperbolic_tangent_written_over(t, write):
    """So may tanh, here in a layer that scales its activations in place."""
    w = leaf(t, 5, 4, seed=3)
    hidden = t.tanh(t.constant(draws(4).normal(size=(6, 5))) @ w)
    kept = hidden if write else hidden.clone()
    kept *= 0.5
    kept.sum().backward()
    return {"w.grad": w.grad}


@overwrite
def root_written_over(t, write):
    """A standard deviation with its floor added in place."""
    x = leaf(t, 10, 3, seed=5)
    deviation = t.sqrt(((x - x.mean(axis=0)) ** 2).mean(axis=0))
    kept = deviation if write else deviation.clone()
    kept += 0.01
    (x / kept).prod().backward()
    return {"x.grad": x.grad}


@overwrite
def solution_written_over(t, write):
    """The solution of a linear system, shifted in place."""
    r = draws(6)
    matrix = t.tensor(r.normal(size=(5, 5)) + 4 * numpy.eye(5), requires_grad=True)
    right = leaf(t, 5, seed=7)
    solution = t.linalg.solve(matrix, right)
    kept = solution if write else solution.clone()
    kept[1:] -= 0.5
    kept.sum().backward()
    return {"matrix": matrix.grad, "right": right.grad}

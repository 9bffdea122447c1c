"""What is put off and compiled gives what uncompiled calls give: random programs, and the ways in
which a program can come to see the difference, one by one."""

import gc
import random
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

import adjoint as ad
from adjoint.front.imperative import replay
from adjoint.front.imperative.mode import mode
from adjoint.front.imperative.tape import Automaton, Tape

ROUNDS = 7


@pytest.fixture(autouse=True)
def nothing_learned():
    """Each test begins with an empty automaton, and leaves one behind."""
    mode.tape.end()
    mode.tape = Tape(Automaton(), False)
    yield
    mode.tape.end()
    mode.tape = Tape(Automaton(), False)


def leaf(data):
    """A tensor whose gradient is wanted."""
    return ad.tensor(data, requires_grad=True)


def paths():
    """What is known of all paths at whose ends values were wanted."""
    found, waiting = [], list(mode.tape.automaton.roots.values())
    while waiting:
        state = waiting.pop()
        if state.program is not None:
            found.append(state.program)
        waiting.extend(state.after.values())
    return found


def programs():
    """How many native programs there are."""
    assert [p.reason for p in paths() if p.is_hopeless] == []
    return sum(len(p.programs) for p in paths())


# ------------------------------------------------------------------------------- random programs


class RandomProgram:
    """A program of random operations on tensors: the same ones in each round, on other numbers."""

    def __init__(self, seed):
        self.seed = seed
        draw = np.random.default_rng(seed)
        self.leaves = [leaf(draw.normal(size=shape)) for shape in ((3, 4), (4,), (), (4, 2))]
        self.buffer = ad.tensor(draw.normal(size=(3, 4)))
        self.seen, self.handles, self.view = [], [], None

    def round(self, number):
        """One round; what is seen of it."""
        choose = random.Random(self.seed)
        draw = np.random.default_rng((self.seed, number))
        self.seen.append(number)
        if choose.random() < 0.8 and self.buffer.requires_grad:
            self.buffer = self.buffer.detach()
        values = [*self.leaves[:3], self.buffer, ad.tensor(draw.normal(size=(3, 4)))]
        rate = 0.01 * (1 + number % 3)
        for _ in range(choose.randint(3, 14)):
            self.operation(choose, draw, values, rate)
        total = sum(x.sum() if k % 2 else np.mean(x**2) for k, x in enumerate(values[-4:]))
        loss = total + (self.leaves[0] @ self.leaves[3]).sum() * rate
        way = choose.randrange(5)
        if way == 0:
            (first,) = ad.autograd.grad(loss, self.leaves[0], create_graph=True)
            loss = loss + (first**2).sum()
        elif way == 1:
            loss.backward(retain_graph=True)
            self.see(self.leaves[0].grad)
        elif way == 2:
            self.see(loss)
        loss.backward()
        with ad.no_grad():
            for x in self.leaves:
                if x.grad is not None:
                    x -= rate * np.clip(x.grad, -1.0, 1.0)
            self.buffer *= 0.5
        if choose.random() < 0.5:
            for x in self.leaves:
                x.grad = None
        elif choose.random() < 0.5:
            for x in self.leaves:
                if x.grad is not None:
                    x.grad.zero_()
        if choose.random() < 0.5:
            self.see(loss)
        while self.handles:
            self.handles.pop().remove()
        self.kept = values[-choose.randint(1, 5) :]
        if choose.random() < 0.4:
            self.once_more(self.kept[0])

    def once_more(self, x):
        """A backward pass from what is left of the round."""
        if not x.requires_grad:
            return
        try:
            (x * x).sum().backward()
        except RuntimeError as error:
            self.seen.append(str(error).split("\n", 1)[0].split(" (at ")[0])
        for w in self.leaves:
            if w.grad is not None:
                self.see(w.grad)
                w.grad = None

    def see(self, x):
        """A value is read."""
        self.seen.append(x.detach().numpy().copy())
        self.seen.append((x.requires_grad, x.is_leaf, x.shape, str(x.dtype)))

    def operation(self, choose, draw, values, rate):
        """One operation on what there is."""
        wide = [x for x in values if x.shape == (3, 4)]
        x, y = choose.choice(values), choose.choice(wide)
        way = choose.randrange(40)
        if way == 0:
            values.append(x + y)
        elif way == 1:
            values.append(y * x - rate)
        elif way == 2:
            values.append(np.tanh(y) / 2)
        elif way == 3:
            values.append(np.maximum(x, y) + draw.normal(size=4))
        elif way == 4:
            values.append(np.sum(y, axis=choose.randrange(2), keepdims=True) * y)
        elif way == 5:
            values.append(y[1:].sum(axis=0) + y[0])
        elif way == 6:
            values.append(np.exp(-(y**2)).T.T)
        elif way == 7:
            values.append(np.where(y > 0.1, y, 0.5 * x))
        elif way == 8:
            values.append(y.clone())
        elif way == 9:
            values.append(y.detach() * 1.5)
        elif way == 10:
            made = y * 1.0
            made += x
            made[0] = 0.25 * made[1]
            values.append(made)
        elif way == 11:
            made = y + 0.0
            view = made[choose.randrange(3)]
            view *= 1.5
            values.append(made)
        elif way == 12:
            with ad.no_grad():
                self.buffer += 0.1 * y
        elif way == 13:
            values.append(y[[0, 2, 1]] + y[:, ::-1])
        elif way == 14:
            self.see(y)
        elif way == 15:
            if y.sum() > 0:
                values.append(-y)
        elif way == 16:
            values.append(np.concatenate([y[:1], y[1:]]) * rate)
        elif way == 17:
            values.append(np.tanh(np.einsum("ij,kj->ik", y, y) @ y))
        elif way == 18:
            with ad.autograd.detect_anomaly():
                values.append(np.sin(y))
        elif way == 19:
            values.append(ad.tensor(np.ones((3, 4))) * x)
        elif way == 20:
            values.append(abs(y) ** 1.5)
        elif way == 21:
            values.append(np.stack([y, y * 2]).mean(axis=0))
        elif way == 22:  # a view that lives on
            self.view = self.buffer[1]
        elif way == 23 and self.view is not None:
            with ad.no_grad():
                self.view += 0.5 * y[0]
            values.append(y + self.buffer)
        elif way == 24 and len(self.seen) % 3 == 0:
            handle = self.leaves[0].register_hook(lambda gradient: 2 * gradient)
            self.handles.append(handle)
        elif way == 25:
            values.append(y.astype(np.float32).astype(float) * y)
        elif way == 26:  # the array belongs to the user, who changes it
            mine = draw.normal(size=(3, 4))
            values.append(y * mine)
            mine[...] = 0.0
        elif way == 27:
            self.buffer.data[0] += 1.0
            self.leaves[2].data *= 0.9
        elif way == 28:
            given = [self.leaves[1], self.leaves[3]]
            found = ad.autograd.grad(
                (y * self.leaves[1]).sum(), given, retain_graph=True, allow_unused=True
            )
            values.append(y + found[0])
            self.seen.append([x is None for x in found])
        elif way == 30:  # values decide how many
            values.append(y + y[y > 0].sum())
        elif way == 31:
            values.append(y * y[y.argmax(axis=0), np.arange(4)])
        elif way == 32:
            values.append(np.sort(y, axis=0) + np.unique(np.round(y.detach())).size)
        elif way == 33:
            values.append(np.linalg.solve(y @ y.T + 3 * np.eye(3), y))
        elif way == 34:
            try:
                np.linalg.inv(y @ y.T * (choose.random() > 2))
            except np.linalg.LinAlgError:
                values.append(-y)
        elif way == 35:
            values.append(y[ad.tensor([2, 0, 1])] + np.cumsum(y, axis=1) * rate)
        elif way == 36:
            where = ad.tensor(draw.normal(size=(3, 4)) > 0)
            values.append(np.where(where, y, 1.0))
            if choose.random() < 0.5:
                values.append(y + np.compress([True, False, True], y, axis=0)[0])
        elif way == 37:
            made = y + 0.0
            made[where_large(made)] = rate
            values.append(made)
        elif way == 38:  # a tensor from before gets a history
            self.buffer += rate * y
            values.append(self.buffer * 1.0)
        else:
            made = y.reshape(2, 6)
            made = made * 1j + 1.0
            values.append((made * made.conj()).real.reshape(3, 4))

    def end(self):
        """All that is left."""
        for x in [*self.leaves, self.buffer, *self.kept]:
            self.see(x)
            if x.is_leaf and x.grad is not None:
                self.see(x.grad)
        return self.seen


def where_large(x):
    """A mask of the user's."""
    return (abs(x) > 0.7).numpy()


def outcome(seed, rounds):
    """What is seen of a program, with the error that ends it, if one does."""
    program = RandomProgram(seed)
    try:
        for k in range(rounds):
            program.round(k)
    except (ad.AdjointError, RuntimeError) as error:
        text = str(error).split("\n", 1)[0].split(" (at ")[0]
        return [*program.seen, type(error).__name__, text]
    return program.end()


def check_program(seed, rounds=ROUNDS):
    """Compiled as uncompiled."""
    with ad.autograd.compile(False):
        expected = outcome(seed, rounds)
    found = outcome(seed, rounds)
    assert len(found) == len(expected), (seed, found[-1], expected[-1])
    for k, (x, y) in enumerate(zip(found, expected, strict=True)):
        if isinstance(y, np.ndarray):
            assert x.dtype == y.dtype and x.shape == y.shape, (seed, k)
            scale = np.max(np.abs(y), initial=1.0)
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-9 * scale, err_msg=f"{seed}, {k}")
        else:
            assert x == y, (seed, k, x, y)
    return programs()


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_random_programs(first):
    assert sum(check_program(seed) for seed in range(first, first + 20)) > 0


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 2000, 50))
def test_many_random_programs(first):
    for seed in range(first, first + 50):
        check_program(seed, rounds=13)


# ------------------------------------------------------------------------------------ one by one


def network():
    """A step of training, and its parameters."""
    draw = np.random.default_rng(0)
    weights = [leaf(draw.normal(size=s) * 0.3) for s in ((6, 5), (5,), (5, 3))]
    speeds = [ad.tensor(np.zeros(w.shape)) for w in weights]

    def step(x, y, rate=0.1):
        scores = np.tanh(x @ weights[0] + weights[1]) @ weights[2]
        scores = scores - np.max(scores, axis=1, keepdims=True)
        loss = np.mean(np.log(np.sum(np.exp(scores), axis=1)) - scores[np.arange(len(y)), y])
        loss.backward()
        with ad.no_grad():
            for w, speed in zip(weights, speeds, strict=True):
                speed *= 0.9
                speed -= rate * w.grad
                w += speed
                w.grad = None
        return loss

    return step, weights


def batch(number, size=8):
    """Data of one step."""
    draw = np.random.default_rng(number)
    return draw.normal(size=(size, 6)), draw.integers(0, 3, size)


def test_a_training_loop_is_one_program():
    step, weights = network()
    losses = [step(*batch(k)) for k in range(20)]
    assert programs() == 1
    with ad.autograd.compile(False):
        again, others = network()
        expected = [again(*batch(k)) for k in range(20)]
    np.testing.assert_allclose([x.item() for x in losses], [x.item() for x in expected], rtol=1e-12)
    for w, other in zip(weights, others, strict=True):
        np.testing.assert_allclose(w.detach().numpy(), other.detach().numpy(), rtol=1e-10)


def test_a_rate_that_changes_compiles_nothing():
    step, _ = network()
    for k in range(20):
        step(*batch(k), rate=0.1 / (1 + k))
    assert programs() == 1


def test_a_last_batch_that_is_smaller_has_a_program_of_its_own():
    step, _ = network()
    for _ in range(6):
        for k in range(3):
            step(*batch(k, size=8 if k < 2 else 5))
    assert 1 < programs() <= 3


def test_a_loss_that_is_read_in_each_step():
    step, _ = network()
    losses = [step(*batch(0)).item() for _ in range(30)]
    assert losses[-1] < losses[0]
    again, _ = network()
    others = [again(*batch(0)).item() for _ in range(30)]
    np.testing.assert_allclose(others, losses, rtol=1e-12)


def test_equal_runs_give_equal_bits():
    found = []
    for _ in range(2):
        mode.tape.end()
        mode.tape = Tape(Automaton(), False)
        step, weights = network()
        losses = [step(*batch(k)) for k in range(12)]
        found.append([x.detach().numpy().tobytes() for x in (*losses, *weights)])
    assert found[0] == found[1]


def test_losses_that_are_kept_keep_nothing_else():
    step, weights = network()
    losses = []
    for k in range(6):
        losses.append(step(*batch(k)))
    old = weakref.ref(weights[0].value)
    for k in range(6):
        losses.append(step(*batch(k)))
    gc.collect()
    assert old() is None
    with pytest.raises(RuntimeError, match="a second backward pass went through a graph"):
        losses[-1].backward()
    assert losses[-1].requires_grad
    assert "grad_fn=<" in repr(losses[-1])


def test_steps_need_no_more_and_no_more_memory():
    step, _ = network()
    for k in range(10):
        step(*batch(k))
    gc.collect()
    tracemalloc.start()
    before = len(gc.get_objects()), tracemalloc.get_traced_memory()[0]
    for k in range(200):
        step(*batch(k))
    gc.collect()
    after = len(gc.get_objects()), tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after[0] - before[0] < 50
    assert after[1] - before[1] < 20_000


def test_what_is_not_seen_is_not_kept():
    x = leaf(np.ones(100_000))
    for _ in range(6):
        y = np.exp(x)
        z = (y * y).sum()
        kept = weakref.ref(y)
        del y
        z.backward()
        del z
        gc.collect()
        assert kept() is None
        x.grad = None
    assert programs() == 1


def test_peak_memory_of_a_step():
    x = leaf(np.ones(200_000))

    def step():
        y = x
        for _ in range(10):
            y = np.sin(y) * 1.01
        y.sum().backward()
        x.grad = None

    for _ in range(5):
        step()
    peaks = []
    for deferring in (True, False):
        with ad.autograd.compile(deferring):
            step()
            step()
            step()
            tracemalloc.start()
            begun = tracemalloc.get_traced_memory()[0]
            step()
            now, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert now - begun < 100_000  # nothing is left
            peaks.append((peak - begun) / x.nbytes)
    assert peaks[0] < 3
    assert peaks[1] > 10  # uncompiled, each sine keeps what it read


def test_arrays_of_the_users_may_change_before_the_value_is_read():
    x = leaf(np.arange(3.0))
    for k in range(5):
        mine = np.full(3, float(k))
        y = x * mine
        mine[...] = 100.0
        places = np.array([2, 0])
        z = x[places]
        places[...] = 1
        assert y.tolist() == [0.0, k, 2.0 * k]
        assert z.tolist() == [2.0, 0.0]


def test_a_view_from_before_sees_a_write():
    for _ in range(6):
        x = ad.tensor(np.zeros((2, 2)))
        row = x[0]
        assert row.tolist() == [0.0, 0.0]
        x += 1.0
        assert row.tolist() == [1.0, 1.0]
        row *= 3.0
        assert x.tolist() == [[3.0, 3.0], [1.0, 1.0]]


def test_a_view_of_a_gradient_sees_it_grow():
    x = leaf(np.ones(3))
    (x * x).sum().backward()
    for k in range(8):
        first = x.grad[:1] if k % 2 else None
        (x * x).sum().backward()
        if first is not None:
            assert first.tolist() == [2.0 * (k + 2)]
        assert x.grad.tolist() == [2.0 * (k + 2)] * 3


def test_a_view_that_one_round_keeps_and_another_does_not():
    for k in range(8):
        x = ad.tensor(np.zeros(3)) + 1.0
        part = x[1:]
        if k % 2:
            del part
        x *= 2.0
        if k % 2 == 0:
            assert part.tolist() == [2.0, 2.0]
        assert x.sum().item() == 6.0


def test_hooks_that_come_and_go():
    x = leaf(np.ones(3))
    for k in range(12):
        handle = x.register_hook(lambda gradient: 10 * gradient) if k % 4 == 3 else None
        (x * x).sum().backward()
        assert x.grad.tolist() == [20.0 if handle else 2.0] * 3
        x.grad = None
        if handle is not None:
            handle.remove()


def test_a_leaf_that_requires_a_gradient_now_and_then():
    x, y = leaf(np.ones(2)), leaf(np.ones(2))
    for k in range(12):
        x.requires_grad_(k % 3 != 2)
        (x * y).sum().backward()
        assert (x.grad is None) == (k % 3 == 2)
        x.grad = y.grad = None


def test_overwritten_values_are_found():
    x = leaf(np.ones(3))
    for _ in range(6):
        y = np.exp(x)
        z = (y * y).sum()
        y += 1.0
        with pytest.raises(RuntimeError, match="was modified in place before the backward pass"):
            z.backward()


def test_an_error_names_the_line_of_the_call_that_was_put_off():
    x = leaf(np.ones(3))
    for places in ([0, 1], [1, 2], [2, 0], [0, 3]):
        y = x[np.array(places)]  # this line
        if 3 in places:
            with pytest.raises(IndexError) as info:
                y.sum().backward()
            assert "y = x[np.array(places)]  # this line" in "".join(info.value.__notes__)
            with pytest.raises(IndexError):
                y.item(0)  # it has no value
        else:
            y.sum().backward()
    assert (x * 2).tolist() == [2.0, 2.0, 2.0]  # others go on


@pytest.mark.parametrize("good", [1, 3, 6])
def test_an_error_leaves_parameters_as_they_were(good):
    w = leaf(np.ones(3))
    table = leaf(np.arange(6.0))

    def step(places):
        (w * table[np.array(places)]).sum().backward()
        with ad.no_grad():
            w.sub_(0.01 * w.grad)
        w.grad = table.grad = None

    for k in range(good):
        step([0, 1, 2 + k % 3])
    before = w.tolist() if good % 2 else None
    expected = np.ones(3) - 0.01 * sum(np.array([0, 1, 2 + k % 3]) for k in range(good))
    with pytest.raises(IndexError, match="out of bounds"):
        step([0, 1, 7])
    np.testing.assert_allclose(w.tolist(), expected)
    assert before is None or w.tolist() == before
    assert w.grad is None
    for _ in range(2):
        (w * table[np.array([0, 1, 2])]).sum().backward()
        assert w.grad.tolist() == [0.0, 1.0, 2.0]
        w.grad = None


def test_what_another_thread_reads():
    x = leaf(np.arange(4.0))
    for _ in range(5):
        y = np.sin(x) * 2.0
        z = y.sum()
        found = []

        def read(y=y, z=z, found=found):
            found.append(y.tolist())
            found.append(z.item())
            found.append((z + 1.0).item())

        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
        np.testing.assert_allclose(found[0], 2 * np.sin(np.arange(4.0)))
        np.testing.assert_allclose(found[2], found[1] + 1.0)
        z.backward()
        np.testing.assert_allclose(x.grad.tolist(), 2 * np.cos(np.arange(4.0)))
        x.grad = None


def test_threads_that_train_at_once():
    results = {}

    def train(name):
        draw = np.random.default_rng(3)
        w = leaf(np.zeros(5))
        for _ in range(30):
            x = draw.normal(size=(20, 5))
            ((x @ w - x.sum(axis=1)) ** 2).mean().backward()
            with ad.no_grad():
                w -= 0.1 * w.grad
            w.grad = None
        results[name] = w.tolist()

    threads = [threading.Thread(target=train, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(found == results[0] for found in results.values())


def test_tensors_inside_transforms():
    t = ad.tensor([1.0, 2.0])
    for _ in range(6):
        scale = t * 3.0
        assert ad.grad(lambda x, scale=scale: np.sum(x * x * scale))(np.ones(2)).tolist() == [6, 12]
        compiled = ad.jit(lambda x, scale=scale: np.sum(x * scale))
        assert compiled(np.ones(2)) == 9.0


def test_compiled_functions_of_tensors_are_part_of_the_program():
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(8, 6)), draw.normal(size=8)

    @ad.jit
    def loss(w, scale):
        return np.mean((np.tanh(x @ w["first"]) @ w["last"] * scale - y) ** 2), w["last"] * 2.0

    def descend():
        w = {"first": leaf(np.full((6, 4), 0.1)), "last": leaf(np.linspace(0.0, 1.0, 4))}
        seen = []
        for k in range(8):
            value, twice = loss(w, 1.0 + k / 10)
            assert type(twice) is ad.Tensor and twice.requires_grad
            value.backward()
            with ad.no_grad():
                for v in w.values():
                    v -= 0.1 * v.grad
                    v.grad = None
            seen.append(value.detach().item())
        return seen

    found = descend()
    assert programs() >= 1
    with ad.autograd.compile(False):
        np.testing.assert_allclose(found, descend(), rtol=1e-12)
    assert loss({"first": x.T[:, :4], "last": np.ones(4)}, 1.0)[1].tolist() == [2.0] * 4


def test_turning_it_off():
    x = leaf(np.ones(3))
    ad.autograd.compile(False)
    try:
        for _ in range(6):
            (x * x).sum().backward()
        assert programs() == 0
        assert mode.tape.is_off
    finally:
        ad.autograd.compile(True)
    assert x.grad.tolist() == [12.0] * 3


def test_warnings_and_types_of_what_is_pending():
    x = leaf(np.ones((2, 3), np.float32))
    for _ in range(4):
        y = x @ np.ones((3, 5), np.float32)
        assert (y.shape, y.dtype, y.ndim, y.size, len(y)) == ((2, 5), np.float32, 2, 10, 2)
        assert (np.shape(y), np.ndim(y)) == ((2, 5), 2)
        assert y.requires_grad and not y.is_leaf
        assert not (x > 0).requires_grad
        y.sum().backward()
        assert x.grad.dtype == np.float32
        x.grad = None


def test_more_states_than_are_kept(monkeypatch):
    from adjoint.front.imperative import tape

    monkeypatch.setattr(tape, "MOST_STATES", 200)
    monkeypatch.setattr(tape, "LONGEST", 50)
    x = leaf(np.ones(2))
    for k in range(40):
        y = x
        for j in range(20 + k % 7):
            y = y + j * k
        y.sum().backward()
    assert x.grad.tolist() == [40.0, 40.0]
    assert mode.tape.automaton.count < 300


def test_a_program_that_cannot_be_made_is_run_uncompiled(monkeypatch):
    monkeypatch.setattr(replay, "native", lambda *_: 1 / 0)
    x = leaf(np.ones(2))
    for _ in range(6):
        (x * x).sum().backward()
    assert x.grad.tolist() == [12.0, 12.0]
    assert isinstance(next(p.reason for p in paths() if p.is_hopeless), ZeroDivisionError)


def test_a_history_that_lives_on():
    x, w = leaf(np.linspace(0.0, 1.0, 4)), leaf(np.ones(4))
    for k in range(8):
        penalty = (w * w).sum() * (k + 1.0)  # not part of the loss
        scaled = 2.0 * x
        loss = (np.sin(scaled) * w).sum()
        loss.backward()
        kept = weakref.ref(loss)
        del loss
        assert kept() is None
        slope, w.grad, x.grad = w.grad, None, None
        np.testing.assert_allclose(slope.numpy(), np.sin(2 * np.linspace(0, 1, 4)))
        if k % 2:
            assert penalty.requires_grad and not penalty.is_leaf
            if k > 3:
                penalty.backward()
                np.testing.assert_allclose(w.grad.numpy(), 2 * (k + 1) * w.detach().numpy())
                w.grad = None
                with pytest.raises(RuntimeError, match="a second backward pass went"):
                    penalty.backward()
        with ad.no_grad():
            w -= 0.1 * slope
    assert programs() >= 1


def test_a_history_that_another_thread_needs():
    x = leaf(np.arange(3.0))
    for _ in range(5):
        y = (np.exp(x) * 2.0).sum()
        thread = threading.Thread(target=y.backward)
        thread.start()
        thread.join()
        np.testing.assert_allclose(x.grad.tolist(), 2 * np.exp(np.arange(3.0)))
        x.grad = None


# ---------------------------------------------------------------------- aliases, versions, lines


@pytest.mark.parametrize("write", ["isub", "copy", "retained", "grad"])
def test_a_leaf_with_an_alias_is_written_between_its_uses(write):
    p, x = leaf([1.0, 2.0, 3.0]), ad.tensor([0.4, 0.5, 0.6])
    for _ in range(8):
        start = p.tolist()
        alias = p.detach()  # kept
        first = np.sum(p * x)
        if write == "retained":
            first.backward(retain_graph=True)
        with ad.no_grad():
            if write == "copy":
                p.copy_(0.99 * p)
            elif write == "retained":
                p -= 0.01 * p.grad
            else:
                p -= 0.01 * x
        p.grad = None
        loss = 2.0 * first + np.sum(p * p)
        if write == "grad":
            (gradient,) = ad.autograd.grad(loss, p)
        else:
            loss.backward()
            gradient, p.grad = p.grad, None
        assert alias.tolist() == p.tolist() != start
        np.testing.assert_allclose(gradient.numpy(), 2 * x.numpy() + 2 * np.array(p.tolist()))


def test_a_write_that_was_settled_is_counted_once():
    w, d = leaf([1.0, 2.0, 3.0]), leaf([0.5, -0.2, 0.1])
    buffer = ad.tensor(np.zeros(3))
    for _ in range(30):
        fake = w * 2.0
        (gradient,) = ad.autograd.grad(np.sum(np.tanh(fake.detach() * d)), d)
        buffer += gradient
        loss = np.sum(fake * buffer)
        assert np.sum(np.abs(w.detach())).item() == 6.0
        loss.backward()
        np.testing.assert_allclose(w.grad.numpy(), 2 * buffer.numpy())
        w.grad = None


@pytest.mark.parametrize("kind", ["leaf", "alias", "result"])
def test_a_history_that_lives_on_knows_what_was_written_to(kind):
    a, b = leaf([1.0, 2.0, 3.0]), leaf([1.0, 1.0, 1.0])
    for _ in range(8):
        loss, y = np.sum(a * a), b * 2.0
        other = (
            np.sum(a.detach() * b)
            if kind == "alias"
            else np.sum(a * y if kind == "leaf" else y * y)
        )
        loss.backward()
        a.grad = None
        with ad.no_grad():
            if kind == "result":
                y += 1.0
            else:
                a -= 0.1
        with pytest.raises(RuntimeError, match="was modified in place before the backward pass"):
            other.backward()
        b.grad = None


def test_a_history_that_lives_on_after_writes_of_the_path():
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    for _ in range(8):
        with ad.no_grad():
            a -= 0.125
        loss, other = np.sum(a * a), np.sum(a * b)
        loss.backward()
        other.backward()
        np.testing.assert_allclose(b.grad.numpy(), a.detach().numpy())
        a.grad = b.grad = None


def test_a_gradient_in_a_larger_buffer():
    flat, w = ad.tensor(np.zeros(4)), leaf([1.0, 1.0])
    w.grad = flat[:2]
    for k in range(1, 8):
        np.sum(w * 3.0).backward()
        assert flat.tolist() == [3.0 * k, 3.0 * k, 0.0, 0.0] and w.grad.tolist() == [3.0 * k] * 2


def test_parameters_in_a_larger_buffer():
    flat = ad.tensor(np.ones(4))
    w = flat[:2].detach().requires_grad_()
    for k in range(1, 8):
        np.sum(w * w).backward()
        flat[:2] -= 0.25 * w.grad
        w.grad = None
        assert w.tolist() == flat.tolist()[:2] == [0.5**k] * 2
    with pytest.raises(RuntimeError, match="a leaf that requires a gradient"):
        w += 1.0


def test_a_leaf_is_frozen_before_the_backward_pass():
    for _ in range(5):
        w, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
        loss = np.sum(w * b)
        w.requires_grad_(False)
        loss.backward(retain_graph=True)
        assert w.grad is None and b.grad.tolist() == [1.0, 2.0]
        w.requires_grad_()
        loss.backward()
        assert w.grad.tolist() == [3.0, 4.0]


def test_errors_name_the_line_of_the_function_that_runs():
    w = leaf([1.0, 2.0])

    def train():
        loss = np.sum(w * w)
        loss.backward()

    def evaluate():
        score = np.sum(w * w)  # here
        score.backward()
        score.backward()

    for _ in range(5):
        train()
    with pytest.raises(RuntimeError) as info:
        evaluate()
    assert "score = np.sum(w * w)  # here" in str(info.value)


@pytest.mark.parametrize("is_written", [False, True])
def test_an_index_that_is_caught(is_written):
    w = leaf([1.0, 2.0, 3.0])
    caught = []
    for k in range(8):
        h = w * 2.0
        try:
            if is_written:
                h[np.array([0, 9 if k > 4 else 1])] = 0.0
            else:
                h = h * h[np.array([0, 9 if k > 4 else 1])].sum()
        except IndexError:
            caught.append(k)
        np.sum(h).backward()
    assert caught == [5, 6, 7]


def test_detaching_in_place():
    x = leaf([1.0, 2.0])
    for _ in range(6):
        state = ad.tensor([1.0, 1.0])
        for _ in range(3):
            state.detach_()
            state = state * x
        state.sum().backward()
        assert x.grad.tolist() == [1.0, 4.0] and state.grad_fn is not None
        assert state.detach_() is state and state.is_leaf and not state.requires_grad
        x.grad = None
    with pytest.raises(RuntimeError, match="a view of another tensor"):
        (x * 1)[0:1].detach_()


# ---------------------------------------------------------------------- gradients that are written


@pytest.mark.parametrize("way", ["backward", "backward of several", "retained", "grad"])
def test_gradients_that_each_pass_writes(way):
    w = ad.tensor([1.0, 2.0])
    w.attach_grad()
    free = ad.tensor([1.0, 1.0])
    free.attach_grad("null")
    for _ in range(8):
        with ad.record():
            loss = np.sum(w * w * free)
        if way == "backward of several":
            ad.autograd.backward([loss, loss * 1.0])
        elif way == "retained":
            loss.backward(retain_graph=True)
            loss.backward()
        elif way == "grad":
            (gradient,) = ad.autograd.grad(loss, w, retain_graph=True)
            assert gradient.tolist() == (2 * np.array(w.tolist())).tolist()
            loss.backward()
        else:
            loss.backward()
        factor = 2.0 if way == "backward of several" else 1.0
        np.testing.assert_allclose(w.grad.numpy(), factor * 2 * w.detach().numpy())
        assert free.grad is None
        with ad.autograd.pause():
            w -= 0.1 * w.grad / factor
    np.testing.assert_allclose(w.detach().numpy(), 0.8**8 * np.array([1.0, 2.0]))
    assert programs() >= 1


@pytest.mark.parametrize("request_", ["write", "add"])
def test_what_is_attached_again_forgets_what_was_made_of_it(request_):
    x = ad.tensor([1.0, 2.0])
    for _ in range(8):
        x.attach_grad(request_)
        with ad.record():
            y = x * x
            x.attach_grad(request_)
            z = y * x
        z.backward()
        assert x.grad.tolist() == [1.0, 4.0]


def test_a_leaf_that_was_frozen_meanwhile_adds_up_what_one_pass_gives():
    x = leaf([2.0])
    x.request = "write"
    for _ in range(3):
        y = x * x
        x.requires_grad_(False)
        x.requires_grad_()
        (y * x).sum().backward()
        assert x.grad.tolist() == [12.0]


def test_a_pass_that_waits_keeps_what_it_begins_at():
    p = leaf(0.5)
    b = ad.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])

    def step():
        loss = np.max(b[-1]) + np.mean(p.clone() ** 2)
        assert loss.item() == 6.25
        loss.backward(retain_graph=True)

    for _ in range(12):
        step()
        b.requires_grad_(False)  # ends what waits
    assert p.grad.item() == 12.0

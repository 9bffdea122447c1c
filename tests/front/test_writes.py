"""What a function under `jit` writes outside of itself: found, taken back, refused; and what is no
such write."""

import collections
import enum
import functools
import heapq
import itertools
import math
import sys
import threading
import types
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest

import adjoint as ad
from adjoint.front import writes
from adjoint.front.context import context

X = np.array([1.0, 2.0, 3.0])

COUNT = 0
HISTORY = [1.0]
NESTED = {"all": {"runs": [0]}, "array": np.zeros(2)}
SEEN = {1, 2}
QUEUE = collections.deque([1, 2])
RAW = bytearray(b"abc")
TABLE = collections.defaultdict(list, a=[1])
MASK = np.array([True, False])
CONFIG = types.SimpleNamespace(rate=0.5)


SHARED: list = []


class Model:
    total = 0.0
    shared = SHARED

    def __init__(self):
        self.calls = 0
        self.last = None
        self.parts = [Part(1.0), Part(2.0)]

    def __call__(self, x):
        self.calls += 1
        return x * 2.0

    def keep(self, x):
        self.last = x * x
        return x

    def inner(self, x):
        for part in self.parts:
            part.weight = part.weight * 2.0
            x = x * part.weight
        return x

    def of_class(self, x):
        type(self).total += 1.0
        return x

    def of_list(self, x):
        self.shared.append(1)
        return x

    def deleting(self, x):
        del self.last
        return x

    @property
    def doubled(self):
        self.calls += 2
        return 2.0

    def through_a_property(self, x):
        return x * self.doubled


class Part:
    __slots__ = ("weight",)

    def __init__(self, weight):
        self.weight = weight


def global_number(x):
    global COUNT
    COUNT += 1
    return x * 2.0


def global_new(x):
    global BRAND_NEW
    BRAND_NEW = 1
    return x


def global_deleted(x):
    global SEEN
    del SEEN
    return x


def helper(x):
    HISTORY.append(2.0)
    return x


def function_attribute(x):
    function_attribute.calls += 1
    return x


function_attribute.calls = 0


def default_argument(x, known={}):  # noqa: B006
    known[1] = 2.0
    return x


def namespace(x):
    CONFIG.rate = 1.0
    return x


def in_place_sum(x):
    global HISTORY
    HISTORY += [x]
    return x


def whole_slice(x):
    HISTORY[:] = []
    return x


def closure():
    n, log = 0, []

    def f(x):
        nonlocal n
        n += 1
        return x

    def g(x):
        log.append(x)
        return x

    return f, g


FUNCTIONS = {
    "global number": global_number,
    "global new": global_new,
    "global deleted": global_deleted,
    "helper": lambda x: helper(x) * 2.0,
    "function attribute": function_attribute,
    "default argument": default_argument,
    "namespace": namespace,
    "in-place sum": in_place_sum,
    "whole slice": whole_slice,
    "item": lambda x: HISTORY.__setitem__(0, 5.0) or x,
    "pop": lambda x: x * HISTORY.pop(),
    "heap": lambda x: heapq.heappush(HISTORY, 0.5) or x,
    "nested": lambda x: NESTED["all"]["runs"].append(1) or x,
    "set": lambda x: SEEN.add(3) or x,
    "deque": lambda x: QUEUE.rotate(1) or x,
    "bytes": lambda x: RAW.append(3) or x,
    "defaultdict": lambda x: x * len(TABLE["b"]),
    "order": lambda x: NESTED.update(all=NESTED.pop("all")) or x,
    "array in a dict": lambda x: NESTED["array"].__setitem__(0, 1.0) or x,
    "boolean array": lambda x: MASK.__setitem__(1, True) or x,
    "setattr": lambda x: setattr(CONFIG, "rate", 2.0) or x,
    "globals()": lambda x: globals().__setitem__("COUNT", 7) or x,
    "nonlocal": closure()[0],
    "closure's list": closure()[1],
    "map": lambda x: [list(map(HISTORY.append, [1.0])), x][1],
    "generator": lambda x: sum(HISTORY.append(k) or x for k in range(2)),
    "comprehension": lambda x: sum([HISTORY.append(k) or x for k in range(2)]),
    "branch": lambda x: HISTORY.append(1) or x if x.sum() > 0 else x,
}


def state():
    """All that the functions write into."""
    return (
        COUNT, list(HISTORY), {k: type(v) for k, v in globals().items()}, list(NESTED),
        NESTED["array"].tolist(), list(NESTED["all"]["runs"]), set(SEEN), list(QUEUE), bytes(RAW),
        dict(TABLE), MASK.tolist(), vars(CONFIG).copy(), function_attribute.calls,
        default_argument.__defaults__[0].copy(), Model.total, list(Model.shared),
    )  # fmt: skip


def clean():
    return context.program is None and sys.gettrace() is None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_write_is_refused_and_taken_back(name):
    f, before, tracer = FUNCTIONS[name], state(), sys.gettrace()
    for transform in (ad.jit, lambda f: ad.jit(ad.grad(lambda x: f(x).sum()))):
        fast = transform(f)
        for _ in range(2):
            with pytest.raises(ad.TracingError, match=r"under `jit` (changed|wrote)") as caught:
                fast(X)
            assert state() == before and sys.gettrace() is tracer
            assert context.program is None
        text = str(caught.value)
        line = text.split("\n")[2]
        code = f.__code__
        lines = {k for *_, k in code.co_lines()}
        if name != "helper":
            assert int(line.split("test_writes.py:")[1].split(":")[0]) in lines, text
        assert "called at test_writes.py:" in line and "fast(X)" in line


METHODS = ["__call__", "keep", "inner", "of_class", "of_list", "deleting", "through_a_property"]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_that_writes(name):
    model = Model()
    parts = list(model.parts)
    calls = [
        lambda: ad.jit(getattr(model, name))(2.0),
        lambda: ad.jit(lambda x: getattr(model, name)(x))(2.0),
        lambda: ad.jit(lambda x, m: getattr(m, name)(x), static_argnums=1)(2.0, model),
        lambda: ad.jit(functools.partial(getattr(Model, name), model))(2.0),
        lambda: ad.grad(ad.jit(getattr(model, name)))(2.0),
        lambda: ad.vmap(ad.jit(getattr(model, name)))(X),
        lambda: ad.jit(ad.jit(getattr(model, name)))(2.0),
        lambda: ad.jit(ad.vmap(getattr(model, name)))(X),
        lambda: ad.explain(getattr(model, name), 2.0),
    ]
    for call in calls:
        with pytest.raises(ad.TracingError, match=r"changed the (attribute|list)"):
            call()
        assert vars(model) == {"calls": 0, "last": None, "parts": parts}
        assert [p.weight for p in parts] == [1.0, 2.0] and (Model.total, Model.shared) == (0.0, [])
        assert context.program is None and context.differentiations == 0


def test_an_object_that_is_called():
    model = Model()
    with pytest.raises(ad.TracingError, match=r"attribute `calls` of a `Model` .from 0 to 1"):
        ad.jit(model)(2.0)
    assert model.calls == 0


def test_uncompiled_the_writes_take_place():
    model = Model()
    assert ad.grad(model)(2.0) == 2.0 and model.calls == 1
    assert ad.vmap(model)(X).shape == (3,) and model.calls == 2
    before = len(HISTORY)
    try:
        assert ad.grad(helper)(2.0) == 1.0 and len(HISTORY) == before + 1
    finally:
        del HISTORY[before:]

    def within(x):  # the derivative goes through the attribute
        model.keep(x)
        return model.last * x

    assert ad.grad(within)(2.0) == 12.0 and float(model.last) == 4.0


def test_what_the_function_makes_itself_is_its_own():
    def f(x):
        model, log = Model(), []
        for k in range(3):
            model.calls += k
            model.keep(x)
            log.append(model.last)
        known = {"a": log}
        known["b"] = sum(log)
        model.part = Part(known["b"])
        model.part.weight = model.part.weight * 2.0
        n = 0

        def count():
            nonlocal n
            n += 1

        count()
        out = np.zeros(3)
        out[1] = x
        print(n, end="")
        return model.part.weight * n + out.sum()

    assert ad.jit(f)(2.0) == 26.0 and ad.jit(ad.grad(f))(2.0) == 25.0


@functools.lru_cache
def cached(n):
    return [math.factorial(k) for k in range(n)]


class Lazy:
    @functools.cached_property
    def table(self):
        return {"a": 3.0}


class Flags(enum.Flag):
    A = 1
    B = 2


def test_caches_imports_and_pythons_own_names_are_no_writes():
    lazy = Lazy()

    def f(x):
        global string
        import string

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.warn("once", stacklevel=1)
        both = Flags.A | Flags.B
        return x * cached(4)[-1] * lazy.table["a"] * both.value * len(string.digits)

    assert ad.jit(f)(1.0) == 6 * 3 * 3 * 10
    assert lazy.__dict__ == {"table": {"a": 3.0}}
    ad.jit(f)(X)


def test_a_cached_property_of_a_traced_value():
    class Scaled:
        scale = None

        @functools.cached_property
        def twice(self):
            return self.scale * 2.0

    scaled = Scaled()
    inner = threading.local()

    def f(x):
        inner.value = x
        kind = type("Kind", (Scaled,), {"scale": x})
        scaled.__dict__["twice"] = kind().twice
        return scaled.twice * x

    with pytest.raises(ad.TracingError, match=r"`twice` of a `Scaled` .it now holds a traced"):
        ad.jit(f)(3.0)
    assert "twice" not in vars(scaled)


# ---------------------------------------------------------------- arguments


@dataclass
class State:
    position: np.ndarray
    log: list = field(default_factory=list)


def test_arguments_that_are_written_into():
    def element(a):
        a[0] = 1.0
        return a.sum()

    def view(a):
        a.reshape(3, 1)[1:] *= 2.0
        return a.sum()

    def sorting(a):
        a.sort()
        return a[0]

    for f in (element, view, sorting):
        with pytest.raises(ad.TracingError, match=r"wrote into its argument `a` \(float64\[3\]\)"):
            ad.jit(f)(X.copy())
    for f, name in (
        (lambda d: d["w"].__setitem__(0, 1.0) or d["w"].sum(), r"`d\['w'\]`"),
        (lambda d: d.update(w=d["w"] * 2) or d["w"].sum(), "`d`"),
        (lambda d: d.pop("w").sum(), "`d`"),
    ):
        with pytest.raises(ad.TracingError, match=f"wrote into its argument {name}"):
            ad.jit(f)({"w": X.copy()})
    for f, name in (
        (lambda s: s.log.append(s.position) or s.position, r"`s\.log`"),
        (lambda s: setattr(s, "position", s.position * 2) or s.position, "`s`"),
    ):
        with pytest.raises(ad.TracingError, match=f"wrote into its argument {name}"):
            ad.jit(f)(State(X.copy()))


def test_arguments_that_are_returned():
    def f(a, d):
        a[0] = 5.0
        d["w"] = d["w"] * 2
        d["n"] = a[:2]
        return a, d

    a, d = ad.jit(f)(X.copy(), {"w": X.copy()})
    np.testing.assert_array_equal(a, [5, 2, 3])
    np.testing.assert_array_equal(d["w"], 2 * X)

    def transposed(a):
        a[0] *= 2.0
        return a.T

    np.testing.assert_array_equal(ad.jit(transposed)(np.ones((2, 1))), [[2.0, 1.0]])

    def rebound(x, n):
        x = x + 1.0
        x += n
        n += 1
        return x * n

    np.testing.assert_array_equal(ad.jit(rebound)(X, 2.0), (X + 3) * 3)
    assert ad.jit(rebound)(1.0, 2.0) == 12.0


# ---------------------------------------------------------------- inside other transforms, errors


def test_an_error_on_the_way_leaves_nothing_behind():
    model = Model()

    def refused(x):
        model.keep(x)
        HISTORY.append(x)
        return {x: 1.0}

    before = state()
    with pytest.raises(ad.TracingError, match="key of a dictionary"):
        ad.jit(refused)(2.0)
    assert model.last is None and state() == before

    def own(x):
        model.calls += 1
        raise KeyError("mine")

    with pytest.raises(KeyError):
        ad.jit(own)(2.0)
    assert model.calls == 1  # as without `jit`


def test_inside_another_transform_with_a_question():
    model = Model()

    def f(x):
        model.calls += 1
        return x if x > 0 else -x

    for call in (lambda: ad.grad(ad.jit(f))(2.0), lambda: ad.jit(f)(2.0)):
        with pytest.raises(ad.TracingError, match="`calls`"):
            call()
        assert model.calls == 0


def test_a_pullback_and_generator_that_are_kept():
    kept = {}

    def f(x):
        value, kept["pullback"] = ad.vjp(np.sin, x)
        return value

    with pytest.raises(ad.TracingError, match="changed the dict `kept`"):
        ad.jit(f)(0.5)
    assert not kept


def test_stand_ins_of_an_outer_trace_are_no_writes():
    """Inside `grad` the user's names are exchanged: more of them while `jit` records."""
    seen = []
    space = types.ModuleType("space")
    code = "import numpy as np\nfrom math import sin\nTABLE = np.ones(3)\nRULES = {'sin': sin}\n"
    exec(code + "def g(x):\n    return RULES['sin'](x) * np.sum(TABLE * np.cos(x))\n", vars(space))
    g = space.g

    def f(x):
        seen.append(1)
        return ad.jit(lambda y: g(y) * 2.0)(x) * ad.jit(ad.grad(g))(x)

    assert np.isfinite(ad.grad(f)(0.5)) and len(seen) == 1
    assert np.isfinite(ad.jit(ad.grad(lambda x: ad.grad(g)(x) * x))(0.5))


def test_a_tensor_kept_from_vmap_names_its_line():
    kept = []

    def f(x):
        kept.append(x * 2.0)
        return x

    ad.vmap(f)(X)
    with pytest.raises(ad.TracingError, match=r"made at test_writes.py:\d+: ad.vmap\(f\)\(X\)"):
        kept[0] + 1.0


# ---------------------------------------------------------------- other threads


def test_writes_of_other_threads_are_not_the_functions():
    """They go on, are not undone, and raise nothing."""
    model = Model()
    log, stop, errors = [], threading.Event(), []

    def writing():
        while not stop.is_set():
            model.calls += 1
            log.append(1)
            log.pop() if len(log) > 50 else None
            globals()["COUNT"] = COUNT + 1

    def f(x):
        own = []
        for k in range(5):
            own.append(np.sin(x) * k * model.total + len(log) * 0.0 + 0.0 * COUNT)
            own.pop(0) if len(own) > 3 else None
        fresh = Model()
        fresh.calls += 1
        return own[0] + x * fresh.calls

    before = COUNT
    thread = threading.Thread(target=writing)
    thread.start()
    try:
        while not model.calls:
            pass
        for k in range(25):
            count = model.calls
            try:
                assert ad.jit(lambda x, k=k: f(x) + k)(1.0) == 1.0 + k
            except ad.TracingError as error:
                errors.append(error)
            assert model.calls >= count and before <= COUNT
    finally:
        stop.set()
        thread.join()
        globals()["COUNT"] = before
    assert not errors


def test_own_writes_are_found_beside_other_threads():
    stop = threading.Event()

    def waiting():
        stop.wait()

    thread = threading.Thread(target=waiting)
    thread.start()
    before = state()
    try:
        assert writes.others(threading.active_count())
        for name in ("global number", "helper", "nested", "deque", "global new", "nonlocal"):
            with pytest.raises(ad.TracingError, match="changed") as caught:
                ad.jit(FUNCTIONS[name])(X)
            assert "test_writes.py" in str(caught.value)
            assert state() == before
        model = Model()
        with pytest.raises(ad.TracingError, match="attribute `calls`"):
            ad.jit(model)(1.0)
        assert model.calls == 0
        with pytest.raises(ad.TracingError, match=r"attribute `last`.*traced value"):
            ad.jit(model.keep)(1.0)
        assert model.last is None
    finally:
        stop.set()
        thread.join()
    assert not writes.others(threading.active_count())


def test_recording_in_a_pool():
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: ad.jit(lambda x: np.sin(x) * k)(1.0), range(16)))
    np.testing.assert_allclose(found, np.sin(1.0) * np.arange(16))


# ---------------------------------------------------------------- bounds


def test_much_that_is_reached():
    """Large and deep data: recording looks at a part, and is right."""
    rows = [[float(k)] * 10 for k in range(5000)]
    chain = []
    for _ in range(5000):
        chain = [chain]
    loop = []
    loop.append(loop)

    def f(x):
        return x * len(rows) + len(chain) + len(loop)

    assert ad.jit(f)(1.0) == 5002.0

    def appends(x):
        rows.append([])
        return x

    with pytest.raises(ad.TracingError, match=r"the list `rows` .5000 items before, 5001 after"):
        ad.jit(appends)(1.0)


def test_a_tracer_of_the_users_is_put_back():
    seen = []

    def tracer(frame, event, arg):
        seen.append(event)

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        with pytest.raises(ad.TracingError):
            ad.jit(global_number)(1.0)
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)


def test_iterators_are_not_seen():
    """A limit: what changes inside an iterator cannot be compared."""
    counter = itertools.count()

    def f(x):
        return x * next(counter)

    assert ad.jit(f)(1.0) == 0.0


class Proxy:
    """Says that it is a dictionary."""

    __class__ = property(lambda self: dict)  # type: ignore[assignment]
    __slots__ = ()

    def __getattr__(self, name):
        raise AttributeError(name)


class Loud(dict):
    """A dictionary with methods of its own, which nobody but the user calls."""

    def __len__(self):
        raise RuntimeError("length")

    def __iter__(self):
        raise RuntimeError("iteration")

    def copy(self):
        raise RuntimeError("copy")


def test_the_users_own_methods_are_not_called():
    proxy, loud = Proxy(), Loud(a=1.0)

    def f(x):
        return x * loud["a"] if type(proxy) is Proxy else x

    assert ad.jit(f)(2.0) == 2.0

    def g(x):
        loud["b"] = 2.0
        return x

    with pytest.raises(ad.TracingError, match=r"the Loud `loud` .1 item before, 2 after"):
        ad.jit(g)(2.0)
    assert dict.__len__(loud) == 1 and dict.keys(loud) == {"a"}

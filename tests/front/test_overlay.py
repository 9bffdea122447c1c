"""Plain NumPy in: what the user's names are while a trace runs, and that they are put back."""

from __future__ import annotations

import builtins
import cmath
import functools
import math
import numbers
import threading
from dataclasses import dataclass
from math import exp as exponential
from typing import Any

import numpy as np
import numpy.linalg as la
import pytest
from numpy import cos, zeros
from scipy import special
from scipy.special import logsumexp

import adjoint as ad

X = np.array([0.3, 0.9])
COUNT = 0


def differences(f: Any, x: np.ndarray) -> np.ndarray:
    h = 1e-6
    return np.array([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(x.size)])


class Base:
    rate = 2.0

    def step(self, t: Any) -> Any:
        return math.sin(t) * self.rate


class Model(Base):
    def step(self, t: Any) -> Any:
        return super().step(t) + math.cos(t)

    @property
    def scale(self) -> Any:
        return np.array([self.rate, 1.0])

    @staticmethod
    def wave(t: Any) -> Any:
        return cmath.exp(1j * t)

    @classmethod
    def made(cls, t: Any) -> Any:
        class Inner:
            def __call__(self) -> Any:
                return math.sqrt(t)

        return Inner()()


@dataclass
class State:
    position: Any
    speed: Any


TABLE = {"root": lambda t: math.sqrt(t), "power": lambda t: math.pow(t, 2.5)}


def decorated(f: Any) -> Any:
    @functools.wraps(f)
    def call(x: Any) -> Any:
        return f(x) * math.log(x[0])

    return call


def squares(x: Any) -> Any:
    for v in x:
        yield math.hypot(v, 1.0)


def closure() -> Any:
    import math as own

    from numpy import array as build

    def f(x: Any) -> Any:
        return own.atan2(x[0], x[1]) + build([x[0], 2.0]).sum()

    return f


def imported(x: Any) -> Any:
    import math as m
    from math import tanh

    import numpy.linalg as algebra

    return m.expm1(x[0]) + tanh(x[1]) + algebra.norm([x[0], x[1]])


def counted(x: Any) -> Any:
    global COUNT
    COUNT += 1
    return eval("math.log(x[0])") + x[1]


def simulated(x: Any) -> Any:
    u = zeros((5, 2))
    u[0] = x
    for k in range(4):
        u[k + 1] = u[k] + 0.1 * np.array([u[k, 1], -math.sin(u[k, 0])])
    return float(u[-1, 0]) ** 2 + u[:, 1].max()


def recursive(x: Any, n: int = 4) -> Any:
    return x[0] if n == 0 else math.sin(recursive(x, n - 1)) * x[1] + 1.0


WAYS = {
    "a method through an instance, super()": lambda x: Model().step(x[0]),
    "a property": lambda x: (Model().scale * x).sum(),
    "a static method": lambda x: Model.wave(x[0]).real,
    "a nested class": lambda x: Model.made(x[1]),
    "a function in a dictionary": lambda x: TABLE["root"](x[0]) + TABLE["power"](x[1]),
    "a decorated function": decorated(lambda x: exponential(x[1])),
    "a generator": lambda x: sum(squares(x)) + max(squares(x)),
    "a partial": lambda x: functools.partial(math.pow, x[0])(2.0) + special.gammaln(x[1]),
    "a closure over imports": closure(),
    "local imports": imported,
    "eval, a global store": counted,
    "a simulation": simulated,
    "recursion": recursive,
    "a data class": lambda x: State(math.tan(x[0]), x[1]).position + State(0, cos(x[1])).speed,
    "a module's module": lambda x: np.linalg.det(np.diag(x)) + la.norm(x) + np.fft.fft(x).real[0],
    "SciPy's Python functions": lambda x: logsumexp(x) + special.softmax(x)[0],
    "float, complex": lambda x: float(x[0]) * complex(x[1], 2.0).real + round(float(x[0]), 9) * 0,
    "np.full, np.r_, np.asarray": lambda x: (
        np.full(3, x[0]).sum() + np.r_[x[1], 1.0, x].prod() + np.asarray([x, x])[1, 0]
    ),
    "an exception": lambda x: attempt(x),
}


def attempt(x: Any) -> Any:
    try:
        return math.log(-1.0)
    except ValueError as error:
        return math.log(x[0]) + len(f"{error} {x[0]}") * 0


@pytest.mark.parametrize("name", WAYS)
def test_it_differentiates_as_it_stands(name: str) -> None:
    f = WAYS[name]
    wanted = differences(f, X)
    np.testing.assert_allclose(ad.grad(f)(X), wanted, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ad.jacfwd(f)(X), wanted, rtol=1e-6, atol=1e-9)
    if name not in ("a simulation", "a generator"):  # these ask which number is largest
        if f is counted:
            with pytest.raises(ad.TracingError, match="under `jit` changed the global `COUNT`"):
                ad.jit(f)(X)
            return
        np.testing.assert_allclose(ad.jit(ad.grad(f))(X), wanted, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(ad.jit(f)(X), f(X), rtol=1e-12)


def names_now() -> dict[str, Any]:
    return {**globals(), "import": builtins.__import__}


def test_everything_is_put_back() -> None:
    before = names_now()
    own = id(math), id(np)

    def fails(x: Any) -> Any:
        assert id(math) != own[0] and id(np) != own[1]
        ad.grad(lambda y: math.sin(y))(x[0])
        assert id(math) != own[0]  # the outer trace still runs
        raise KeyError("here")

    f = closure()
    ad.grad(f)(X)
    with pytest.raises(KeyError):
        ad.grad(fails)(X)
    after = names_now()
    assert before.keys() == after.keys()
    assert all(before[k] is after[k] for k in before)
    assert all(c.cell_contents.__module__ != "adjoint" for c in f.__closure__ if callable(c))


def test_a_name_that_a_closure_deletes_does_not_stop_the_rest() -> None:
    def outer() -> Any:
        import math as own

        def f(x: Any) -> Any:
            nonlocal own
            y = own.sin(x)
            del own
            return y

        return f

    before = names_now()
    assert ad.grad(outer())(0.5) == math.cos(0.5)
    after = names_now()
    assert all(before[k] is after[k] for k in before)


def test_what_the_user_sets_meanwhile_stays() -> None:
    def f(x: Any) -> Any:
        globals()["cos"] = abs
        return x

    try:
        ad.grad(f)(1.0)
        assert globals()["cos"] is abs
    finally:
        globals()["cos"] = np.cos


def test_threads() -> None:
    found: list[Any] = []

    def work(k: int) -> None:
        for _ in range(20):
            found.append(abs(ad.grad(lambda x: math.sin(x * k))(0.5) - k * math.cos(0.5 * k)))
            found.append(abs(math.sin(0.5) - np.sin(0.5)))

    before = names_now()
    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 200 and max(found) < 1e-12
    after = names_now()
    assert all(before[k] is after[k] for k in before)


def test_questions_about_types() -> None:
    def f(x: Any, t: Any) -> Any:
        assert isinstance(x, np.ndarray) and not isinstance(x, (float, list))
        assert isinstance(x[0], np.floating) and isinstance(x[0], (float, numbers.Real))
        assert isinstance(t, float) and isinstance(t, numbers.Number) and not isinstance(t, int)
        assert isinstance(2.0, float) and not isinstance(2, float) and isinstance(X, np.ndarray)
        assert np.zeros(2, float).dtype == np.ones(2).astype(float).dtype == float
        assert float("2.5") == 2.5 and type(float(2)) == float  # noqa: E721
        assert np.isscalar(t) and np.ndim(x) == 1 and issubclass(np.float64, float)
        return x.sum() * t

    np.testing.assert_array_equal(ad.grad(f, argnums=0)(X, 2.0), [2.0, 2.0])
    assert ad.grad(f, argnums=1)(X, 2.0) == X.sum()


def test_the_library_itself_is_not_touched() -> None:
    def f(x: Any) -> Any:
        assert type(special.expit).__module__ == "numpy"
        return x**2

    linalg = vars(np.linalg._linalg).copy() if hasattr(np.linalg, "_linalg") else {}
    ad.grad(f)(1.0)
    ad.jacobian(np.linalg.inv)(np.eye(2))
    assert all(v is vars(np.linalg._linalg)[k] for k, v in linalg.items())

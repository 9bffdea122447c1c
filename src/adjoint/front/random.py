"""`ad.random`: reproducible random numbers that work in every trace, with derivatives in their
parameters.

Two faces over one counter-based generator (Philox4x32-10; see `ops/random.py`):

* functions of a *key*, then a shape (None: that of the parameters), then parameters, best by name:
  `normal(key, (3,), mean=x)`.  The same key gives the same numbers, always (two draws that must
  differ need two keys); `split` makes new ones.  A key is a plain array of four uint32 words: it
  can be an argument of `jit`, and `vmap` maps over keys;
* `default_rng(seed)`: an object with the methods of `numpy.random.Generator` that counts its calls.

Draws are differentiable in their parameters (location, scale, bounds, shape of the gamma and beta
distributions) at fixed random bits; integers and booleans have no derivative.  Streams are part of
the contract: a key gives the same bits, uniform numbers and integers on every machine and in every
version; other distributions are the same up to the rounding of the elementary functions.  The
first elements of a longer draw are those of a shorter one.
"""

from __future__ import annotations

import math
import operator
import secrets
from typing import Any

import numpy as np

from ..base.dtypes import type_of
from ..base.errors import TracingError, message
from ..graph import op
from ..graph.op import Traced
from .context import context
from .operands import functions

Shape = Any
FLOATS = (np.dtype(np.float64), np.dtype(np.float32))

__all__ = [
    "Generator",
    "bernoulli",
    "beta",
    "bits",
    "categorical",
    "chisquare",
    "choice",
    "default_rng",
    "exponential",
    "fold_in",
    "gamma",
    "gumbel",
    "integers",
    "key",
    "laplace",
    "logistic",
    "lognormal",
    "normal",
    "permutation",
    "split",
    "uniform",
]


def __dir__() -> list[str]:
    return __all__


# --------------------------------------------------------------------------------------------- keys


def key(seed: Any) -> Any:
    """The key of a seed: a whole number from 0 to 2**128 - 1, or a traced integer.

    >>> import adjoint as ad
    >>> ad.random.key(7)
    array([7, 0, 0, 0], dtype=uint32)
    """
    if isinstance(seed, Traced):
        t = type_of(seed)
        if t.dtype.kind not in "iu" or t.shape:
            raise TypeError(message(f"ad.random.key got {t}", expected="one whole number"))
        seed = op.convert(seed, dtype=np.dtype(np.uint64))
        words = op.bitwise_and(seed, 0xFFFFFFFF), op.right_shift(seed, 32)
        words = tuple(op.convert(w, dtype=np.dtype(np.uint32)) for w in words)
        return functions[np.stack]([*words, np.uint32(0), np.uint32(0)])
    seed = whole(seed, "ad.random.key")
    if not 0 <= seed < 1 << 128:
        raise ValueError(
            message(f"ad.random.key got the seed {seed}", expected="0 <= seed < 2**128")
        )
    return np.array([seed >> 32 * k & 0xFFFFFFFF for k in range(4)], np.uint32)


def split(key: Any, n: int = 2) -> Any:
    """n new keys below a key, the rows of an array; row i is `fold_in(key, i)`, whatever n is."""
    return op.random_child(checked_key(key), np.arange(whole(n, "ad.random.split")))


def fold_in(key: Any, number: Any) -> Any:
    """The key below a key with a number from 0 to 2**63 - 1 (a step of a loop, for example)."""
    if not isinstance(number, Traced):
        number = whole(number, "ad.random.fold_in")
        if not 0 <= number < 1 << 63:
            raise ValueError(
                message(
                    f"ad.random.fold_in got the number {number}", expected="0 <= number < 2**63"
                )
            )
    return op.random_child(checked_key(key), number)


def checked_key(key: Any) -> Any:
    """One key, or an error that says how to come by one."""
    t = None if isinstance(key, (int, float)) else type_of(key)
    if t is None or t.shape != (4,) or t.dtype != np.uint32:
        several = t is not None and t.shape[-1:] == (4,) and t.dtype == np.uint32
        raise TypeError(
            message(
                f"a random function got {key!r} for its key"
                if t is None
                else f"a random function got {t} for its key",
                expected="one key: an array of four uint32 words",
                instead="`ad.vmap(draw)(keys)` to draw from several keys"
                if several
                else "`ad.random.key(seed)`, or a row of `ad.random.split(key, n)`",
            )
        )
    return key


def whole(value: Any, name: str) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(message(f"{name} got {value!r}", expected="a whole number")) from None


def shape_of(shape: Shape, *parameters: Any) -> tuple[int, ...]:
    """A shape as a tuple; None: that of the parameters, broadcast together."""
    common = np.broadcast_shapes(*[type_of(p).shape for p in parameters])
    if shape is None:
        return common
    sizes = shape if isinstance(shape, (tuple, list)) else (shape,)
    try:
        found = tuple(map(operator.index, sizes))
    except TypeError:
        raise TypeError(
            message(
                f"a random function got {shape!r} for its shape",
                expected="a whole number or a tuple of them, right after the key",
                instead="parameters by name: `ad.random.normal(key, (3,), mean=x, scale=2.0)`",
            )
        ) from None
    if any(n < 0 for n in found):
        raise ValueError("negative dimensions are not allowed")
    if np.broadcast_shapes(found, common) != found:
        raise ValueError(f"parameters of shape {common} do not fit the shape {found}")
    return found


def float_dtype(dtype: Any) -> np.dtype:
    dtype = np.dtype(dtype)
    if dtype not in FLOATS:
        raise TypeError(f"Unsupported dtype {dtype!r}: float64 or float32")
    return dtype


def not_negative(name: str, value: Any) -> None:
    """NumPy's check of a scale, for plain values."""
    if not isinstance(value, Traced) and np.any(np.asarray(value) < 0):
        raise ValueError(f"{name} < 0")


def draw(key: Any, shape: tuple[int, ...], dtype: Any, inside: bool = True) -> Any:
    """Uniform numbers in (0, 1), or in [0, 1)."""
    return op.random_uniform(checked_key(key), shape=shape, dtype=float_dtype(dtype), inside=inside)


# ------------------------------------------------------------------------------- real distributions


def bits(key: Any, shape: Shape = (), width: int = 64) -> Any:
    """Random bits: uint64, or uint32 with width=32."""
    if width not in (32, 64):
        raise ValueError(f"width is {width}, not 32 or 64")
    return op.random_bits(checked_key(key), shape=shape_of(shape), width=width)


def uniform(
    key: Any, shape: Shape = None, low: Any = 0.0, high: Any = 1.0, dtype: Any = float
) -> Any:
    """Uniform numbers in [low, high).

    >>> import adjoint as ad
    >>> ad.random.uniform(ad.random.key(0), (2,))
    array([0.8805202 , 0.60548185])
    """
    u = draw(key, shape_of(shape, low, high), dtype, False)
    if type(low) is float and type(high) is float and (low, high) == (0.0, 1.0):
        return u
    return low + (high - low) * u


def normal(
    key: Any, shape: Shape = None, mean: Any = 0.0, scale: Any = 1.0, dtype: Any = float
) -> Any:
    """Normal numbers: mean + scale * z, differentiable in both."""
    not_negative("scale", scale)
    z = op.ndtri(draw(key, shape_of(shape, mean, scale), dtype))
    return located(z, mean, scale)


def located(z: Any, mean: Any, scale: Any) -> Any:
    if not (type(scale) is float and scale == 1.0):
        z = z * scale
    return z if type(mean) is float and mean == 0.0 else z + mean


def exponential(key: Any, shape: Shape = None, scale: Any = 1.0, dtype: Any = float) -> Any:
    """Exponential numbers with this mean."""
    not_negative("scale", scale)
    return located(-op.log(draw(key, shape_of(shape, scale), dtype)), 0.0, scale)


def laplace(
    key: Any, shape: Shape = None, loc: Any = 0.0, scale: Any = 1.0, dtype: Any = float
) -> Any:
    """Numbers with the density exp(-|x - loc| / scale) / (2 scale)."""
    not_negative("scale", scale)
    u = draw(key, shape_of(shape, loc, scale), dtype)
    low = op.less(u, 0.5)
    return located(op.select(low, op.log(2.0 * u), -op.log(2.0 * (1.0 - u))), loc, scale)


def logistic(
    key: Any, shape: Shape = None, loc: Any = 0.0, scale: Any = 1.0, dtype: Any = float
) -> Any:
    """Numbers with the distribution function 1 / (1 + exp(-(x - loc) / scale))."""
    not_negative("scale", scale)
    u = draw(key, shape_of(shape, loc, scale), dtype)
    return located(op.log(u) - op.log1p(-u), loc, scale)


def gumbel(
    key: Any, shape: Shape = None, loc: Any = 0.0, scale: Any = 1.0, dtype: Any = float
) -> Any:
    """Numbers with the distribution function exp(-exp(-(x - loc) / scale))."""
    not_negative("scale", scale)
    u = draw(key, shape_of(shape, loc, scale), dtype)
    return located(-op.log(-op.log(u)), loc, scale)


def lognormal(
    key: Any, shape: Shape = None, mean: Any = 0.0, sigma: Any = 1.0, dtype: Any = float
) -> Any:
    """The exponential of normal numbers."""
    return op.exp(normal(key, shape, mean, sigma, dtype))


def gamma(key: Any, shape: Shape = None, a: Any = 1.0, scale: Any = 1.0, dtype: Any = float) -> Any:
    """Gamma numbers of shape parameter a, by the inverse distribution function: differentiable in
    a too."""
    not_negative("a", a)
    not_negative("scale", scale)
    dtype = float_dtype(dtype)
    x = op.gammaincinv(a, draw(key, shape_of(shape, a, scale), np.float64))
    return located(x if dtype == np.float64 else op.convert(x, dtype=dtype), 0.0, scale)


def chisquare(key: Any, shape: Shape = None, df: Any = 1.0, dtype: Any = float) -> Any:
    """Chi-squared numbers with df degrees of freedom, differentiable in df."""
    return gamma(key, shape, 0.5 * df, 2.0, dtype)


def beta(key: Any, shape: Shape = None, a: Any = 1.0, b: Any = 1.0, dtype: Any = float) -> Any:
    """Beta numbers x / (x + y) of two gamma numbers: differentiable in a and b."""
    shape = shape_of(shape, a, b)
    x, y = (
        gamma(fold_in(key, 0), shape, a, 1.0, dtype),
        gamma(fold_in(key, 1), shape, b, 1.0, dtype),
    )
    return x / (x + y)


def bernoulli(key: Any, shape: Shape = None, p: Any = 0.5) -> Any:
    """Booleans that are True with probability p."""
    return op.less(draw(key, shape_of(shape, p), float, False), p)


# ------------------------------------------------------------------------ integers, orders, choices


def integers(
    key: Any,
    shape: Shape,
    low: int,
    high: int | None = None,
    dtype: Any = np.int64,
    endpoint: bool = False,
) -> Any:
    """Whole numbers in [low, high), or below `low` where only that is given; `endpoint` includes
    high."""
    if high is None:
        low, high = 0, low
    low, high = whole(low, "ad.random.integers"), whole(high, "ad.random.integers") + bool(endpoint)
    dtype = np.dtype(dtype)
    if dtype.kind not in "iub":
        raise TypeError(f"Unsupported dtype {dtype!r} for integers")
    least, most = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if low >= high:
        raise ValueError("low >= high")
    if low < least:
        raise ValueError(f"low is out of bounds for {dtype}")
    if high - 1 > most:
        raise ValueError(f"high is out of bounds for {dtype}")
    inner = np.dtype(np.uint8) if dtype.kind == "b" else dtype
    found = op.random_integers(
        checked_key(key), shape=shape_of(shape), low=low, span=high - low, dtype=inner
    )
    return op.convert(found, dtype=dtype) if dtype.kind == "b" else found


def permutation(key: Any, x: Any, axis: int = 0) -> Any:
    """The numbers below n in random order, or an array with the order along an axis shuffled."""
    if not isinstance(x, Traced) and np.ndim(x) == 0:
        return order(key, whole(x, "ad.random.permutation"))
    x = x if isinstance(x, Traced) else np.asarray(x)
    n = type_of(x).shape[axis]
    return functions[np.take](x, order(key, n), axis=axis)


def order(key: Any, n: int) -> Any:
    """A uniform order of n things: that of n random numbers of 64 bits."""
    return op.argsort(op.random_bits(checked_key(key), shape=(n,), width=64), axis=0)


def choice(
    key: Any, a: Any, shape: Shape = (), replace: bool = True, p: Any = None, axis: int = 0
) -> Any:
    """Elements of an array (or numbers below a), with equal or given probabilities."""
    number = not isinstance(a, Traced) and np.ndim(a) == 0
    if not number and not isinstance(a, Traced):
        a = np.asarray(a)
    n = whole(a, "ad.random.choice") if number else type_of(a).shape[axis]
    shape = shape_of(shape)
    count = math.prod(shape)
    if n < 1 and count:
        raise ValueError("a must be a positive integer unless no samples are taken")
    if p is not None:
        check_probabilities(p, n)
    if replace:
        places = integers(key, shape, n) if p is None else chosen(draw(key, shape, float, False), p)
    else:
        if count > n:
            raise ValueError("Cannot take a larger sample than population when replace is False")
        if p is None:
            found = order(key, n)
        else:  # the order of exponential clocks (Efraimidis and Spirakis, 2006)
            found = op.argsort(exponential(key, (n,)) / p, axis=0)
        places = op.reshape(op.slice(found, starts=(0,), stops=(count,), steps=(1,)), shape=shape)
    return places if number else functions[np.take](a, places, axis=axis)


def check_probabilities(p: Any, n: int) -> None:
    if type_of(p).shape != (n,):
        raise ValueError("'a' and 'p' must have same size")
    if not isinstance(p, Traced):
        p = np.asarray(p)
        if (p < 0).any() or not np.isfinite(p).all():
            raise ValueError("Probabilities are not non-negative")
        if abs(p.sum() - 1) > 1e-8:
            raise ValueError("Probabilities do not sum to 1.")


def chosen(u: Any, p: Any) -> Any:
    """The place of each uniform number in the distribution function."""
    bounds = op.cumsum(p if isinstance(p, Traced) else np.asarray(p, float), axis=0)
    if not isinstance(u, Traced) and not isinstance(bounds, Traced):
        return np.searchsorted(bounds[:-1], u, side="right")
    n = type_of(bounds).shape[0]
    inner = op.slice(bounds, starts=(0,), stops=(n - 1,), steps=(1,))
    shape = type_of(u).shape
    beyond = op.greater_equal(op.reshape(u, shape=(*shape, 1)), inner)
    return op.sum(op.convert(beyond, dtype=np.dtype(np.intp)), axes=(len(shape),))


def categorical(key: Any, logits: Any, axis: int = -1, shape: Shape = None) -> Any:
    """Places along an axis, drawn with probabilities softmax(logits) (by Gumbel's maximum)."""
    logits = logits if isinstance(logits, Traced) else np.asarray(logits, float)
    logits = (
        functions[np.moveaxis](logits, axis, -1)
        if isinstance(logits, Traced)
        else np.moveaxis(logits, axis, -1)
    )
    *rest, n = type_of(logits).shape
    target = tuple(rest) if shape is None else shape_of(shape)
    if np.broadcast_shapes(target, tuple(rest)) != target:
        raise ValueError(f"logits of shape {(*rest, n)} do not fit the shape {target}")
    noisy = logits + gumbel(key, (*target, n))
    return op.argmax(noisy, axis=len(target))


# ------------------------------------------------------------------------------------ the generator


class Generator:
    """Random numbers with the methods of `numpy.random.Generator`, usable in traces.

    Call number i draws from the key `fold_in(key(seed), i)`.  Parameters may be traced: the draws
    are differentiable in them.  The numbers are not those of NumPy's generator of the same seed.

    Under `jit` and `vmap` a generator made outside would give the same numbers at every call and
    for every row, so that is an error: pass a key, or make the generator inside.
    """

    def __init__(self, key: Any) -> None:
        self._key = checked_key(key)
        self._count = 0
        self._program, self._batches = context.program, context.batches

    def __repr__(self) -> str:
        return f"Generator(calls={self._count})"

    def next_key(self) -> Any:
        """The key of the next draw; counts."""
        here, each = "", ""
        if context.program is not self._program:
            here, each = "jit", "call"
        elif context.batches > self._batches:
            here, each = "vmap", "row"
        if here:
            raise TracingError(
                message(
                    f"a random generator made outside `{here}` was used inside it: every {each} "
                    "would get the same numbers",
                    expected="numbers drawn from a key that is an argument, or a generator made "
                    "inside",
                    instead="`ad.random.normal(key, shape)` with `key` an argument "
                    "(`ad.random.split(key, n)` gives new ones), or `ad.random.default_rng(key)` "
                    "inside",
                    operation="ad.random.default_rng",
                )
            )
        self._count += 1
        return fold_in(self._key, self._count - 1)

    def spawn(self, n: int) -> list[Generator]:
        """n independent generators."""
        return [Generator(k) for k in split(self.next_key(), n)]

    def random(self, size: Shape = None, dtype: Any = float) -> Any:
        """Uniform numbers in [0, 1)."""
        return uniform(self.next_key(), size, dtype=dtype)

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Shape = None) -> Any:
        """Uniform numbers in [low, high)."""
        return uniform(self.next_key(), size, low, high)

    def standard_normal(self, size: Shape = None, dtype: Any = float) -> Any:
        """Normal numbers of mean 0 and variance 1."""
        return normal(self.next_key(), size, dtype=dtype)

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Shape = None) -> Any:
        """Normal numbers, differentiable in loc and scale."""
        return normal(self.next_key(), size, loc, scale)

    def standard_exponential(self, size: Shape = None, dtype: Any = float) -> Any:
        """Exponential numbers of mean 1."""
        return exponential(self.next_key(), size, dtype=dtype)

    def exponential(self, scale: Any = 1.0, size: Shape = None) -> Any:
        """Exponential numbers, differentiable in their mean."""
        return exponential(self.next_key(), size, scale)

    def standard_gamma(self, shape: Any, size: Shape = None, dtype: Any = float) -> Any:
        """Gamma numbers, differentiable in the shape parameter."""
        return gamma(self.next_key(), size, shape, 1.0, dtype)

    def gamma(self, shape: Any, scale: Any = 1.0, size: Shape = None) -> Any:
        """Gamma numbers, differentiable in the shape parameter and the scale."""
        return gamma(self.next_key(), size, shape, scale)

    def beta(self, a: Any, b: Any, size: Shape = None) -> Any:
        """Beta numbers, differentiable in a and b."""
        return beta(self.next_key(), size, a, b)

    def chisquare(self, df: Any, size: Shape = None) -> Any:
        """Chi-squared numbers, differentiable in df."""
        return chisquare(self.next_key(), size, df)

    def laplace(self, loc: Any = 0.0, scale: Any = 1.0, size: Shape = None) -> Any:
        """Laplace numbers, differentiable in loc and scale."""
        return laplace(self.next_key(), size, loc, scale)

    def logistic(self, loc: Any = 0.0, scale: Any = 1.0, size: Shape = None) -> Any:
        """Logistic numbers, differentiable in loc and scale."""
        return logistic(self.next_key(), size, loc, scale)

    def gumbel(self, loc: Any = 0.0, scale: Any = 1.0, size: Shape = None) -> Any:
        """Gumbel numbers, differentiable in loc and scale."""
        return gumbel(self.next_key(), size, loc, scale)

    def lognormal(self, mean: Any = 0.0, sigma: Any = 1.0, size: Shape = None) -> Any:
        """The exponential of normal numbers."""
        return lognormal(self.next_key(), size, mean, sigma)

    def integers(
        self,
        low: int,
        high: int | None = None,
        size: Shape = None,
        dtype: Any = np.int64,
        endpoint: bool = False,
    ) -> Any:
        """Whole numbers in [low, high)."""
        return integers(self.next_key(), () if size is None else size, low, high, dtype, endpoint)

    def choice(
        self, a: Any, size: Shape = None, replace: bool = True, p: Any = None, axis: int = 0
    ) -> Any:
        """Elements of an array, or numbers below a."""
        return choice(self.next_key(), a, () if size is None else size, replace, p, axis)

    def permutation(self, x: Any, axis: int = 0) -> Any:
        """The numbers below x, or the array x, in random order."""
        return permutation(self.next_key(), x, axis)

    def shuffle(self, x: Any, axis: int = 0) -> None:
        """Shuffle a plain array in place."""
        if isinstance(x, Traced):
            raise TracingError(
                message(
                    "`shuffle` writes into a traced array",
                    instead="`x = rng.permutation(x)`, which gives a new array",
                    operation="shuffle",
                )
            )
        x[...] = permutation(self.next_key(), x, axis)

    def bytes(self, length: int) -> bytes:
        """Random bytes."""
        found = bits(self.next_key(), -(-length // 4), 32)
        if isinstance(found, Traced):
            raise TracingError(message("random bytes were asked of a traced key"))
        return found.astype("<u4").tobytes()[:length]


def default_rng(seed: Any = None) -> Generator:
    """A generator from a seed: a whole number, a key, another generator (itself), or None for any.

    >>> import adjoint as ad
    >>> rng = ad.random.default_rng(0)
    >>> slope = ad.grad(lambda s: rng.normal(0.0, s))(2.0)
    >>> slope == float(ad.random.default_rng(0).standard_normal())
    True
    """
    if isinstance(seed, Generator):
        return seed
    if seed is None:
        seed = secrets.randbits(128)
    shape = getattr(seed, "shape", ())
    return Generator(seed if shape == (4,) else key(seed))

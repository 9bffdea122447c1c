"""Random numbers: known answers, statistics, every kind of trace, derivatives in the parameters."""

import numpy as np
import pytest
from scipy import stats

import adjoint as ad
from adjoint.front import random
from adjoint.ops.random import integers_value, philox

KEY = random.key(2024)
N = 20_000

# Counter, key and block of Philox4x32-10: the file tests/kat_vectors of Random123 (github.com/
# DEShawResearch/random123), lines "philox4x32 10".
KNOWN = [
    (
        "00000000 00000000 00000000 00000000",
        "00000000 00000000",
        "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
    ),
    (
        "ffffffff ffffffff ffffffff ffffffff",
        "ffffffff ffffffff",
        "408f276d 41c83b0e a20bc7c6 6d5451fd",
    ),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@pytest.mark.parametrize(("counter", "key", "block"), KNOWN)
def test_known_answers(counter, key, block):
    def words(text):
        return tuple(np.array([int(w, 16)], np.uint64) for w in text.split())

    assert [int(w[0]) for w in philox(words(counter), *words(key))] == [
        int(w, 16) for w in block.split()
    ]


def test_the_stream_is_the_blocks_of_the_key():
    key = np.array([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], np.uint32)
    words = [np.array([int(k)], np.uint64) for k in key]
    found = random.bits(key, 10, 32)
    for j in range(2):
        zero = np.zeros(1, np.uint64)
        block = philox((zero + np.uint64(j), zero, words[2], words[3]), words[0], words[1])
        assert [int(w[0]) for w in block] == list(found[4 * j : 4 * j + 4])
    wide = random.bits(key, 5)
    np.testing.assert_array_equal(
        wide, found[0::2].astype(np.uint64) | found[1::2].astype(np.uint64) << 32
    )


def test_streams_stay_as_they_are():
    """Part of the contract: a change here breaks users' results."""
    key = random.key(0)
    np.testing.assert_array_equal(
        random.bits(key, 4, 32), [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    )
    np.testing.assert_array_equal(
        random.uniform(key, 2),
        [0xE169C58D6627E8D5 >> 11, 0x9B00DBD8BC57AC4C >> 11] * np.array(2.0**-53),
    )
    np.testing.assert_array_equal(
        random.split(key, 1)[0], [2729577679, 1363183474, 2499606511, 3062399834]
    )
    np.testing.assert_array_equal(random.integers(key, 5, 10), [8, 3, 3, 4, 6])
    np.testing.assert_array_equal(random.permutation(key, 6), [3, 5, 4, 2, 1, 0])


def test_a_longer_draw_begins_with_the_shorter_one():
    for draw in (random.uniform, random.normal, random.exponential, random.gumbel):
        np.testing.assert_array_equal(draw(KEY, 1000)[:7], draw(KEY, 7))
        np.testing.assert_array_equal(draw(KEY, (2, 3)).ravel(), draw(KEY, 6))
    np.testing.assert_array_equal(
        random.bits(KEY, 100_000)[40_000:40_010], random.bits(KEY, 40_010)[-10:]
    )


def test_splitting():
    children = random.split(KEY, 5)
    np.testing.assert_array_equal(children[:3], random.split(KEY, 3))
    np.testing.assert_array_equal(children[4], random.fold_in(KEY, 4))
    everything = np.concatenate([children, random.split(children[0], 100), KEY[None]])
    assert len(np.unique(everything, axis=0)) == len(everything)
    draws = np.stack([random.normal(k, N) for k in children])
    correlations = np.corrcoef(draws) - np.eye(5)
    assert np.abs(correlations).max() < 5 / np.sqrt(N)


LAWS = [
    (lambda k: random.uniform(k, N, -1.0, 3.0), stats.uniform(-1, 4)),
    (lambda k: random.normal(k, N, 1.0, 2.0), stats.norm(1, 2)),
    (lambda k: random.normal(k, N, dtype=np.float32), stats.norm()),
    (lambda k: random.exponential(k, N, 2.0), stats.expon(scale=2)),
    (lambda k: random.laplace(k, N, 1.0, 2.0), stats.laplace(1, 2)),
    (lambda k: random.logistic(k, N, 1.0, 2.0), stats.logistic(1, 2)),
    (lambda k: random.gumbel(k, N, 1.0, 2.0), stats.gumbel_r(1, 2)),
    (lambda k: random.lognormal(k, N, 0.3, 0.5), stats.lognorm(0.5, scale=np.exp(0.3))),
    (lambda k: random.gamma(k, N, 0.4, 2.0), stats.gamma(0.4, scale=2)),
    (lambda k: random.gamma(k, N, 7.5), stats.gamma(7.5)),
    (lambda k: random.chisquare(k, N, 3.0), stats.chi2(3)),
    (lambda k: random.beta(k, N, 0.7, 2.5), stats.beta(0.7, 2.5)),
]


@pytest.mark.parametrize(("draw", "law"), LAWS)
def test_laws(draw, law):
    x = draw(KEY)
    assert stats.kstest(x.astype(float), law.cdf).pvalue > 1e-3
    spread = law.std() / np.sqrt(N)
    assert abs(x.mean() - law.mean()) < 5 * spread
    assert x.var() == pytest.approx(law.var(), rel=0.15)


def test_bits_are_fair_and_independent():
    bits = random.bits(KEY, N)
    ones = np.array([(bits >> np.uint64(k) & np.uint64(1)).mean() for k in range(64)])
    assert np.abs(ones - 0.5).max() < 5 * 0.5 / np.sqrt(N)
    u = random.uniform(KEY, N)
    for lag in (1, 2, 4, 7):
        assert abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 5 / np.sqrt(N)
    assert random.uniform(KEY, N).min() >= 0.0 and random.uniform(KEY, N).max() < 1.0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_precisions(dtype):
    u = random.uniform(KEY, N, dtype=dtype)
    assert u.dtype == dtype and (u >= 0).all() and (u < 1).all()
    assert np.isfinite(random.normal(KEY, 200_000, dtype=dtype)).all()
    assert isinstance(random.uniform(KEY, dtype=dtype), dtype)
    with pytest.raises(TypeError, match="float64 or float32"):
        random.uniform(KEY, 3, dtype=int)


def test_integers():
    x = random.integers(KEY, N, 3, 10)
    assert x.dtype == np.int64 and set(x) == set(range(3, 10))
    assert stats.chisquare(np.bincount(x - 3)).pvalue > 1e-3
    assert set(random.integers(KEY, 100, -2, 2, dtype=np.int8, endpoint=True)) == {-2, -1, 0, 1, 2}
    assert random.integers(KEY, 3, 2, dtype=bool).dtype == bool
    full = random.integers(KEY, N, -(2**63), 2**63)
    assert stats.kstest(full / 2.0**64 + 0.5, "uniform").pvalue > 1e-3
    large = random.integers(KEY, N, 0, 3 * 2**61, dtype=np.uint64)
    assert stats.kstest(large / (3 * 2.0**61), "uniform").pvalue > 1e-3
    for mistake in (
        {"low": 5, "high": 5},
        {"low": -1, "high": 3, "dtype": np.uint8},
        {"low": 0, "high": 300, "dtype": np.uint8},
    ):
        with pytest.raises(ValueError):
            random.integers(KEY, 3, **mistake)


def test_integers_are_exact_products():
    """floor(span * bits / 2**128) in Python's own whole numbers."""
    for span in (1, 7, 2**32 - 5, 2**32 + 9, 2**63 + 1, 2**64 - 1, 2**64):
        bits = random.bits(KEY, (50, 2))
        found = integers_value(KEY, shape=(50,), low=0, span=span, dtype=np.dtype(np.uint64))
        expected = [((int(a) << 64) + int(b)) * span >> 128 for a, b in bits]
        assert [int(x) for x in found] == expected


def test_orders_and_choices():
    x = random.permutation(KEY, 50)
    np.testing.assert_array_equal(np.sort(x), np.arange(50))
    rows = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(np.sort(random.permutation(KEY, rows, axis=1), axis=1), rows)
    counts = sum(np.eye(4)[random.permutation(k, 4)] for k in random.split(KEY, 2000))
    assert stats.chisquare(counts.ravel(), np.full(16, 500.0)).pvalue > 1e-3
    p = np.array([0.1, 0.2, 0.7])
    found = random.choice(KEY, np.array([5.0, 6.0, 7.0]), N, p=p)
    assert stats.chisquare(np.bincount(found.astype(int) - 5), N * p).pvalue > 1e-3
    firsts = [random.choice(k, 3, 2, replace=False, p=p) for k in random.split(KEY, 2000)]
    assert all(len(set(pair)) == 2 for pair in firsts)
    assert stats.chisquare(np.bincount([a for a, _ in firsts]), 2000 * p).pvalue > 1e-3
    assert random.choice(KEY, rows, (2, 2), axis=1).shape == (3, 2, 2)
    for mistake in (
        {"p": [0.5, 0.6, 0.1]},
        {"p": [0.5, 0.5]},
        {"shape": 4, "replace": False},
        {"p": [-0.5, 1.0, 0.5]},
    ):
        with pytest.raises(ValueError):
            random.choice(KEY, 3, **mistake)
    logits = np.log(p)
    found = random.categorical(KEY, logits, shape=N)
    assert stats.chisquare(np.bincount(found), N * p).pvalue > 1e-3
    assert random.categorical(KEY, np.zeros((2, 3, 4)), axis=1).shape == (2, 4)
    assert random.bernoulli(KEY, N, 0.3).mean() == pytest.approx(0.3, abs=0.02)


# ---------------------------------------------------------------------------------------- in traces


def test_the_same_numbers_in_every_trace():
    keys = random.split(KEY, 4)
    draws = [
        lambda k: random.normal(k, (3,)),
        lambda k: random.gamma(k, (3,), 2.5),
        lambda k: random.integers(k, (3,), 10),
        lambda k: random.permutation(k, 5),
        lambda k: random.choice(k, np.arange(3.0), (2,), p=[0.2, 0.3, 0.5]),
        lambda k: random.choice(k, 5, (2,), replace=False),
        lambda k: random.categorical(k, np.zeros((2, 3))),
        lambda k: random.uniform(random.split(k, 3)[1], ()),
        lambda k: random.default_rng(k).normal(size=2),
        lambda k: random.bernoulli(k, (3,)),
        lambda k: random.bits(random.fold_in(k, 7), (2, 2), 32),
    ]
    for draw in draws:
        rows = [draw(k) for k in keys]
        np.testing.assert_array_equal(ad.vmap(draw)(keys), rows)
        compiled = ad.jit(draw)
        np.testing.assert_array_equal([compiled(k) for k in keys], rows)
        np.testing.assert_array_equal(ad.jit(ad.vmap(draw))(keys), rows)


def test_seeds_may_be_batched():
    seeds = np.arange(3)
    found = ad.vmap(lambda s: random.normal(random.key(s)))(seeds)
    np.testing.assert_array_equal(found, [random.normal(random.key(s)) for s in seeds])
    np.testing.assert_array_equal(ad.jit(random.key)(7), random.key(7))
    np.testing.assert_array_equal(ad.jit(random.key)(2**40 + 3), random.key(2**40 + 3))
    steps = ad.vmap(lambda i: random.uniform(random.fold_in(KEY, i)))(seeds)
    np.testing.assert_array_equal(steps, [random.uniform(random.fold_in(KEY, i)) for i in range(3)])


def test_derivatives_in_parameters():
    z = random.normal(KEY, 5)
    mean, scale = np.zeros(5), np.full(5, 2.0)
    by_mean, by_scale = ad.grad(lambda m, s: random.normal(KEY, 5, m, s).sum(), (0, 1))(mean, scale)
    np.testing.assert_array_equal(by_mean, np.ones(5))
    np.testing.assert_allclose(by_scale, z, rtol=1e-15)
    u = random.uniform(KEY)
    assert ad.grad(lambda a, b: random.uniform(KEY, None, a, b), (0, 1))(1.0, 3.0) == pytest.approx(
        (1 - u, u)
    )
    for draw, parameters in [
        (lambda s: random.exponential(KEY, 4, s), 1.5),
        (lambda s: random.laplace(KEY, 4, s, s), 1.5),
        (lambda s: random.logistic(KEY, 4, s, s), 1.5),
        (lambda s: random.gumbel(KEY, 4, s, s), 1.5),
        (lambda s: random.lognormal(KEY, 4, s, s), 0.5),
        (lambda s: random.gamma(KEY, 4, s), 0.3),
        (lambda s: random.gamma(KEY, 4, s, 2.0), 9.5),
        (lambda s: random.chisquare(KEY, 4, s), 4.0),
        (lambda s: random.beta(KEY, 4, s, 2.0 * s), 1.5),
        (lambda s: random.choice(KEY, np.stack([s, s * s, np.sin(s)]), 4), 0.7),
        (lambda s: random.permutation(KEY, np.stack([s, s * s, np.sin(s)])) ** 2, 0.7),
    ]:
        exact = ad.jacobian(draw)(parameters)
        h = 1e-5 * parameters
        difference = (draw(parameters + h) - draw(parameters - h)) / (2 * h)
        np.testing.assert_allclose(exact, difference, rtol=1e-7, atol=1e-9)


def test_the_mean_of_the_derivative_is_the_derivative_of_the_mean():
    """E[x] = a scale for gamma numbers: d/da is the scale."""
    slope = ad.grad(lambda a: random.gamma(KEY, N, a, 3.0).mean())(1.7)
    assert slope == pytest.approx(3.0, rel=0.05)


def test_generator():
    rng = random.default_rng(5)
    first, second = rng.normal(size=3), rng.normal(size=3)
    assert (first != second).all()
    again = random.default_rng(5)
    np.testing.assert_array_equal(again.normal(size=3), first)
    np.testing.assert_array_equal(again.normal(size=3), second)
    np.testing.assert_array_equal(first, random.normal(random.fold_in(random.key(5), 0), 3))
    assert random.default_rng(rng) is rng
    assert random.default_rng().random() != random.default_rng().random()
    assert isinstance(rng.random(), float) and rng.random((2, 3)).shape == (2, 3)
    assert rng.integers(10, size=4).shape == (4,) and isinstance(rng.integers(10), np.int64)
    assert rng.normal(np.zeros(3), 2.0).shape == (3,)
    assert len(rng.bytes(7)) == 7
    x = np.arange(20)
    rng.shuffle(x)
    assert sorted(x) == list(range(20)) and (x != np.arange(20)).any()
    a, b = rng.spawn(2)
    assert a.random() != b.random()
    for call in (rng.standard_normal, rng.standard_exponential, rng.random):
        assert call(3, dtype=np.float32).dtype == np.float32
    for call in (
        lambda: rng.exponential(2.0, 3),
        lambda: rng.gamma(2.0, 1.0, 3),
        lambda: rng.standard_gamma(2.0, 3),
        lambda: rng.beta(2.0, 1.0, 3),
        lambda: rng.chisquare(2.0, 3),
        lambda: rng.laplace(size=3),
        lambda: rng.logistic(size=3),
        lambda: rng.gumbel(size=3),
        lambda: rng.lognormal(size=3),
        lambda: rng.uniform(1.0, 2.0, 3),
        lambda: rng.choice(5, 3),
        lambda: rng.permutation(3),
    ):
        assert call().shape == (3,)


def test_a_generator_in_a_gradient():
    def loss(scale):
        rng = random.default_rng(1)
        return (rng.normal(0.0, scale, 100) ** 2).mean()

    z = random.default_rng(1).normal(size=100)
    assert ad.grad(loss)(2.0) == pytest.approx(4.0 * (z**2).mean(), rel=1e-13)


def test_a_generator_from_outside_is_refused_in_jit_and_vmap():
    rng = random.default_rng(1)
    with pytest.raises(ad.TracingError, match=r"made outside `jit`.*"):
        ad.jit(lambda x: x * rng.normal())(2.0)
    with pytest.raises(ad.TracingError, match=r"made outside `vmap`.*"):
        ad.vmap(lambda x: x * rng.normal())(np.ones(3))
    inside = ad.vmap(lambda k: random.default_rng(k).normal())(random.split(KEY, 3))
    assert len(set(inside)) == 3


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: random.key(-1), ValueError, "seed -1"),
        (lambda: random.key(0.5), TypeError, "whole number"),
        (lambda: random.normal(0), TypeError, r"ad\.random\.key\(seed\)"),
        (lambda: random.normal(random.split(KEY, 3)), TypeError, "ad.vmap"),
        (lambda: random.normal(KEY, (-1,)), ValueError, "negative"),
        (lambda: random.normal(KEY, 2, np.zeros(3)), ValueError, "fit|broadcast"),
        (lambda: random.normal(KEY, 2, 0.0, -1.0), ValueError, "scale < 0"),
        (lambda: random.fold_in(KEY, -1), ValueError, "number -1"),
    ],
)
def test_mistakes(call, error, text):
    with pytest.raises(error, match=text):
        call()

"""A dictionary that remembers plain values, under `jit`."""

import pytest

import adjoint as ad


KNOWN = {0: 1, 1: 1}


def fibonacci(n):
    if n not in KNOWN:
        KNOWN[n] = fibonacci(n - 1) + fibonacci(n - 2)
    return KNOWN[n]


def model(x):
    return x * fibonacci(6)


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.jit(model)(1.0)
    assert str(caught.value) == (
        "a function under `jit` changed the dict `KNOWN` (2 items before, 7 after): the program that runs from then on would not.\n"
        "  expected: a function that changes nothing but what it makes itself\n"
        "  at test_jit_memo.py:13: KNOWN[n] = fibonacci(n - 1) + fibonacci(n - 2)  (in jit(model), called at test_jit_memo.py:23: ad.jit(model)(1.0))\n"
        "  write instead: `functools.cache` for a table of plain values; for anything else `return` it, and put it there after each call; or leave out `jit`"
    )
    assert KNOWN == {0: 1, 1: 1}

"""A traced value as the key of a dictionary."""

import pytest

import adjoint as ad


def model(x):
    known = {}
    known[x] = x * x
    return known[x]


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.grad(model)(2.0)
    assert str(caught.value) == (
        "a traced value (float) was used as a key of a dictionary, put into a set or given to a cached function.\n"
        "  expected: keys that are plain values (a traced value cannot be hashed)\n"
        "  at test_tensor_as_key.py:10: known[x] = x * x\n"
        "  write instead: a name or a number as the key, a list instead of a set; leave out `functools.cache`"
    )

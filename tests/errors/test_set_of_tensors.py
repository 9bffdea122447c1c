"""A set of traced values."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    return len(set(x)) * x.sum()


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.grad(model)(np.ones(3))
    assert str(caught.value) == (
        "a traced value (float64) was used as a key of a dictionary, put into a set or given to a cached function.\n"
        "  expected: keys that are plain values (a traced value cannot be hashed)\n"
        "  at test_set_of_tensors.py:10: return len(set(x)) * x.sum()\n"
        "  write instead: a name or a number as the key, a list instead of a set; leave out `functools.cache`"
    )

"""A value that outlives the `vmap` that made it."""

import numpy as np
import pytest

import adjoint as ad


KEPT = []


def model(x):
    KEPT.append(x * x)
    return x


ad.vmap(model)(np.ones(3))


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        KEPT[0] + 1.0
    assert str(caught.value) == (
        "a traced value was used after the `vmap` that made it had ended, or in another thread (it was made at test_vmap_value_kept.py:17: ad.vmap(model)(np.ones(3))).\n"
        "  expected: values that the function under `vmap` returns\n"
        "  at test_vmap_value_kept.py:22: KEPT[0] + 1.0\n"
        "  write instead: `return` it from the function, and use the result"
    )


def test_the_position_is_known_however_many_follow():
    for _ in range(1000):
        ad.vmap(np.sin)(np.ones(3))
    test_the_message()

"""A container argument that is written into and not returned, under `jit`."""

import pytest

import adjoint as ad


def model(parameters, x):
    parameters["slope"] = parameters["slope"] * 2.0
    return parameters["slope"] * x


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.jit(model)({"slope": 1.0}, 2.0)
    assert str(caught.value) == (
        "a function under `jit` wrote into its argument `parameters` (a dict) and did not return it: the caller's container stays as it was.\n"
        "  expected: arguments that are only read, or returned\n"
        '  at test_jit_argument_container.py:9: parameters["slope"] = parameters["slope"] * 2.0  (in jit(model), called at test_jit_argument_container.py:15: ad.jit(model)({"slope": 1.0}, 2.0))\n'
        "  write instead: a copy of it to work in; `return` it for a result; or leave out `jit`"
    )

"""An item of a dictionary from outside that is deleted, under `jit`."""

import pytest

import adjoint as ad


OPTIONS = {"rate": 0.5, "steps": 3}


def model(x):
    rate = OPTIONS["rate"]
    del OPTIONS["rate"]
    return x * rate


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.jit(model)(1.0)
    assert str(caught.value) == (
        "a function under `jit` changed the dict `OPTIONS` (2 items before, 1 after): the program that runs from then on would not.\n"
        "  expected: a function that changes nothing but what it makes itself\n"
        '  at test_jit_deleted_item.py:13: del OPTIONS["rate"]  (in jit(model), called at test_jit_deleted_item.py:19: ad.jit(model)(1.0))\n'
        "  write instead: `return` what goes into it, and put it there after each call; or leave out `jit`"
    )
    assert OPTIONS == {"rate": 0.5, "steps": 3}

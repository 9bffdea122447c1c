"""Steps, with what the package around it has."""

from numpy import array

from .. import forces
from ..forces import attraction as pull


def advance(x, n=3):
    from ..constants import MASSES
    from . import more

    for _ in range(n):
        x = x + 0.1 * pull(x) + 0.01 * forces.attraction(x) * more.extra(x)
    return (array([x, x * x]) * MASSES).sum()

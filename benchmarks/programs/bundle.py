"""Bundle adjustment: 49 cameras see 7,776 points in 31,843 observations, float64.

The residual of one observation rotates the point by an axis-angle vector (Rodrigues' formula),
projects it and distorts it radially (the model of the ADBench suite). Two programs: the blocks of
the Jacobian, 2 x (11 + 3 + 1) for each observation, and the gradient of the sum of squares, whose
parts are added up for each camera and point.
"""

import numpy as np

from .record import Program, Side

CAMERAS, POINTS, OBSERVATIONS = 49, 7776, 31_843
CAMERA = [0.1, -0.2, 0.3, 0.5, -0.4, -3.0, 1.2, 0.01, 0.02, 0.1, -0.05]


def data(size):
    """Cameras, points, weights, what was seen; which camera saw which point."""
    rng, which = np.random.default_rng(0), np.arange(size)
    cameras = np.tile(np.array(CAMERA), (CAMERAS, 1)) + 1e-2 * rng.normal(size=(CAMERAS, 11))
    points = rng.normal(size=(POINTS, 3)) + np.array([0.0, 0.0, 3.0])
    weights, seen = rng.random(size) + 0.5, rng.normal(size=(size, 2))
    return cameras, points, weights, seen, which % CAMERAS, which % POINTS


def residual(camera, point, weight, seen, np=np):
    """What one observation misses its model by, weighted."""
    turn, centre, focal = camera[:3], camera[3:6], camera[6]
    principal, radial = camera[7:9], camera[9:11]
    y = point - centre
    angle = np.sqrt(np.sum(turn**2))
    axis = turn / angle
    z = y * np.cos(angle) + np.cross(axis, y) * np.sin(angle)
    z = z + axis * (np.dot(axis, y) * (1 - np.cos(angle)))
    p = z[:2] / z[2]
    square = np.sum(p**2)
    p = p * (1 + radial[0] * square + radial[1] * square**2)
    return weight * (focal * p + principal - seen)


def blocks(library, jacobian, np=np):
    """All blocks of the Jacobian."""

    def of_one(camera, point, weight, seen):
        return residual(camera, point, weight, seen, np)

    def blocks(cameras, points, weights, seen, camera, point):
        each = library.vmap(jacobian(of_one, argnums=(0, 1, 2)))
        return each(cameras[camera], points[point], weights, seen)

    return blocks


def squares(library, np=np):
    """The sum of squared residuals."""

    def of_one(camera, point, weight, seen):
        return residual(camera, point, weight, seen, np)

    def squares(cameras, points, weights, seen, camera, point):
        r = library.vmap(of_one)(cameras[camera], points[point], weights, seen)
        return np.sum(r**2)

    return squares


def residuals(cameras, points, weights, seen, camera, point):
    """The residuals of all observations."""
    import adjoint as ad

    each = ad.vmap(lambda c, x, w, s: residual(c, x, w, s))
    return each(cameras[camera], points[point], weights, seen)


def total(cameras, points, weights, seen, camera, point):
    """The sum of squared residuals of all observations."""
    return np.sum(residuals(cameras, points, weights, seen, camera, point) ** 2)


def ours():
    """The blocks; the mode is chosen from the shapes."""
    import adjoint as ad

    return ad.jit(blocks(ad, ad.jacobian))


def ours_gradient():
    """The gradient with respect to cameras, points, weights."""
    import adjoint as ad

    return ad.jit(ad.grad(squares(ad), argnums=(0, 1, 2)))


def jax(mode):
    """The blocks, in forward or reverse mode."""

    def build():
        import jax

        jacobian = jax.jacfwd if mode == "forward" else jax.jacrev
        return jax.jit(blocks(jax, jacobian, jax.numpy))

    return build


def jax_gradient():
    """The gradient with respect to cameras, points, weights."""
    import jax

    return jax.jit(jax.grad(squares(jax, jax.numpy), argnums=(0, 1, 2)))


PROGRAMS = [
    Program(
        "bundle jacobian",
        residuals,
        data,
        OBSERVATIONS,
        {
            "adjoint": Side("adjoint", ours),
            "jax, jacfwd": Side("jax", jax("forward")),
            "jax, jacrev": Side("jax", jax("reverse"), counts=False),
        },
        {"jax": 1 / 12},
        new_size=30_000,
    ),
    Program(
        "bundle gradient",
        total,
        data,
        OBSERVATIONS,
        {"adjoint": Side("adjoint", ours_gradient), "jax": Side("jax", jax_gradient)},
        {"jax": 1 / 8},
        new_size=30_000,
    ),
]

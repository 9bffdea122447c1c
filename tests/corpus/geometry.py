"""Rotations, curves, rays, cameras, arms, meshes, maps, orbits, molecules, trusses, lenses."""

# ruff: noqa: B905

import math
from dataclasses import dataclass
from functools import partial, reduce
from itertools import combinations, pairwise

import numpy as np
from numpy import arctan2, cos, sin, sqrt


def quaternion_product(p, q):
    w1, x1, y1, z1 = p
    w2, x2, y2, z2 = q
    return np.array(
        [
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
        ]
    )


def star_tracker_loss(q, catalogue, seen):
    """Wahba's loss of an attitude given as a quaternion of any length."""
    q = q / np.linalg.norm(q)
    back = q * np.array([1, -1, -1, -1])
    loss = 0.0
    for star, direction in zip(catalogue, seen):
        turned = quaternion_product(quaternion_product(q, np.concatenate(([0.0], star))), back)
        loss += 0.5 * np.sum((turned[1:] - direction) ** 2)
    return loss


def slerp(a, b, t):
    dot = np.dot(a, b)
    if dot < 0:
        b, dot = -b, -dot
    if dot > 0.9995:
        mixed = a + t * (b - a)
        return mixed / np.linalg.norm(mixed)
    theta = np.arccos(np.clip(dot, -1.0, 1.0))
    return (np.sin((1 - t) * theta) * a + np.sin(t * theta) * b) / np.sin(theta)


def camera_swing(keys, times, boresight):
    """Length of the boresight's path as a camera swings through its key orientations."""
    keys = [k / np.sqrt(k @ k) for k in keys]
    tips = []
    for t in times:
        i = min(int(t), len(keys) - 2)
        w, x, y, z = slerp(keys[i], keys[i + 1], t - i)
        turn = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
        tips.append(turn @ boresight)
    return np.linalg.norm(np.diff(tips, axis=0), axis=1).sum()


ELEMENTARY = {
    "x": lambda c, s: [[1, 0, 0], [0, c, -s], [0, s, c]],
    "y": lambda c, s: [[c, 0, s], [0, 1, 0], [-s, 0, c]],
    "z": lambda c, s: [[c, -s, 0], [s, c, 0], [0, 0, 1]],
}


def euler_misalignment(angles, order, target):
    if sorted(order) != ["x", "y", "z"]:
        raise ValueError(f"the order must name each axis once, not {order!r}")
    steps = [ELEMENTARY[axis](math.cos(a), math.sin(a)) for axis, a in zip(order, angles)]
    rotation = reduce(np.matmul, [np.array(step) for step in steps])
    cosine = (np.trace(target.T @ rotation) - 1) / 2
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def polar_moment_of_section(xy):
    """Polar second moment of area about the centroid, by going round the outline once."""
    n = len(xy)
    A = 0
    Cx = 0
    Cy = 0
    J = 0
    for i in range(n):
        x1, y1 = xy[i]
        x2, y2 = xy[(i + 1) % n]
        c = x1 * y2 - x2 * y1
        A = A + c / 2
        Cx = Cx + (x1 + x2) * c / 6
        Cy = Cy + (y1 + y2) * c / 6
        J = J + c * (x1**2 + x1 * x2 + x2**2 + y1**2 + y1 * y2 + y2**2) / 12
    if A == 0:
        raise ValueError("the outline encloses nothing")
    Cx = Cx / A
    Cy = Cy / A
    return abs(J - A * (Cx**2 + Cy**2))


def clip_half_plane(corners, normal, offset):
    kept = []
    for i, here in enumerate(corners):
        there = corners[i - 1]
        a = float(np.dot(normal, there)) - offset
        b = float(np.dot(normal, here)) - offset
        if a * b < 0:
            kept.append(there + (here - there) * a / (a - b))
        if b <= 0:
            kept.append(here)
    return kept


def window_overlap(polygon, low, high):
    """Area of a polygon inside a rectangular window: Sutherland's and Hodgman's way."""
    corners = list(polygon)
    for axis in (0, 1):
        unit = np.eye(2)[axis]
        corners = clip_half_plane(corners, unit, high[axis])
        corners = clip_half_plane(corners, -unit, -low[axis])
        if not corners:
            return 0.0
    x, y = np.array(corners).T
    return 0.5 * abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def de_casteljau(points, t):
    if len(points) == 1:
        return points[0]
    return de_casteljau([(1 - t) * p + t * q for p, q in pairwise(points)], t)


def stroke_length(control, pieces=30):
    length = 0.0
    x, y = control[0]
    for t in np.linspace(0, 1, pieces + 1)[1:]:
        p = de_casteljau(list(control), t)
        length += math.hypot(p[0] - x, p[1] - y)
        x, y = p
    return length


def cox_de_boor(i, degree, knots, u):
    if degree == 0:
        return 1.0 if knots[i] <= u < knots[i + 1] else 0.0
    total = 0.0
    if knots[i + degree] > knots[i]:
        rise = (u - knots[i]) / (knots[i + degree] - knots[i])
        total += rise * cox_de_boor(i, degree - 1, knots, u)
    if knots[i + degree + 1] > knots[i + 1]:
        fall = (knots[i + degree + 1] - u) / (knots[i + degree + 1] - knots[i + 1])
        total += fall * cox_de_boor(i + 1, degree - 1, knots, u)
    return total


def knot_placement_misfit(inner, control, u, data, degree=3):
    """Misfit of a spline to data as a function of where its inner knots are."""
    knots = np.r_[np.zeros(degree + 1), inner, np.ones(degree + 1)]
    assert len(knots) == len(control) + degree + 1
    basis = np.zeros((len(u), len(control)))
    for row, value in zip(basis, u):
        for i in range(len(control)):
            row[i] = cox_de_boor(i, degree, knots, value)
    return np.sum((basis @ control - data) ** 2)


@dataclass
class Sphere:
    center: np.ndarray
    radius: float
    albedo: float = 0.8

    def hit(self, origin, direction):
        gap = origin - self.center
        b = gap @ direction
        disc = b * b - (gap @ gap - self.radius**2)
        if disc < 0:
            return None
        t = -b - math.sqrt(disc)
        if t <= 1e-9:
            return None
        return t

    def normal(self, point):
        return (point - self.center) / self.radius


def brightness_of_scene(sun, spheres, pixels):
    """Mean brightness of matt balls seen from the origin, lit by the sun."""
    sun = sun / np.linalg.norm(sun)
    scene = [Sphere(np.asarray(c, dtype=float), r) for c, r in spheres]
    image = np.zeros((pixels, pixels))
    for i, v in enumerate(np.linspace(-0.5, 0.5, pixels)):
        for j, u in enumerate(np.linspace(-0.5, 0.5, pixels)):
            ray = np.array([u, v, 1.0]) / math.sqrt(u * u + v * v + 1)
            hits = [
                (t, k) for k, s in enumerate(scene) if (t := s.hit(np.zeros(3), ray)) is not None
            ]
            if not hits:
                continue
            t, k = min(hits)
            image[i, j] = scene[k].albedo * max(0.0, scene[k].normal(t * ray) @ sun)
    return image.mean()


def ray_triangle(origin, direction, a, b, c, eps=1e-9):
    e1, e2 = b - a, c - a
    p = np.cross(direction, e2)
    det = np.dot(e1, p)
    if abs(det) < eps:
        return np.inf
    s = origin - a
    u = np.dot(s, p) / det
    if u < 0 or u > 1:
        return np.inf
    q = np.cross(s, e1)
    v = np.dot(direction, q) / det
    if v < 0 or u + v > 1:
        return np.inf
    return np.dot(e2, q) / det


def lidar_depth(vertices, faces, rays):
    """Mean of the depths that a scanner at the origin measures on a surface of triangles."""
    total, misses = 0.0, 0
    for ray in rays:
        depth = min(ray_triangle(np.zeros(3), ray, *vertices[face]) for face in faces)
        if depth == np.inf:
            misses += 1
            continue
        total += depth
    return total / (len(rays) - misses)


def reprojection_error(camera, world, pixels, huber=2.0):
    """Robust error of a camera: rotation vector, translation, focal length, two of distortion."""
    rvec, tvec, (focal, k1, k2) = camera[:3], camera[3:6], camera[6:]
    x, y, z = rvec
    K = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    th = sqrt(rvec.dot(rvec))
    R = np.eye(3) + sin(th) / th * K + (1 - cos(th)) / th**2 * K.dot(K)
    local = world.dot(R.T) + tvec[np.newaxis, :]
    flat = local[:, :2] / local[:, 2:]
    r2 = np.sum(flat**2, axis=1, keepdims=True)
    seen = focal * flat * (1 + k1 * r2 + k2 * r2**2)
    d = np.linalg.norm(seen - pixels, axis=1)
    return np.where(d <= huber, 0.5 * d**2, huber * (d - 0.5 * huber)).sum()


def triangulated_depth(pixels, cameras):
    """Depth of the point that several cameras see at these pixels, by the direct linear method."""
    rows = []
    for (u, v), P in zip(pixels, cameras):
        rows.append(u * P[2] - P[0])
        rows.append(v * P[2] - P[1])
    X = np.linalg.svd(np.vstack(rows))[2][-1]
    X = X[:3] / X[3]
    return float(np.linalg.norm(X))


class Joint:
    def __init__(self, length, twist=0.0):
        self.length, self.twist = length, twist

    def matrix(self, theta, d):
        ct, st, ca, sa = cos(theta), sin(theta), cos(self.twist), sin(self.twist)
        m = np.eye(4)
        m[0] = [ct, -st * ca, st * sa, self.length * ct]
        m[1] = [st, ct * ca, -ct * sa, self.length * st]
        m[2, 1:] = [sa, ca, d]
        return m


class Revolute(Joint):
    def __init__(self, length, twist=0.0, offset=0.0):
        super().__init__(length, twist)
        self.offset = offset

    def at(self, q):
        return self.matrix(q, self.offset)


class Prismatic(Joint):
    def at(self, q):
        return self.matrix(0.0, q)


class Arm:
    def __init__(self, *joints):
        self.joints = joints
        self.pose = np.eye(4)

    def move(self, q):
        if len(q) != len(self.joints):
            raise ValueError(f"{len(self.joints)} joints, {len(q)} positions")
        self.pose = np.eye(4)
        for joint, value in zip(self.joints, q):
            self.pose = self.pose @ joint.at(value)
        return self

    @property
    def tip(self):
        return self.pose[:3, 3]


def reach_error(q, goal):
    arm = Arm(Revolute(0.0, math.pi / 2, 0.4), Revolute(0.5), Prismatic(0.1, 0.3), Revolute(0.35))
    return np.sum((arm.move(q).tip - goal) ** 2) + 1e-2 * np.sum(np.square(q))


def planar_inverse_kinematics(goal, lengths, q, steps=12, damping=0.05):
    """How far the joints of a planar arm turn to reach a goal, by damped least squares."""
    q = q.copy()
    start = q.copy()
    n = len(q)
    for _ in range(steps):
        heading = np.cumsum(q)
        x = np.concatenate([[0], np.cumsum(lengths * np.cos(heading))])
        y = np.concatenate([[0], np.cumsum(lengths * np.sin(heading))])
        J = np.zeros((2, n))
        for j in range(n):
            J[:, j] = y[j] - y[-1], x[-1] - x[j]
        error = goal - np.array([x[-1], y[-1]])
        q += J.T @ np.linalg.solve(J @ J.T + damping**2 * np.eye(2), error)
    return np.linalg.norm(q - start)


def soap_film_energy(vertices, faces, gravity=0.3):
    """Area of a film plus its weight, with each corner carrying a third of its triangles."""
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    area = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=-1)
    carried = np.zeros(len(vertices))
    for k in range(3):
        np.add.at(carried, faces[:, k], area / 3)
    return area.sum() + gravity * (carried * vertices[:, 2]).sum()


def cotangent_roughness(vertices, faces):
    """Dirichlet energy of the mean curvature's normal: cotangent Laplacian, applied twice."""
    n = vertices.shape[0]
    L = np.zeros((n, n))
    for tri in faces:
        for k in range(3):
            i, j, o = tri[k], tri[(k + 1) % 3], tri[(k + 2) % 3]
            u, v = vertices[i] - vertices[o], vertices[j] - vertices[o]
            w = 0.5 * np.dot(u, v) / np.linalg.norm(np.cross(u, v))
            L[i, j] -= w
            L[j, i] -= w
            L[i, i] += w
            L[j, j] += w
    curvature = L @ vertices
    return np.trace(curvature.T @ L @ curvature)


def solid_angle(eye, vertices, faces):
    """Share of the sky that a surface covers: van Oosterom's and Strackee's formula."""
    total = 0.0
    for i, j, k in faces:
        a, b, c = (vertices[m] - eye for m in (i, j, k))
        la, lb, lc = map(np.linalg.norm, (a, b, c))
        below = la * lb * lc + (a @ b) * lc + (b @ c) * la + (c @ a) * lb
        total += 2 * arctan2(a @ np.cross(b, c), below)
    return total / (4 * np.pi)


def sphere_field(p, center, radius):
    return np.sqrt(((p - center) ** 2).sum(-1)) - radius


def box_field(p, half):
    q = np.abs(p) - half
    outside = np.linalg.norm(np.maximum(q, 0.0), axis=-1)
    return outside + np.minimum(np.max(q, axis=-1), 0.0)


def smooth_union_volume(shape, n=7, blend=0.25):
    """Soft volume of a box melted together with a ball: center of the ball, its radius."""
    axis = np.linspace(-1.5, 1.5, n)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    fields = [partial(box_field, half=np.array([0.6, 0.45, 0.7])), None]
    fields[1] = partial(sphere_field, center=shape[:3], radius=shape[3])
    a, b = [field(grid) for field in fields]
    h = np.clip(0.5 + 0.5 * (b - a) / blend, 0, 1)
    distance = b * (1 - h) + a * h - blend * h * (1 - h)
    return np.sum(1 / (1 + np.exp(8 * distance))) * (axis[1] - axis[0]) ** 3


def mercator(lat, lon):
    return lon, np.log(np.tan(np.pi / 4 + lat / 2))


def lambert_conic(lat, lon, standard=(0.6, 0.9)):
    s1, s2 = standard
    n = math.log(math.cos(s1) / math.cos(s2))
    n /= math.log(math.tan(math.pi / 4 + s2 / 2) / math.tan(math.pi / 4 + s1 / 2))
    F = math.cos(s1) * math.tan(math.pi / 4 + s1 / 2) ** n / n
    rho = F / np.tan(np.pi / 4 + lat / 2) ** n
    return rho * np.sin(n * lon), -rho * np.cos(n * lon)


def drawn_route_length(stations, projection, options):
    """Length of a route as drawn on a map, scaled by its length along great circles."""
    known = {"mercator": mercator, "lambert": lambert_conic}
    if projection not in known:
        raise ValueError(f"unknown projection {projection}; have {', '.join(known)}")
    lat, lon = np.deg2rad(stations).T
    x, y = known[projection](lat, lon, **options)
    drawn = np.hypot(np.diff(x), np.diff(y)).sum()
    h = np.sin(np.diff(lat) / 2) ** 2
    h = h + np.cos(lat[:-1]) * np.cos(lat[1:]) * np.sin(np.diff(lon) / 2) ** 2
    return drawn / (2 * np.arcsin(np.sqrt(h))).sum()


def ellipsoid_distance(place, other, a=6378.137, f=1 / 298.257223563):
    """Kilometres between two places (degrees) on the ellipsoid, by Vincenty's iteration."""
    lat1, lon1 = math.radians(place[0]), math.radians(place[1])
    lat2, lon2 = map(math.radians, other)
    U1, U2 = math.atan((1 - f) * math.tan(lat1)), math.atan((1 - f) * math.tan(lat2))
    s1, c1, s2, c2 = math.sin(U1), math.cos(U1), math.sin(U2), math.cos(U2)
    lam = L = lon2 - lon1
    for _ in range(100):
        sl, cl = math.sin(lam), math.cos(lam)
        ss = math.sqrt((c2 * sl) ** 2 + (c1 * s2 - s1 * c2 * cl) ** 2)
        if ss == 0:
            return 0.0
        cs = s1 * s2 + c1 * c2 * cl
        sigma = math.atan2(ss, cs)
        sa = c1 * c2 * sl / ss
        ca2 = 1 - sa * sa
        c2m = cs - 2 * s1 * s2 / ca2 if ca2 else 0.0
        C = f / 16 * ca2 * (4 + f * (4 - 3 * ca2))
        old = lam
        lam = L + (1 - C) * f * sa * (sigma + C * ss * (c2m + C * cs * (2 * c2m * c2m - 1)))
        if abs(lam - old) < 1e-15:
            break
    else:
        raise RuntimeError("nearly antipodal places")
    k = (math.sqrt(1 + ca2 * (a**2 / (a * (1 - f)) ** 2 - 1)) - 1) / 2
    k1 = k / (1 + k)
    A, B = (1 + k1**2 / 4) / (1 - k1), k1 * (1 - 3 * k1**2 / 8)
    inner = cs * (2 * c2m**2 - 1) - B / 6 * c2m * (4 * ss**2 - 3) * (4 * c2m**2 - 3)
    return a * (1 - f) * A * (sigma - B * ss * (c2m + B / 4 * inner))


def solve_kepler(M, e, tol=1e-14):
    E = M if e < 0.8 else np.pi
    delta = 1.0
    while abs(delta) > tol:
        delta = (E - e * np.sin(E) - M) / (1 - e * np.cos(E))
        E = E - delta
    return E


def closest_approach(elements, target, times):
    """Smooth least distance of a planet, given by its elements, from a target over some times."""
    a, e, inc, node, peri, M0 = elements
    if not 0 <= e < 1:
        raise ValueError(f"not an ellipse: e = {e}")
    p = np.array([cos(node) * cos(peri) - sin(node) * sin(peri) * cos(inc), 0.0, 0.0])
    p[1] = sin(node) * cos(peri) + cos(node) * sin(peri) * cos(inc)
    p[2] = sin(peri) * sin(inc)
    w = np.array([sin(node) * sin(inc), -cos(node) * sin(inc), cos(inc)])
    q = np.cross(w, p)
    distances = []
    for t in times:
        E = solve_kepler((M0 + t / a**1.5) % (2 * np.pi), e)
        position = a * (cos(E) - e) * p + a * sqrt(1 - e**2) * sin(E) * q
        distances.append(np.linalg.norm(position - target))
    return -np.log(np.mean(np.exp(-4 * np.array(distances)))) / 4


def elements_of_state(state, mu=1.0):
    """Signature of an orbit: its size, shape and angles from position and velocity, weighed."""
    r, v = np.split(np.asarray(state, dtype=float), 2)
    h = np.cross(r, v)
    ecc = np.cross(v, h) / mu - r / np.linalg.norm(r)
    e = np.linalg.norm(ecc)
    n = np.cross([0, 0, 1], h)
    orbit = {"a": 1 / (2 / np.linalg.norm(r) - v @ v / mu), "e": e}
    orbit["i"] = np.arccos(h[2] / np.linalg.norm(h))
    orbit["node"] = np.arctan2(n[1], n[0]) % (2 * np.pi)
    orbit["peri"] = np.arccos(n @ ecc / (np.linalg.norm(n) * e))
    if ecc[2] < 0:
        orbit["peri"] = 2 * np.pi - orbit["peri"]
    weights = dict(zip(orbit, (1.0, 10.0, 2.0, 0.5, 0.25)))
    return sum(weights[name] * value**2 for name, value in orbit.items())


def mean_value_interpolation(point, corners, heights):
    """Height at a point of a polygon as a convex combination of the heights of its corners."""
    spokes = [corner - point for corner in corners]
    lengths = [np.linalg.norm(s) for s in spokes]
    halves = []
    for k, s in enumerate(spokes):
        t = spokes[(k + 1) % len(spokes)]
        halves.append(np.tan(arctan2(s[0] * t[1] - s[1] * t[0], s @ t) / 2))
    weights = np.array([(halves[k - 1] + halves[k]) / lengths[k] for k in range(len(spokes))])
    if (weights < 0).any():
        raise ValueError("the polygon is not convex")
    return np.average(heights, weights=weights)


def icp_residual(source, target, rounds=4):
    """Mean squared distance that remains after aligning a scan by iterative closest points."""
    moved = source.copy()
    for _ in range(rounds):
        gaps = moved[:, None, :] - target[None, :, :]
        nearest = np.argmin((gaps**2).sum(axis=2), axis=1)
        partner = target[nearest]
        mu, nu = moved.mean(axis=0), partner.mean(axis=0)
        U, _, Vt = np.linalg.svd((moved - mu).T @ (partner - nu))
        flip = np.diag([1.0, np.sign(np.linalg.det(U @ Vt))])
        moved = (moved - mu) @ (U @ flip @ Vt) + nu
    return ((moved - partner) ** 2).sum(axis=1).mean()


def cluster_energy(positions, sigma=1.0, epsilon=0.5, cutoff=2.5):
    """Lennard-Jones energy, shifted to zero at the cutoff."""
    sr6 = (sigma / cutoff) ** 6
    shift = 4 * epsilon * (sr6**2 - sr6)
    energy = 0.0
    for i, j in combinations(range(len(positions)), 2):
        d2 = sum((positions[i, k] - positions[j, k]) ** 2 for k in range(3))
        if d2 > cutoff**2:
            continue
        sr6 = (sigma**2 / d2) ** 3
        energy += 4 * epsilon * (sr6**2 - sr6) - shift
    return energy


def chain_conformation_energy(xyz, bond=1.5, angle=1.95, barrier=(0.7, 0.1, 1.6)):
    """Bonds, angles and torsions of a chain of atoms."""
    b = np.diff(xyz, axis=0)
    lengths = np.linalg.norm(b, axis=1)
    stretch = 150 * np.sum((lengths - bond) ** 2)
    bends = np.arccos(-np.einsum("ij,ij->i", b[:-1], b[1:]) / (lengths[:-1] * lengths[1:]))
    energy = stretch + 30 * ((bends - angle) ** 2).sum()
    n = np.cross(b[:-1], b[1:])
    for k in range(len(n) - 1):
        phi = arctan2(np.dot(np.cross(n[k], n[k + 1]), b[k + 1]) / lengths[k + 1], n[k] @ n[k + 1])
        for order, height in enumerate(barrier, start=1):
            energy += height / 2 * (1 - (-1) ** order * np.cos(order * phi))
    return energy


def truss_compliance(areas, nodes, bars, loads, fixed, E=70.0):
    """Work of the loads on a pin-jointed truss, from its assembled stiffness."""
    ndof = 2 * len(nodes)
    K = np.zeros((ndof, ndof))
    for (i, j), A in zip(bars, areas):
        dx, dy = nodes[j] - nodes[i]
        L = np.hypot(dx, dy)
        c, s = dx / L, dy / L
        T = np.array([[c, s, 0, 0], [0, 0, c, s]])
        k = E * A / L * np.array([[1, -1], [-1, 1]])
        dofs = [2 * i, 2 * i + 1, 2 * j, 2 * j + 1]
        K[np.ix_(dofs, dofs)] += T.T @ k @ T
    free = np.setdiff1d(np.arange(ndof), fixed)
    f = np.zeros(ndof)
    for dof, force in loads.items():
        f[dof] = force
    u = np.zeros(ndof)
    u[free] = np.linalg.solve(K[np.ix_(free, free)], f[free])
    return f @ u


class Element:
    matrix = np.eye(2)

    def __matmul__(self, other):
        return self.matrix @ (other.matrix if isinstance(other, Element) else other)


class Lens(Element):
    def __init__(self, focal):
        if focal == 0:
            raise ValueError("focal length 0")
        self.matrix = np.array([[1.0, 0.0], [-1.0 / focal, 1.0]])


class Gap(Element):
    def __init__(self, length):
        self.matrix = np.array([[1.0, length], [0.0, 1.0]])


def zoom_lens_focus(gaps, focals):
    """Back focal distance of a row of thin lenses, relative to its effective focal length."""
    train = []
    for k, focal in enumerate(focals):
        train.append(Lens(focal))
        if k < len(gaps):
            train.append(Gap(gaps[k]))
    system = np.eye(2)
    for element in train:
        system = element @ system
    (A, B), (C, D) = system
    assert abs(A * D - B * C - 1) < 1e-9
    effective = -1 / C
    return (-A / C) / effective + 0.1 * effective


class Surface:
    def __init__(self, vertex, radius, before, after):
        self.vertex, self.radius = vertex, radius
        self.ratio = before / after

    def refract(self, z, y, slope):
        """A ray in the meridional plane, from one surface to the next."""
        d = np.array([1.0, slope]) / sqrt(1 + slope**2)
        to_center = np.array([self.vertex + self.radius - z, -y])
        b = to_center @ d
        disc = b**2 - to_center @ to_center + self.radius**2
        if disc < 0:
            raise ValueError(f"the ray at height {y:.3f} misses the surface")
        t = b - np.sign(self.radius) * sqrt(disc)
        point = np.array([z, y]) + t * d
        normal = (np.array([self.vertex + self.radius, 0.0]) - point) / self.radius
        ci = normal @ d
        out = self.ratio * d + (sqrt(1 - self.ratio**2 * (1 - ci**2)) - self.ratio * ci) * normal
        return point[0], point[1], out[1] / out[0]


def spot_size(radii, glass, heights, screen):
    """Mean square height at the screen of parallel rays through a cemented doublet."""
    media = [1.0, *glass, 1.0]
    positions = np.cumsum([0.0, 4.0, 2.0])
    stack = [Surface(*args) for args in zip(positions, radii, media[:-1], media[1:])]
    landed = np.zeros(len(heights))
    for i, y in enumerate(heights):
        z, slope = -5.0, 0.0
        for surface in stack:
            z, y, slope = surface.refract(z, y, slope)
        landed[i] = y + slope * (screen - z)
    return np.mean(landed**2)


def _mesh(n, rng):
    """A bumpy sheet of n by n corners: their places, and triangles of their numbers."""
    x, y = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n))
    sheet = np.column_stack([x.ravel(), y.ravel(), 2 + 0.2 * rng.normal(size=n * n)])
    corner = np.arange(n * n).reshape(n, n)[:-1, :-1].ravel()
    faces = np.c_[corner, corner + 1, corner + n], np.c_[corner + 1, corner + n + 1, corner + n]
    return sheet, np.vstack(faces)


_rng = np.random.default_rng(7)
_unit = [v / np.linalg.norm(v) for v in _rng.normal(size=(6, 3))]
_cloud, (_sheet, _faces) = _rng.normal(size=(9, 3)), _mesh(4, _rng)
_star = np.array([[0.0, -1.2], [0.45, -0.3], [1.3, -0.1], [0.5, 0.4], [0.2, 1.25], [-1.1, 0.2]])
_hexagon = np.array([[np.cos(t), 1.2 * np.sin(t)] for t in np.linspace(0.2, 5.5, 6)])
_cameras = np.array([np.c_[np.eye(3), [s, 0.1 * s * s, 0.2]] for s in (-1.0, 0.3, 1.2)])
_camera = np.array([0.2, -0.1, 0.15, 0.1, 0.2, 6.0, 8.0, -0.1, 0.02])
_scan = _rng.uniform(-2, 2, size=(15, 2))
_turned = _scan @ np.array([[cos(0.1), -sin(0.1)], [sin(0.1), cos(0.1)]]) + [0.05, -0.08]
_turned += 0.05 * _rng.normal(size=(15, 2))
_chain = np.cumsum(np.array([[1.2, 0.8, 0.1], [1.1, -0.9, 0.4], [0.9, 0.9, -0.5]] * 2), axis=0)
_truss = np.array([[0.0, 0], [1, 0], [2, 0], [0.5, 0.8], [1.5, 0.9]])
_bars = [(0, 1), (1, 2), (0, 3), (3, 1), (1, 4), (4, 2), (3, 4)]
_spheres = [((0.3, 0.2, 4.0), 1.2), ((-0.9, -0.5, 3.0), 0.7)]
_knots_at = np.linspace(0.013, 0.987, 14)
_signal = sin(5 * _knots_at)
_orbit = np.array([1.2, 0.3, 0.4, 1.0, 2.0, 0.5])
_lattice = 1.2 * np.indices((2, 2, 2)).reshape(3, 8).T + 0.1 * _rng.normal(size=(8, 3))
_stations = np.array([[52.2, 5.1], [48.9, 2.4], [45.4, 9.2], [41.9, 12.5], [50.1, 14.4]])

PROGRAMS = [
    (star_tracker_loss, (np.array([0.9, 0.2, -0.3, 0.4]), _unit, _unit[::-1])),
    (camera_swing, (_rng.normal(size=(4, 4)), np.linspace(0, 3, 13), np.array([0.2, 0.1, 1.0]))),
    (euler_misalignment, (np.array([0.3, -0.5, 1.1]), "zxy", np.eye(3))),
    (polar_moment_of_section, (_star,)),
    (window_overlap, (_star, (-0.8, -0.7), (0.9, 0.8))),
    (stroke_length, (_rng.normal(size=(5, 2)),)),
    (knot_placement_misfit, (np.array([0.21, 0.48, 0.83]), _cloud[:7, 0], _knots_at, _signal)),
    (brightness_of_scene, (np.array([0.5, 0.6, -1.5]), _spheres, 8)),
    (lidar_depth, (_sheet, _faces, _rng.normal([0, 0, 2], 0.3, size=(7, 3)))),
    (reprojection_error, (_camera, _cloud, _rng.normal(0, 1.2, size=(9, 2)), 0.3)),
    (triangulated_depth, (np.array([[0.1, 0.2], [0.33, 0.24], [0.5, 0.28]]), _cameras)),
    (reach_error, (np.array([0.3, 0.7, 0.2, -0.4]), np.array([0.4, 0.3, 0.6]))),
    (planar_inverse_kinematics, (np.array([1.1, 0.8]), [0.8, 0.6, 0.4], np.array([0.2, 0.5, 0.3]))),
    (soap_film_energy, (_sheet, _faces)),
    (cotangent_roughness, (_sheet, _faces)),
    (solid_angle, (np.array([0.1, -0.2, 0.3]), _sheet, _faces)),
    (smooth_union_volume, (np.array([0.5, 0.35, 0.45, 0.62]),)),
    (drawn_route_length, (_stations, "lambert", {"standard": (0.7, 0.95)})),
    (ellipsoid_distance, (np.array([52.52, 13.405]), (-33.87, 151.21))),
    (closest_approach, (_orbit, np.array([0.5, 0.6, 0.1]), np.arange(9))),
    (elements_of_state, (np.array([1.0, 0.2, -0.1, -0.3, 0.9, 0.4]),)),
    (mean_value_interpolation, (np.array([0.15, -0.2]), _hexagon, [1.0, 0.5, -1.0, 2.0, 0.0, 3.0])),
    (icp_residual, (_turned, _scan)),
    (cluster_energy, (_lattice,)),
    (chain_conformation_energy, (_chain,)),
    (truss_compliance, (np.linspace(1, 2, 7), _truss, _bars, {3: -5.0, 6: 1.0}, [0, 1, 5])),
    (zoom_lens_focus, (np.array([3.0, 4.5]), (12.0, -6.0, 9.0))),
    (spot_size, (np.array([30.0, -22.0, -80.0]), (1.52, 1.62), [1.0, 2.5, -3.0, 4.0], 45.0)),
]

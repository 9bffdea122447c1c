"""arcsin, arccos, arctan, arctan2: one polynomial on a short interval, and an identity beyond it.

Enters: vectors.  Leaves: results within 1.5 ulp (double) and 1 ulp (single), NaN outside of the
domain, zeros with their sign.

arcsin x = x + x z P(z) with z = x*x for |x| < 1/2, else pi/2 - 2 arcsin(sqrt((1 - |x|)/2)) with the
same P; arccos likewise.  In doubles all is written in 4z, which additions make (processors do them
beside the multiplications), and the root of it is the processor's, which comes as soon as P.
arctan of q = min(|y|, |x|) / max(|y|, |x|) <= 1 by one polynomial, turned into the right octant by
adding a multiple of pi/2.  Sums keep what they lose, so the large term (pi/2, the root) costs one
rounding.  The identities are those of W. J. Cody and W. Waite, Software Manual for the Elementary
Functions, 1980; the coefficients are made by benchmarks/coefficients_trigonometric.py.
"""

from __future__ import annotations

from ..builder import Builder, Value
from .estimates import in_halves, twice_root
from .registry import function
from .vectors import lowest

REST = {"double": 3.8981718325193755e-17, "float": -2.782753437848454e-08}  # (pi - rounded)/rounded
HALF_PI = {"double": 1.5707963267948966, "float": 1.57079637050628662109375}
ARCSINE = (
    0.16666666666665403,
    0.07500000000338608,
    0.044642856826920874,
    0.030381959198042745,
    0.022371756524318564,
    0.017359728589546066,
    0.013884992968736874,
    0.012170846499497871,
    0.006520734411953629,
    0.01954851593953374,
    -0.016256673573929858,
    0.03193491095212126,
)
ARCSINE_SINGLE = (
    0.16666752099990845,
    0.07495306432247162,
    0.04546976834535599,
    0.024180805310606956,
    0.0421663336455822,
)
ARCTANGENT = (
    -0.3333333333333307,
    0.19999999999951754,
    -0.14285714282588355,
    0.11111111007348624,
    -0.09090907007879573,
    0.07692279889380192,
    -0.066664044232068,
    0.0588052978489124,
    -0.052535265854455164,
    0.04722347410775012,
    -0.04219240400415769,
    0.03664308253036112,
    -0.029905605942035382,
    0.021986882134180985,
    -0.013902372958828969,
    0.0071977251169243065,
    -0.0028855190466010147,
    0.0008315248936346162,
    -0.000152203063281404,
    1.3229138316660165e-05,
)
ARCTANGENT_SINGLE = (
    -0.33333298563957214,
    0.1999852955341339,
    -0.14264015853405,
    0.10950877517461777,
    -0.08399247378110886,
    0.05787874758243561,
    -0.031092066317796707,
    0.01086453814059496,
    -0.0017815096070989966,
)


def assembled(
    b: Builder, base: Value, value: Value, z: Value, p: Value, rest: Value | None
) -> Value:
    """base + value + value z p + rest, where |base| >= |value| or base is 0.

    base is a rounded multiple of pi/2; what it lacks is added, as a fraction of it.
    """
    total = b.add(base, value)
    lost = b.fma(base, REST[base.kind], b.add(b.sub(base, total), value))
    if rest is not None:
        lost = b.add(lost, rest)
    return b.add(total, b.fma(b.mul(value, z), p, lost))


def arcsine(b: Builder, x: Value, cosine: bool) -> Value:
    """arcsin x or arccos x, apart from the sign: base - value - value z P(z)."""
    size = b.abs(x)
    is_small = b.compare("olt", size, 0.5)
    half_pi, nothing = HALF_PI[x.kind], b.constant(x.kind, 0)
    if x.kind == "double":  # of 4 z; rounding the root costs half an ulp at most
        twice = b.add(size, size)
        beyond = b.sub(2.0, twice)
        z = b.select(is_small, b.mul(twice, twice), beyond)
        root, rest = b.sqrt(beyond), None
        p = b.polynomial(z, [c / 4.0 ** (k + 1) for k, c in enumerate(ARCSINE)])
    else:
        z = b.select(is_small, b.mul(x, x), b.fma(size, -0.5, 0.5))
        root, rest = twice_root(b, z)
        rest = b.select(is_small, 0, rest)
        p = b.polynomial(z, ARCSINE_SINGLE)
    if cosine:
        base = b.select(b.compare("olt", x, 0), 2 * half_pi, nothing)
        base = b.select(is_small, half_pi, base)
        value, low = b.select(is_small, x, root), b.mul(base, REST[x.kind])
    else:
        base = b.select(is_small, nothing, half_pi)
        value = b.select(is_small, size, root)
        low = b.select(is_small, nothing, half_pi * REST[x.kind])
    total = b.sub(base, value)
    lost = b.sub(b.sub(base, total), value)
    low = b.fma(b.neg(value), b.mul(p, z), low)  # the root comes last
    if rest is not None:
        low = b.sub(low, rest)
    return b.add(total, b.add(lost, low))


@function("arcsin", ulp=1.4, ulp_single=1.0)
def arcsin(b: Builder, x: Value) -> Value:
    """The inverse sine."""
    return b.copysign(arcsine(b, x, False), x)


@function("arccos", ulp=1.4, ulp_single=1.0)
def arccos(b: Builder, x: Value) -> Value:
    """The inverse cosine, from 0 to pi."""
    return b.abs(arcsine(b, x, True))


def arctangent(b: Builder, base: Value, value: Value, z: Value, lost: Value | None) -> Value:
    """base + arctan(value + lost), |value| <= 1, z its square; singles always have `lost`."""
    if z.kind == "double":
        return assembled(b, base, value, z, in_halves(b, z, ARCTANGENT), lost)
    p = b.polynomial(z, ARCTANGENT_SINGLE)
    cube = b.mul(value, z)
    return assembled(b, base, value, z, p, b.fma(b.fma(value, z, b.neg(cube)), p, lost))


@function("arctan", ulp=1.5, ulp_single=1.0)
def arctan(b: Builder, x: Value) -> Value:
    """The inverse tangent, from -pi/2 to pi/2."""
    size = b.abs(x)
    is_large = b.compare("ogt", size, 1)
    lost = None
    if x.kind == "float":
        size = lowest(b, size, 1e15)
    top = b.select(is_large, b.constant(x.kind, -1), size)
    bottom = b.select(is_large, size, 1)
    q = b.div(top, bottom)
    z = b.mul(q, q)
    if x.kind == "float":  # what the division lost (1/bottom is -q), times about 1/(1 + q*q)
        lost = b.mul(b.fma(q, bottom, b.neg(top)), b.mul(q, b.fma(z, -0.5, 1.0)))
    base = b.select(is_large, HALF_PI[x.kind], b.constant(x.kind, 0))
    return b.copysign(arctangent(b, base, q, z, lost), x)


@function("arctan2", 2, ulp=1.4, ulp_single=1.0)
def arctan2(b: Builder, y: Value, x: Value) -> Value:
    """The angle of the point (x, y), from -pi to pi."""
    up, right = b.abs(y), b.abs(x)
    steep = b.compare("ogt", up, right)
    top, bottom = b.select(steep, right, up), b.select(steep, up, right)
    diagonal = b.select(b.compare("oeq", top, 0), top, 1)  # 0/0 and inf/inf, too
    equal = b.compare("oeq", top, bottom)
    q = b.select(equal, diagonal, b.div(top, bottom))
    bits = b.bits(x)
    integer = bits.kind
    sign_bit = b.constant(integer, 1 << (63 if integer == "i64" else 31))
    sign = b.integer("and", bits, sign_bit)
    turn = b.integer("xor", sign, b.select(steep, sign_bit, b.constant(integer, 0)))
    signed = b.from_bits(b.integer("xor", b.bits(q), turn))
    half_pi = HALF_PI[x.kind]
    base = b.select(b.compare("slt", bits, 0), 2 * half_pi, b.constant(x.kind, 0))
    base = b.select(steep, half_pi, base)
    # what the division lost (NaN where it was exact or senseless), times about 1/(1 + q*q)
    lost = b.div(b.fma(b.neg(q), bottom, top), bottom)
    z = b.mul(q, q)
    lost = b.mul(b.select(b.is_nan(lost), 0, lost), b.fma(z, -0.5, 1.0))
    lost = b.from_bits(b.integer("xor", b.bits(lost), turn))
    return b.copysign(arctangent(b, base, signed, z, lost), y)

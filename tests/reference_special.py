"""Special functions by mpmath.

Enters: numbers of mpmath.  Leaves: `SPECIAL`, the function of each primitive (several outputs as a
tuple), and `INVERTED`, the functions whose inverses in the last argument are primitives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp


def lower_gamma(a: Any, x: Any) -> Any:
    return mp.gammainc(a, 0, x, regularized=True)


def lower_gamma_by_order(a: Any, x: Any) -> Any:
    """0 at both ends, where the function is 0 and 1 for every order."""
    if not a > 0 or mp.isnan(x):
        return mp.nan
    return mp.diff(lambda t: lower_gamma(t, x), a) if 0 < x < mp.inf else mp.mpf(0)


def upper_gamma(a: Any, x: Any) -> Any:
    return mp.gammainc(a, x, mp.inf, regularized=True)


def beta_part(start: Callable, stop: Callable) -> Callable:
    return lambda a, b, x: mp.betainc(a, b, start(x), stop(x), regularized=True)


left_beta = beta_part(lambda x: 0, lambda x: x)
right_beta = beta_part(lambda x: x, lambda x: 1)


def normal(z: Any) -> Any:
    return mp.erfc(-z / mp.sqrt(2)) / 2


def quantile(p: Any) -> Any:
    return mp.sqrt(2) * mp.erfinv(2 * p - 1)


def student(v: Any, t: Any) -> Any:
    tail = mp.betainc(v / mp.mpf(2), 0.5, 0, v / (v + t * t), regularized=True) / 2
    return 1 - tail if t > 0 else tail


def owens(h: Any, a: Any) -> Any:
    integrand = lambda t: mp.exp(-h * h * (1 + t * t) / 2) / (1 + t * t)
    return mp.quad(integrand, [0, a]) / (2 * mp.pi)


def degree(function: Callable) -> Callable:
    return lambda x: function(x * mp.pi / 180)


def box_cox(x: Any, p: Any) -> Any:
    return (x**p - 1) / p if p else mp.log(x)


def inverse_box_cox(y: Any, p: Any) -> Any:
    return (1 + p * y) ** (1 / p) if p else mp.exp(y)


def times_log(x: Any, y: Any) -> Any:
    return x * mp.log(y) if x else mp.mpf(0)


def huber(w: Any, r: Any) -> Any:
    return r * r / 2 if abs(r) <= w else w * (abs(r) - w / 2)


# Of numbers of mpmath, one function each; several outputs as a tuple.
SPECIAL: dict[str, Callable] = {
    "airy": lambda z: (
        mp.airyai(z),
        mp.airyai(z, derivative=1),
        mp.airybi(z),
        mp.airybi(z, derivative=1),
    ),
    "beta": mp.beta,
    "betainc": left_beta,
    "betaincc": right_beta,
    "betaln": lambda a, b: mp.log(abs(mp.beta(a, b))),
    "binom": mp.binomial,
    "boxcox": box_cox,
    "boxcox1p": lambda x, p: box_cox(1 + x, p),
    "chdtr": lambda v, x: lower_gamma(v / 2, x / 2),
    "chdtrc": lambda v, x: upper_gamma(v / 2, x / 2),
    "cosdg": degree(mp.cos),
    "cosm1": lambda x: mp.cos(x) - 1,
    "cotdg": degree(mp.cot),
    "dawsn": lambda z: mp.sqrt(mp.pi) / 2 * mp.exp(-z * z) * mp.erfi(z),
    "ellipe": mp.ellipe,
    "ellipeinc": mp.ellipe,
    "ellipk": mp.ellipk,
    "ellipkinc": mp.ellipf,
    "ellipkm1": lambda p: mp.ellipk(1 - p),
    "elliprd": mp.elliprd,
    "entr": lambda x: -times_log(x, x),
    "erf": mp.erf,
    "erfc": mp.erfc,
    "erfcinv": lambda x: mp.erfinv(1 - x),
    "erfcx": lambda z: mp.exp(z * z) * mp.erfc(z),
    "erfi": mp.erfi,
    "erfinv": mp.erfinv,
    "eval_chebyt": mp.chebyt,
    "eval_chebyu": mp.chebyu,
    "eval_gegenbauer": mp.gegenbauer,
    "eval_genlaguerre": mp.laguerre,
    "eval_hermite": mp.hermite,
    "eval_hermitenorm": lambda n, x: 2 ** (-n / 2) * mp.hermite(n, x / mp.sqrt(2)),
    "eval_jacobi": mp.jacobi,
    "eval_laguerre": lambda n, x: mp.laguerre(n, 0, x),
    "eval_legendre": mp.legendre,
    "exp1": mp.e1,
    "exp10": lambda x: mp.mpf(10) ** x,
    "expi": mp.ei,
    "expit": lambda x: 1 / (1 + mp.exp(-x)),
    "expn": mp.expint,
    "exprel": lambda x: mp.expm1(x) / x,
    "fresnel": lambda z: (mp.fresnels(z), mp.fresnelc(z)),
    "gamma": mp.gamma,
    "gammainc": lower_gamma,
    "gammaincc": upper_gamma,
    "gammainc_by_order": lower_gamma_by_order,
    "gammaln": lambda x: mp.log(abs(mp.gamma(x))),
    "gammasgn": lambda x: mp.sign(mp.gamma(x)),
    "hankel1": mp.hankel1,
    "hankel1e": lambda v, z: mp.hankel1(v, z) * mp.exp(-1j * z),
    "hankel2": mp.hankel2,
    "hankel2e": lambda v, z: mp.hankel2(v, z) * mp.exp(1j * z),
    "huber": huber,
    "hurwitz_zeta": mp.zeta,
    "hyp0f1": mp.hyp0f1,
    "hyp1f1": mp.hyp1f1,
    "hyp2f1": mp.hyp2f1,
    "hyperu": mp.hyperu,
    "i0": lambda x: mp.besseli(0, x),
    "i0e": lambda x: mp.besseli(0, x) * mp.exp(-abs(x)),
    "i1": lambda x: mp.besseli(1, x),
    "i1e": lambda x: mp.besseli(1, x) * mp.exp(-abs(x)),
    "inv_boxcox": inverse_box_cox,
    "inv_boxcox1p": lambda y, p: inverse_box_cox(y, p) - 1,
    "iv": mp.besseli,
    "ive": lambda v, z: mp.besseli(v, z) * mp.exp(-abs(mp.re(z))),
    "j0": lambda x: mp.besselj(0, x),
    "j1": lambda x: mp.besselj(1, x),
    "jv": mp.besselj,
    "jve": lambda v, z: mp.besselj(v, z) * mp.exp(-abs(mp.im(z))),
    "k0": lambda x: mp.besselk(0, x),
    "k0e": lambda x: mp.besselk(0, x) * mp.exp(x),
    "k1": lambda x: mp.besselk(1, x),
    "k1e": lambda x: mp.besselk(1, x) * mp.exp(x),
    "kl_div": lambda x, y: times_log(x, x / y) - x + y,
    "kn": mp.besselk,
    "kv": mp.besselk,
    "kve": lambda v, z: mp.besselk(v, z) * mp.exp(z),
    "lambertw": mp.lambertw,
    "log_expit": lambda x: -mp.log1p(mp.exp(-x)),
    "log_ndtr": lambda z: mp.log(normal(z)),
    "loggamma": mp.loggamma,
    "logit": lambda x: mp.log(x / (1 - x)),
    "ndtr": normal,
    "ndtri": quantile,
    "ndtri_exp": lambda y: quantile(mp.exp(y)),
    "owens_t": owens,
    "poch": mp.rf,
    "polygamma": mp.polygamma,
    "powm1": lambda x, y: x**y - 1,
    "pseudo_huber": lambda w, r: w * w * (mp.sqrt(1 + (r / w) ** 2) - 1),
    "psi": mp.digamma,
    "radian": lambda d, m, s: (d + m / 60 + s / 3600) * mp.pi / 180,
    "rel_entr": lambda x, y: times_log(x, x / y),
    "rgamma": mp.rgamma,
    "riemann_zeta": mp.zeta,
    "shichi": lambda z: (mp.shi(z), mp.chi(z)),
    "sici": lambda z: (mp.si(z), mp.ci(z)),
    "sindg": degree(mp.sin),
    "special_cbrt": mp.cbrt,
    "special_exp2": lambda x: mp.mpf(2) ** x,
    "special_expm1": mp.expm1,
    "special_log1p": lambda z: mp.log(1 + z),
    "special_round": mp.nint,
    "spence": lambda z: mp.polylog(2, 1 - z),
    "stdtr": student,
    "tandg": degree(mp.tan),
    "wofz": lambda z: mp.exp(-z * z) * mp.erfc(-1j * z),
    "wrightomega": lambda z: mp.lambertw(mp.exp(z)),
    "xlog1py": lambda x, y: times_log(x, 1 + y),
    "xlogy": times_log,
    "y0": lambda x: mp.bessely(0, x),
    "y1": lambda x: mp.bessely(1, x),
    "yn": mp.bessely,
    "yv": mp.bessely,
    "yve": lambda v, z: mp.bessely(v, z) * mp.exp(-abs(mp.im(z))),
}
# Increasing or decreasing functions of the last argument whose inverses are primitives.
INVERTED = {
    "betaincinv": left_beta,
    "betainccinv": right_beta,
    "gammaincinv": lower_gamma,
    "gammainccinv": upper_gamma,
}

"""Functions of SciPy that compiled code calls by their addresses, and their slopes.

They belong to the table of `rules`, but are loaded only when one is met. Each calls SciPy's own
function, in compiled code through the address that ``scipy.special.cython_special`` gives.
The formulas are those of the NIST Digital Library of Mathematical Functions (https://dlmf.nist.gov)
and, for distributions, their densities. A slope of `...` is one that has no closed form: a
derivative that needs it is refused.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from numgrad.rules import registry, special

# mypy: allow-untyped-defs, allow-untyped-calls

UNKNOWN = registry.UNKNOWN
FUNCTIONS: dict[str, Callable[..., Any]] = {}  # every function below, by its name in SciPy


def scipy_function(name: str) -> Callable[..., Any]:
    """Return SciPy's function of a name, which a dual among its arguments answers."""

    def call(*arguments: Any) -> Any:
        for argument in arguments:
            if hasattr(argument, "__numgrad_function__"):
                return argument.__numgrad_function__(call, arguments)
        import scipy.special

        return getattr(scipy.special, name)(*arguments)

    call.__name__ = call.__qualname__ = name
    return call


def slopes(*names: str) -> Callable[[Any], Any]:
    """Add entries for functions of SciPy."""

    def add(body: Any) -> Any:
        for name in names:
            function, arity = FUNCTIONS[name], body.__code__.co_argcount
            registry.ON_DEMAND[function] = registry.Rule(name, (function,), body, "rule", arity)
        return body

    return add


NAMES = (
    "ndtr ndtri log_ndtr ndtri_exp erf erfc erfcx erfi erfinv erfcinv dawsn wofz owens_t "
    "voigt_profile gamma gammaln loggamma rgamma psi beta betaln binom poch gammainc gammaincc "
    "gammaincinv gammainccinv chdtr chdtrc chdtri pdtr pdtrc betainc betaincc betaincinv "
    "betainccinv stdtr stdtrit expit log_expit logit xlogy xlog1py entr rel_entr kl_div exp10 "
    "cosm1 exprel expi exp1 expn spence j0 j1 y0 y1 i0 i1 i0e i1e k0 k1 k0e k1e jv yv iv ive kv "
    "kve ellipk ellipkm1 ellipe ellipkinc ellipeinc hyp0f1 hyp1f1 hyperu hyp2f1"
)
for _name in NAMES.split():
    FUNCTIONS[_name] = scipy_function(_name)
s: Any = ModuleType("scipy_functions")  # compiled code knows the attributes of modules
vars(s).update(FUNCTIONS)

# The table reads as a table: one line says which function, the next what it is.
# ruff: noqa: E702
# fmt: off

# The normal distribution: its density is exp(-x**2 / 2) / sqrt(2 pi)

@slopes("ndtr")
def _(x):               return s.ndtr(x), 0.3989422804014327 * np.exp(-0.5 * x * x)

@slopes("ndtri")
def _(p):               x = s.ndtri(p); return x, 2.5066282746310002 * np.exp(0.5 * x * x)

@slopes("log_ndtr")
def _(x):               y = s.log_ndtr(x); return y, 0.3989422804014327 * np.exp(-0.5 * x * x - y)

@slopes("ndtri_exp")
def _(y):               x = s.ndtri_exp(y); return x, 2.5066282746310002 * np.exp(0.5 * x * x + y)

# Error functions: 2 / sqrt(pi) = 1.128..., sqrt(pi) / 2 = 0.886...

@slopes("erf")
def _(x):               return s.erf(x), 1.1283791670955126 * np.exp(-x * x)

@slopes("erfc")
def _(x):               return s.erfc(x), -1.1283791670955126 * np.exp(-x * x)

@slopes("erfcx")
def _(x):               y = s.erfcx(x); return y, 2.0 * x * y - 1.1283791670955126

@slopes("erfi")
def _(x):               return s.erfi(x), 1.1283791670955126 * np.exp(x * x)

@slopes("erfinv")
def _(p):               x = s.erfinv(p); return x, 0.886226925452758 * np.exp(x * x)

@slopes("erfcinv")
def _(p):               x = s.erfcinv(p); return x, -0.886226925452758 * np.exp(x * x)

@slopes("dawsn")
def _(x):               y = s.dawsn(x); return y, 1.0 - 2.0 * x * y

@slopes("wofz")                                         # w' = 2i / sqrt(pi) - 2 z w
def _(z):               w = s.wofz(z); return w, 1.1283791670955126j - 2.0 * z * w

@slopes("owens_t")
def _(h, a):
    in_h = -0.19947114020071635 * np.exp(-0.5 * h * h) * special.erf(0.7071067811865476 * a * h)
    q = 1.0 + a * a
    return s.owens_t(h, a), in_h, 0.15915494309189535 * np.exp(-0.5 * q * h * h) / q

# The Voigt profile is Re w(z) / (sigma sqrt(2 pi)) with z = (x + i gamma) / (sigma sqrt(2)), and
#     dw = w'(z) dz,   dz = (dx + i dgamma - z sqrt(2) dsigma) / (sigma sqrt(2))

@slopes("voigt_profile")
def _(x, sigma, gamma):
    y = s.voigt_profile(x, sigma, gamma)
    width = 1.4142135623730951 * sigma
    z = x / width + 1j * (gamma / width)
    d = (1.1283791670955126j - 2.0 * z * s.wofz(z)) * 0.28209479177387814 / (sigma * sigma)
    return y, np.real(d), -y / sigma - 1.4142135623730951 * np.real(z * d), -np.imag(d)

# Gamma and beta functions

@slopes("gamma")
def _(x):               y = s.gamma(x); return y, y * special.digamma(x)

@slopes("gammaln", "loggamma")
def _(x):               return s.gammaln(x), special.digamma(x)

@slopes("rgamma")
def _(x):               y = s.rgamma(x); return y, -y * special.digamma(x)

@slopes("psi")
def _(x):               return s.psi(x), special.polygamma(1.0, x)

@slopes("beta")
def _(a, b):
    y, c = s.beta(a, b), special.digamma(a + b)
    return y, y * (special.digamma(a) - c), y * (special.digamma(b) - c)

@slopes("betaln")
def _(a, b):
    c = special.digamma(a + b)
    return s.betaln(a, b), special.digamma(a) - c, special.digamma(b) - c

@slopes("binom")
def _(n, k):
    y, c = s.binom(n, k), special.digamma(n - k + 1.0)
    return y, y * (special.digamma(n + 1.0) - c), y * (c - special.digamma(k + 1.0))

@slopes("poch")
def _(z, m):
    y, c = s.poch(z, m), special.digamma(z + m)
    return y, y * (c - special.digamma(z)), y * c

# The gamma, beta and Student distributions by their densities; inverses by one over them

@slopes("gammainc")
def _(a, x):
    return s.gammainc(a, x), UNKNOWN, np.exp(s.xlogy(a - 1.0, x) - x - s.gammaln(a))

@slopes("gammaincc")
def _(a, x):
    return s.gammaincc(a, x), UNKNOWN, -np.exp(s.xlogy(a - 1.0, x) - x - s.gammaln(a))

@slopes("gammaincinv")
def _(a, p):
    x = s.gammaincinv(a, p)
    return x, UNKNOWN, np.exp(s.gammaln(a) + x - s.xlogy(a - 1.0, x))

@slopes("gammainccinv")
def _(a, p):
    x = s.gammainccinv(a, p)
    return x, UNKNOWN, -np.exp(s.gammaln(a) + x - s.xlogy(a - 1.0, x))

@slopes("chdtr")
def _(v, x):
    slope = 0.5 * np.exp(s.xlogy(0.5 * v - 1.0, 0.5 * x) - 0.5 * x - s.gammaln(0.5 * v))
    return s.chdtr(v, x), UNKNOWN, slope

@slopes("chdtrc")
def _(v, x):
    slope = 0.5 * np.exp(s.xlogy(0.5 * v - 1.0, 0.5 * x) - 0.5 * x - s.gammaln(0.5 * v))
    return s.chdtrc(v, x), UNKNOWN, -slope

@slopes("chdtri")
def _(v, p):
    x = s.chdtri(v, p)
    return x, UNKNOWN, -2.0 * np.exp(s.gammaln(0.5 * v) + 0.5 * x - s.xlogy(0.5 * v - 1.0, 0.5 * x))

@slopes("pdtr")                                         # k is rounded down
def _(k, m):
    n = np.floor(registry.primal(k))
    return s.pdtr(k, m), None, -np.exp(s.xlogy(n, m) - m - s.gammaln(n + 1.0))

@slopes("pdtrc")
def _(k, m):
    n = np.floor(registry.primal(k))
    return s.pdtrc(k, m), None, np.exp(s.xlogy(n, m) - m - s.gammaln(n + 1.0))

@slopes("betainc")
def _(a, b, x):
    slope = np.exp(s.xlogy(a - 1.0, x) + s.xlog1py(b - 1.0, -x) - s.betaln(a, b))
    return s.betainc(a, b, x), UNKNOWN, UNKNOWN, slope

@slopes("betaincc")
def _(a, b, x):
    slope = np.exp(s.xlogy(a - 1.0, x) + s.xlog1py(b - 1.0, -x) - s.betaln(a, b))
    return s.betaincc(a, b, x), UNKNOWN, UNKNOWN, -slope

@slopes("betaincinv")
def _(a, b, p):
    x = s.betaincinv(a, b, p)
    slope = np.exp(s.betaln(a, b) - s.xlogy(a - 1.0, x) - s.xlog1py(b - 1.0, -x))
    return x, UNKNOWN, UNKNOWN, slope

@slopes("betainccinv")
def _(a, b, p):
    x = s.betainccinv(a, b, p)
    slope = np.exp(s.betaln(a, b) - s.xlogy(a - 1.0, x) - s.xlog1py(b - 1.0, -x))
    return x, UNKNOWN, UNKNOWN, -slope

# (1 + t**2 / v)**(-(v + 1) / 2) / (sqrt(v) B(1/2, v/2))
@slopes("stdtr")
def _(v, t):
    log_scale = 0.5 * np.log(v) + s.betaln(0.5, 0.5 * v)
    slope = np.exp(-0.5 * (v + 1.0) * np.log1p(t * t / v) - log_scale)
    return s.stdtr(v, t), UNKNOWN, slope

@slopes("stdtrit")
def _(v, p):
    t = s.stdtrit(v, p)
    slope = np.exp(0.5 * (v + 1.0) * np.log1p(t * t / v) + 0.5 * np.log(v) + s.betaln(0.5, 0.5 * v))
    return t, UNKNOWN, slope

# Logistic functions and entropies

@slopes("expit")
def _(x):               y = s.expit(x); return y, y * s.expit(-x)

@slopes("log_expit")
def _(x):               return s.log_expit(x), s.expit(-x)

@slopes("logit")
def _(p):               return s.logit(p), 1.0 / (p * (1.0 - p))

@slopes("xlogy")
def _(x, y):            return s.xlogy(x, y), np.log(y), x / y

@slopes("xlog1py")
def _(x, y):            return s.xlog1py(x, y), np.log1p(y), x / (1.0 + y)

@slopes("entr")                                         # -x log(x)
def _(x):               return s.entr(x), -np.log(x) - 1.0

@slopes("rel_entr")                                     # x log(x / y)
def _(x, y):            return s.rel_entr(x, y), np.log(x / y) + 1.0, -x / y

@slopes("kl_div")                                       # x log(x / y) - x + y
def _(x, y):            return s.kl_div(x, y), np.log(x / y), 1.0 - x / y

# Exponentials and integrals of them

@slopes("exp10")                                        # log(10)
def _(x):               y = s.exp10(x); return y, 2.302585092994046 * y

@slopes("cosm1")
def _(x):               return s.cosm1(x), -np.sin(x)

# (exp(x) - 1) / x; near 0 the sum of a(n) x**(n-1), where
#     a(n) = n / (n + 1)!,   a(n + 1) / a(n) = (n + 1) / (n (n + 2))
@slopes("exprel")
def _(x):
    y = s.exprel(x)
    if np.abs(x) > 0.5:
        return y, (np.exp(x) - y) / x
    slope, n = 0.0 * x, 14.0
    while n > 0.0:
        slope = 1.0 + slope * x * (n + 1.0) / (n * (n + 2.0))
        n -= 1.0
    return y, 0.5 * slope

@slopes("expi")
def _(x):               return s.expi(x), np.exp(x) / x

@slopes("exp1")
def _(x):               return s.exp1(x), -np.exp(-x) / x

@slopes("expn")
def _(n, x):            return s.expn(n, x), UNKNOWN, -s.expn(n - 1.0, x)

@slopes("spence")                                       # at 1 as on either side of it
def _(z):
    return s.spence(z), np.log(z) / (1.0 - z) if z != 1.0 else 0.5 * (z - 1.0) - 1.0

# Bessel functions, whose slopes are those of the orders beside theirs

@slopes("j0")
def _(x):               return s.j0(x), -s.j1(x)

@slopes("j1")
def _(x):               return s.j1(x), 0.5 * (s.j0(x) - s.jv(2.0, x))

@slopes("y0")
def _(x):               return s.y0(x), -s.y1(x)

@slopes("y1")
def _(x):               return s.y1(x), 0.5 * (s.y0(x) - s.yv(2.0, x))

@slopes("i0")
def _(x):               return s.i0(x), s.i1(x)

@slopes("i1")
def _(x):               return s.i1(x), 0.5 * (s.i0(x) + s.iv(2.0, x))

@slopes("k0")
def _(x):               return s.k0(x), -s.k1(x)

@slopes("k1")
def _(x):               return s.k1(x), -0.5 * (s.k0(x) + s.kv(2.0, x))

@slopes("i0e")
def _(x):               y = s.i0e(x); return y, s.i1e(x) - special.side(x) * y

@slopes("i1e")
def _(x):
    y = s.i1e(x)
    return y, 0.5 * (s.i0e(x) + s.ive(2.0, x)) - special.side(x) * y

@slopes("k0e")
def _(x):               y = s.k0e(x); return y, y - s.k1e(x)

@slopes("k1e")
def _(x):               y = s.k1e(x); return y, y - 0.5 * (s.k0e(x) + s.kve(2.0, x))

@slopes("jv")
def _(v, x):            return s.jv(v, x), UNKNOWN, 0.5 * (s.jv(v - 1.0, x) - s.jv(v + 1.0, x))

@slopes("yv")
def _(v, x):            return s.yv(v, x), UNKNOWN, 0.5 * (s.yv(v - 1.0, x) - s.yv(v + 1.0, x))

@slopes("iv")
def _(v, x):            return s.iv(v, x), UNKNOWN, 0.5 * (s.iv(v - 1.0, x) + s.iv(v + 1.0, x))

@slopes("kv")
def _(v, x):            return s.kv(v, x), UNKNOWN, -0.5 * (s.kv(v - 1.0, x) + s.kv(v + 1.0, x))

@slopes("ive")
def _(v, x):
    y = s.ive(v, x)
    return y, UNKNOWN, 0.5 * (s.ive(v - 1.0, x) + s.ive(v + 1.0, x)) - special.side(x) * y

@slopes("kve")
def _(v, x):
    y = s.kve(v, x)
    return y, UNKNOWN, y - 0.5 * (s.kve(v - 1.0, x) + s.kve(v + 1.0, x))

# Elliptic integrals of the parameter m

@slopes("ellipk")                                       # pi / 2 F(1/2, 1/2; 1; m)
def _(m):               return s.ellipk(m), 0.39269908169872414 * s.hyp2f1(1.5, 1.5, 2.0, m)

@slopes("ellipkm1")
def _(p):
    return s.ellipkm1(p), -0.39269908169872414 * s.hyp2f1(1.5, 1.5, 2.0, 1.0 - p)

@slopes("ellipe")                                       # pi / 2 F(-1/2, 1/2; 1; m)
def _(m):               return s.ellipe(m), -0.39269908169872414 * s.hyp2f1(0.5, 1.5, 2.0, m)

@slopes("ellipkinc")
def _(phi, m):          return s.ellipkinc(phi, m), 1.0 / np.sqrt(1.0 - m * np.sin(phi)**2), UNKNOWN

@slopes("ellipeinc")
def _(phi, m):          return s.ellipeinc(phi, m), np.sqrt(1.0 - m * np.sin(phi)**2), UNKNOWN

# Hypergeometric functions, whose slopes are those with all parameters raised by one

@slopes("hyp0f1")
def _(b, z):            return s.hyp0f1(b, z), UNKNOWN, s.hyp0f1(b + 1.0, z) / b

@slopes("hyp1f1")
def _(a, b, z):
    return s.hyp1f1(a, b, z), UNKNOWN, UNKNOWN, a / b * s.hyp1f1(a + 1.0, b + 1.0, z)

@slopes("hyperu")
def _(a, b, z):
    return s.hyperu(a, b, z), UNKNOWN, UNKNOWN, -a * s.hyperu(a + 1.0, b + 1.0, z)

@slopes("hyp2f1")
def _(a, b, c, z):
    slope = a * b / c * s.hyp2f1(a + 1.0, b + 1.0, c + 1.0, z)
    return s.hyp2f1(a, b, c, z), UNKNOWN, UNKNOWN, UNKNOWN, slope

"""Statistics, econometrics and finance: functions of plain NumPy as their users write them."""

import itertools
import math
import statistics
from collections import defaultdict, namedtuple
from dataclasses import dataclass, field
from functools import cache, reduce, wraps

import numpy as np
from numpy.linalg import LinAlgError, cholesky, inv
from scipy.special import betaln, expit, gammaln, logsumexp, ndtri


def mixture_negloglik(theta, data):
    """Two normals: theta = (logit of the weight, m1, log s1, m2, log s2)."""
    w = 1 / (1 + math.exp(-theta[0]))
    m1, m2 = theta[1], theta[3]
    s1 = math.exp(theta[2])
    s2 = math.exp(theta[4])
    total = 0
    for x in data:
        p1 = math.exp(-((x - m1) ** 2) / (2 * s1**2)) / (s1 * math.sqrt(2 * math.pi))
        p2 = math.exp(-((x - m2) ** 2) / (2 * s2**2)) / (s2 * math.sqrt(2 * math.pi))
        density = w * p1 + (1 - w) * p2
        if density <= 0:
            raise ValueError(f"density {density} at {x}")
        total -= math.log(density)
    return total / len(data)


def student_t_loglik(params, y, X):
    *beta, log_scale, log_dof = params
    scale, nu = np.exp(log_scale), 2 + np.exp(log_dof)
    z = (y - X @ np.array(beta)) / scale
    const = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(nu * np.pi) - log_scale
    return float(np.sum(const - (nu + 1) / 2 * np.log1p(z**2 / nu)))


def mvn_loglik_by_hand(x, mean, cov):
    """Cholesky factor and forward substitution with loops, as in the exercise sheet."""
    d = len(mean)
    L = np.zeros((d, d))
    for i in range(d):
        for j in range(i + 1):
            s = cov[i][j]
            for k in range(j):
                s = s - L[i, k] * L[j, k]
            if i == j:
                if s <= 0:
                    raise ValueError("covariance is not positive definite")
                L[i, i] = np.sqrt(s)
            else:
                L[i, j] = s / L[j, j]
    z = np.zeros(d)
    for i in range(d):
        z[i] = (x[i] - mean[i] - sum(L[i, k] * z[k] for k in range(i))) / L[i, i]
    logdet = 2 * np.log(np.diag(L)).sum()
    return -0.5 * (d * np.log(2 * np.pi) + logdet + z @ z)


def covariance_from_scale(scale, x, mean, corr):
    """Log likelihood as a function of the standard deviations."""
    scale = np.asarray(scale, dtype=float)
    cov = np.outer(scale, scale) * corr
    assert cov.shape == (len(scale),) * 2, f"bad shape {cov.shape}"
    return mvn_loglik_by_hand(x, mean, cov.tolist())


def arma_css(params, y):
    """Conditional sum of squares of ARMA(2, 1), innovations before the sample set to zero."""
    c, phi1, phi2, theta = params
    n = len(y)
    e = np.zeros(n)
    for t in range(n):
        pred = c
        if t >= 1:
            pred += phi1 * y[t - 1] + theta * e[t - 1]
        if t >= 2:
            pred += phi2 * y[t - 2]
        e[t] = y[t] - pred
    sigma2 = np.mean(e[2:] ** 2)
    return 0.5 * (n - 2) * (np.log(2 * np.pi * sigma2) + 1)


def garch_negloglik(params, returns):
    mu, omega, alpha, beta = params
    if omega <= 0 or alpha < 0 or beta < 0 or alpha + beta >= 1:
        return np.inf
    eps = returns - mu
    sigma2 = np.empty_like(eps)
    sigma2[0] = np.var(eps)
    for t in range(1, eps.size):
        sigma2[t] = omega + alpha * eps[t - 1] ** 2 + beta * sigma2[t - 1]
    return 0.5 * np.sum(np.log(2 * np.pi) + np.log(sigma2) + eps**2 / sigma2)


def hawkes_loglik(theta, events, horizon):
    """Self-exciting point process with an exponential kernel."""
    mu, alpha, beta = np.exp(theta)
    loglik = -mu * horizon
    decay = 0.0
    previous = None
    for t in events:
        if previous is not None:
            decay = np.exp(-beta * (t - previous)) * (1 + decay)
        loglik += np.log(mu + alpha * beta * decay)
        loglik -= alpha * (1 - np.exp(-beta * (horizon - t)))
        previous = t
    return loglik


def simple_regression(y, x):
    """Slope, intercept and R squared with running sums; t value of the slope."""
    n = 0
    sx = sy = sxx = sxy = 0.0
    for xi, yi in zip(x, y, strict=True):
        n += 1
        sx += xi
        sy += yi
        sxx += xi * xi
        sxy += xi * yi
    b = (n * sxy - sx * sy) / (n * sxx - sx**2)
    a = (sy - b * sx) / n
    ss_res = sum((yi - (a + b * xi)) ** 2 for xi, yi in zip(x, y, strict=True))
    ss_tot = sum((yi - sy / n) ** 2 for yi in y)
    r2 = 1 - ss_res / ss_tot
    se = (ss_res / (n - 2) / (sxx - sx**2 / n)) ** 0.5
    return b / se + r2


def huber_irls(y, X, k=1.345, steps=60):
    """Robust regression; the scale is the normalised median absolute deviation of a first fit."""
    beta, *_ = np.linalg.lstsq(X, y, rcond=None)
    r = y - X.dot(beta)
    scale = np.median(np.abs(r - np.median(r))) / 0.6745
    for _ in range(steps):
        u = np.abs(y - X.dot(beta)) / scale
        w = np.ones_like(u)
        w[u > k] = k / u[u > k]
        WX = X * w[:, None]
        beta = np.linalg.solve(X.T @ WX, WX.T @ y)
    return np.linalg.norm(beta) + np.log(scale)


class LogisticRegression:
    def __init__(self, penalty=1.0, max_iter=25, tol=1e-13):
        self.penalty = penalty
        self.max_iter = max_iter
        self.tol = tol
        self.coef_ = None
        self.n_iter_ = 0

    def _design(self, X):
        return np.hstack([np.ones((len(X), 1)), X])

    def fit(self, X, y):
        A = self._design(X)
        P = self.penalty * np.eye(A.shape[1])
        P[0, 0] = 0
        self.coef_ = np.zeros(A.shape[1])
        for self.n_iter_ in range(1, self.max_iter + 1):  # noqa: B020
            p = expit(A @ self.coef_)
            gradient = A.T @ (y - p) - P @ self.coef_
            H = (A.T * (p * (1 - p))) @ A + P
            step = np.linalg.solve(H, gradient)
            self.coef_ += step
            if np.abs(step).max() < self.tol:
                break
        else:
            raise RuntimeError(f"no convergence in {self.max_iter} steps")
        return self

    def predict_proba(self, X):
        return expit(self._design(X) @ self.coef_)


def validation_deviance(log_penalty, X, y, X_val, y_val):
    model = LogisticRegression(penalty=10.0**log_penalty).fit(X, y)
    p = np.clip(model.predict_proba(X_val), 1e-12, 1 - 1e-12)
    return -2 * np.mean(np.where(y_val == 1, np.log(p), np.log(1 - p)))


def poisson_fit_deviance(X, counts, exposure):
    """Deviance of a Poisson regression, differentiated by the design matrix."""
    offset = np.log(exposure)
    eta = np.log(counts + 0.5)
    for _ in range(30):
        mu = np.exp(eta)
        z = eta - offset + (counts - mu) / mu
        try:
            beta = np.linalg.inv(X.T @ np.diag(mu) @ X) @ X.T @ (mu * z)
        except LinAlgError:
            beta = np.linalg.pinv(X) @ z
        eta = X @ beta + offset
    mu = np.exp(eta)
    dev = np.zeros(len(counts))
    positive = counts > 0
    dev[positive] = counts[positive] * np.log(counts[positive] / mu[positive])
    dev -= counts - mu
    return 2 * dev.sum()


def lowess_roughness(y, x, span=0.6):
    """Local linear regression with tricube weights; sum of squared second differences."""
    n = len(x)
    r = int(np.ceil(span * n))

    def smooth_at(x0):
        dist = np.abs(x - x0)
        h = np.sort(dist)[r - 1]
        w = np.clip(1 - (dist / h) ** 3, 0, None) ** 3
        b = np.array([np.sum(w * y), np.sum(w * y * x)])
        A = np.array([[np.sum(w), np.sum(w * x)], [np.sum(w * x), np.sum(w * x * x)]])
        beta = np.linalg.solve(A, b)
        return beta[0] + beta[1] * x0

    fitted = np.vectorize(smooth_at)(x)
    return np.sum(np.diff(fitted, n=2) ** 2) + np.mean((y - fitted) ** 2)


def theil_sen(y, x):
    slopes = []
    for i, j in itertools.combinations(range(len(x)), 2):
        if x[i] != x[j]:
            slopes.append((y[j] - y[i]) / (x[j] - x[i]))
    slope = np.median(slopes)
    intercept = np.median(y - slope * x)
    return slope**2 + intercept


class GaussianMixture1D:
    """A fixed number of EM steps."""

    def __init__(self, means, n_steps=15):
        self.means = means.copy()
        self.k = len(means)
        self.sds = np.full(self.k, 1.0)
        self.weights = np.full(self.k, 1 / self.k)
        self.n_steps = n_steps

    def log_joint(self, x):
        z = (x[:, np.newaxis] - self.means) / self.sds
        return np.log(self.weights) - np.log(self.sds) - 0.5 * z**2 - 0.5 * np.log(2 * np.pi)

    def e_step(self, x):
        lj = self.log_joint(x)
        return np.exp(lj - logsumexp(lj, axis=1, keepdims=True))

    def m_step(self, x, resp):
        nk = resp.sum(axis=0)
        self.weights = nk / len(x)
        for k in range(self.k):
            self.means[k] = np.sum(resp[:, k] * x) / nk[k]
            self.sds[k] = np.sqrt(np.sum(resp[:, k] * (x - self.means[k]) ** 2) / nk[k])

    def fit(self, x):
        for _ in range(self.n_steps):
            self.m_step(x, self.e_step(x))
        return self

    @property
    def separation(self):
        return (self.means.max() - self.means.min()) / self.sds.mean()


def em_separation(x, means):
    gm = GaussianMixture1D(np.asarray(means, dtype=float)).fit(x)
    return gm.separation + logsumexp(gm.log_joint(x), axis=1).mean()


def stationary_entropy_rate(logits):
    """Entropy rate of a Markov chain, its stationary distribution by power iteration."""
    P = np.exp(logits)
    P /= P.sum(axis=1, keepdims=True)
    n = P.shape[0]
    pi = np.ones(n) / n
    change, count = 1.0, 0
    while change > 1e-15 and count < 200:
        new = pi @ P
        change = np.max(np.abs(new - pi))
        pi = new
        count += 1
    H = 0.0
    for i in range(n):
        for j in range(n):
            H -= pi[i] * P[i, j] * np.log2(P[i, j])
    return H


class HMM:
    def __init__(self, transition, emission, start=None):
        self.A = transition
        self.B = emission
        n = len(transition)
        self.start = np.ones(n) / n if start is None else start

    @classmethod
    def from_logits(cls, a, b):
        def softmax(m):
            e = np.exp(m - m.max(axis=1)[:, None])
            return e / e.sum(axis=1)[:, None]

        return cls(softmax(a), softmax(b))

    def loglik(self, obs):
        alpha = self.start * self.B[:, obs[0]]
        scales = [alpha.sum()]
        alpha = alpha / scales[0]
        for o in obs[1:]:
            alpha = (alpha @ self.A) * self.B[:, o]
            c = alpha.sum()
            if c == 0:
                return -np.inf
            scales.append(c)
            alpha = alpha / c
        return np.log(scales).sum()


def hmm_loglik(logits, n_states, obs):
    obs = [int(o) for o in obs]
    return HMM.from_logits(logits[:, :n_states], logits[:, n_states:]).loglik(obs)


@dataclass
class LocalLinearTrend:
    """Kalman filter; missing observations are nan."""

    q_level: float
    q_slope: float
    r: float
    state: np.ndarray = field(default_factory=lambda: np.zeros(2))
    P: np.ndarray = field(default_factory=lambda: 10.0 * np.eye(2))

    def step(self, obs):
        F = np.array([[1.0, 1.0], [0.0, 1.0]])
        self.state = F @ self.state
        self.P = F @ self.P @ F.T + np.diag([self.q_level, self.q_slope])
        if math.isnan(obs):
            return 0.0
        v = obs - self.state[0]
        S = self.P[0, 0] + self.r
        K = self.P[:, 0] / S
        self.state = self.state + K * v
        self.P = self.P - np.outer(K, K) * S
        return -0.5 * (np.log(2 * np.pi * S) + v**2 / S)


def kalman_loglik(log_var, y):
    model = LocalLinearTrend(*np.exp(log_var))
    return sum(map(model.step, y))


def holt_winters_sse(params, y, period):
    """Additive seasonality; the state lives in a dictionary."""
    alpha, beta, gamma = expit(params)
    first, second = y[:period].mean(), y[period : 2 * period].mean()
    state = {"level": first, "trend": (second - first) / period, "season": list(y[:period] - first)}
    sse = 0
    for t, value in enumerate(y[period:]):
        s = state["season"][t % period]
        forecast = state["level"] + state["trend"] + s
        sse += (value - forecast) ** 2
        last = state["level"]
        state["level"] = alpha * (value - s) + (1 - alpha) * (last + state["trend"])
        state["trend"] = beta * (state["level"] - last) + (1 - beta) * state["trend"]
        state["season"][t % period] = gamma * (value - state["level"]) + (1 - gamma) * s
    return sse


def kde_cross_validation(h, data):
    """Least squares cross validation of a bandwidth, the integral by the trapezium rule."""
    n = len(data)
    grid = np.linspace(min(data) - 4, max(data) + 4, 161)

    def kernel(u):
        return np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)

    fhat = np.zeros(len(grid))
    for xi in data:
        fhat += kernel((grid - xi) / h) / (n * h)
    loo = 0
    for i in range(n):
        others = np.delete(data, i)
        loo += np.mean(kernel((data[i] - others) / h)) / h
    return np.trapezoid(fhat**2, grid) - 2 * loo / n


def robust_summary(x):
    """Trimmed and winsorised means, interquartile range, Bowley's skewness."""
    xs = sorted(x)
    n = len(xs)
    g = int(0.1 * n)
    trimmed = sum(xs[g : n - g]) / (n - 2 * g)
    wins = np.array(xs)
    wins[:g] = xs[g]
    wins[n - g :] = xs[n - g - 1]
    q1, q2, q3 = np.percentile(x, [25, 50, 75])
    bowley = (q3 + q1 - 2 * q2) / (q3 - q1)
    return trimmed + 0.5 * wins.std(ddof=1) + bowley


def soft_histogram_entropy(x, n_bins=12, sharpness=8.0):
    lo, hi = -3.0, 3.0
    edges = np.linspace(lo, hi, n_bins + 1)
    counts = []
    for left, right in itertools.pairwise(edges):
        inside = expit(sharpness * (x - left)) - expit(sharpness * (x - right))
        counts.append(inside.sum())
    p = np.array(counts) / sum(counts)
    return -np.sum(p[p > 1e-12] * np.log(p[p > 1e-12]))


def bootstrap_ratio_error(x, w, n_boot=60):
    """Standard error of a weighted mean in units of the spread."""
    rng = np.random.default_rng(12345)
    n = len(x)
    stats = np.zeros(n_boot)
    for b in range(n_boot):
        idx = rng.integers(0, n, n)
        xb, wb = x[idx], w[idx]
        stats[b] = np.average(xb, weights=wb) / xb.std()
    return np.std(stats, ddof=1)


def jackknife(estimator):
    @wraps(estimator)
    def wrapper(x, *args, **kwargs):
        n = len(x)
        keep = ~np.eye(n, dtype=bool)
        values = np.array([estimator(x[row], *args, **kwargs) for row in keep])
        return n * estimator(x, *args, **kwargs) - (n - 1) * values.mean()

    return wrapper


@jackknife
def jackknifed_skewness(x, bias=True):
    d = x - x.mean()
    g = np.mean(d**3) / np.mean(d**2) ** 1.5
    if not bias:
        n = x.size
        g *= math.sqrt(n * (n - 1)) / (n - 2)
    return g


def anova_f(values, groups):
    by_group = defaultdict(list)
    for v, g in zip(values, groups, strict=True):
        by_group[g].append(v)
    grand = statistics.fmean(values)
    between = sum(len(vs) * (statistics.fmean(vs) - grand) ** 2 for vs in by_group.values())
    within = 0
    for vs in by_group.values():
        m = statistics.fmean(vs)
        within += sum((v - m) ** 2 for v in vs)
    k, n = len(by_group), len(values)
    return (between / (k - 1)) / (within / (n - k))


def weibull_censored(theta, t, observed):
    shape, scale = np.exp(theta)
    dead, alive = t[observed == 1], t[observed == 0]
    logf = np.log(shape / scale) + (shape - 1) * np.log(dead / scale) - (dead / scale) ** shape
    logS = -((alive / scale) ** shape)
    return -(logf.sum() + logS.sum())


def cox_partial_loglik(beta, times, observed, Z):
    """Efron's treatment of tied deaths."""
    risk = np.exp(Z @ beta)
    ll = 0.0
    for t in np.unique(times[observed]):
        died = (times == t) & observed
        at_risk = risk[times >= t].sum()
        d = np.count_nonzero(died)
        ll += (Z[died] @ beta).sum()
        for k in range(d):
            ll -= np.log(at_risk - k / d * risk[died].sum())
    return ll


def gaussian_copula_loglik(rho, u, v):
    if not -1 < rho < 1:
        raise ValueError("correlation out of range")
    x, y = ndtri(u), ndtri(v)
    q = (rho**2 * (x**2 + y**2) - 2 * rho * x * y) / (2 * (1 - rho**2))
    return np.sum(-0.5 * np.log(1 - rho**2) - q)


def grid_posterior_mean(observations, grid, prior_sd):
    """Location of Cauchy data, updated one observation at a time on a grid."""
    belief = np.exp(-0.5 * (grid / prior_sd) ** 2)
    belief /= np.trapezoid(belief, grid)
    evidence = 0
    for obs in observations:
        likelihood = 1 / (np.pi * (1 + (obs - grid) ** 2))
        unnormalised = belief * likelihood
        z = np.trapezoid(unnormalised, grid)
        evidence += np.log(z)
        belief = unnormalised / z
    mean = np.trapezoid(grid * belief, grid)
    return mean + 0.1 * evidence


Beta = namedtuple("Beta", "a b")


def beta_binomial_evidence(prior, trials):
    def update(state, trial):
        posterior, evidence = state
        n, k = trial
        new = Beta(posterior.a + k, posterior.b + n - k)
        choose = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        return new, evidence + choose + betaln(*new) - betaln(*posterior)

    posterior, evidence = reduce(update, trials, (Beta(*prior), 0.0))
    return evidence + posterior.a / (posterior.a + posterior.b)


def gp_log_marginal(theta, X, y):
    amplitude, lengthscale, noise = np.exp(theta)
    n = X.shape[0]
    K = np.empty((n, n))
    for i in range(n):
        for j in range(i, n):
            d2 = np.sum((X[i] - X[j]) ** 2)
            K[i, j] = K[j, i] = amplitude**2 * np.exp(-0.5 * d2 / lengthscale**2)
    K[np.diag_indices(n)] += noise**2 + 1e-10
    L = cholesky(K)
    alpha = np.linalg.solve(L.T, np.linalg.solve(L, y))
    return -0.5 * y @ alpha - np.log(np.diag(L)).sum() - n / 2 * np.log(2 * np.pi)


def pca_explained(X, k=2):
    """Share of the first k components, and how far the first one leans on the first column."""
    C = np.cov(X, rowvar=False)
    values, vectors = np.linalg.eigh(C)
    order = np.argsort(values)[::-1]
    values, vectors = values[order], vectors[:, order]
    ratio = values[:k].sum() / values.sum()
    return ratio + vectors[0, 0] ** 2


def whitened_kurtosis(X, rank):
    Xc = X - X.mean(axis=0)
    U, s, Vt = np.linalg.svd(Xc, full_matrices=False)
    low = (U[:, :rank] * s[:rank]) @ Vt[:rank]
    resid = np.linalg.norm(Xc - low, "fro") ** 2
    maha = np.einsum("ij,jk,ik->i", Xc, inv(Xc.T @ Xc / len(X)), Xc)
    return np.mean(maha**2) + resid


def american_put(sigma, spot=100.0, strike=104.0, rate=0.05, expiry=0.75, steps=40):
    dt = expiry / steps
    u = np.exp(sigma * np.sqrt(dt))
    d = 1 / u
    p = (np.exp(rate * dt) - d) / (u - d)
    assert 0 < p < 1, f"arbitrage: p = {p}"
    disc = np.exp(-rate * dt)
    prices = spot * u ** np.arange(steps, -steps - 1, -2)
    V = np.maximum(strike - prices, 0.0)
    for n in range(steps - 1, -1, -1):
        V[: n + 1] = disc * (p * V[: n + 1] + (1 - p) * V[1 : n + 2])
        S = spot * u ** np.arange(n, -n - 1, -2)
        V = np.maximum(V[: n + 1], strike - S)
    return V[0]


def barrier_call(spot, strike, barrier, sigma, rate, steps=12):
    """Knocked out at the barrier; recursion with a memory."""
    dt = 1 / steps
    up = math.exp(sigma * math.sqrt(dt))
    q = (math.exp(rate * dt) - 1 / up) / (up - 1 / up)

    @cache
    def value(step, net):
        s = spot * up**net
        if s >= barrier:
            return 0.0
        if step == steps:
            return max(s - strike, 0.0)
        later = q * value(step + 1, net + 1) + (1 - q) * value(step + 1, net - 1)
        return math.exp(-rate * dt) * later

    return value(0, 0)


def implied_volatility(price, spot, strike, rate, expiry):
    def black_scholes(vol):
        d1 = (math.log(spot / strike) + (rate + vol**2 / 2) * expiry) / (vol * math.sqrt(expiry))
        d2 = d1 - vol * math.sqrt(expiry)
        cdf = lambda z: 0.5 * (1 + math.erf(z / math.sqrt(2)))
        call = spot * cdf(d1) - strike * math.exp(-rate * expiry) * cdf(d2)
        vega = spot * math.sqrt(expiry / (2 * math.pi)) * math.exp(-(d1**2) / 2)
        return call, vega

    vol = 0.3
    for _ in range(50):
        call, vega = black_scholes(vol)
        step = (call - price) / vega
        vol -= step
        if abs(step) < 1e-14:
            break
    return vol


def max_sharpe(mu, returns, risk_free=0.01, shrink=0.2):
    """Tangency portfolio with a shrunk covariance, no short sales of what has a negative weight."""
    S = np.cov(returns.T)
    target = np.trace(S) / len(S) * np.identity(len(S))
    S = (1 - shrink) * S + shrink * target
    active = list(range(len(mu)))
    while True:
        sub = S[np.ix_(active, active)]
        raw = np.linalg.solve(sub, mu[active] - risk_free)
        if (raw > 0).all() or len(active) == 1:
            break
        active.remove(active[int(np.argmin(raw))])
    w = np.zeros(len(mu))
    w[active] = raw / raw.sum()
    return (w @ mu - risk_free) / np.sqrt(w @ S @ w)


def historical_shortfall(weights, returns, level=0.9):
    w = weights / np.sum(np.abs(weights))
    losses = -(returns @ w)
    var = np.quantile(losses, level)
    tail = losses[losses >= var]
    wealth = np.cumprod(1 - losses)
    drawdown = 1 - wealth / np.maximum.accumulate(wealth)
    return var + tail.mean() + drawdown.max()


def _programs():
    rng = np.random.default_rng(2024)
    normal, x = rng.normal, np.linspace(0, 3, 24)
    y = 1.3 * x - 0.4 + 0.5 * normal(size=24)
    X = np.column_stack([np.ones(24), x, np.sin(3 * x)])
    corr = np.array([[1, 0.4, -0.2], [0.4, 1, 0.1], [-0.2, 0.1, 1]])
    series = np.cumsum(normal(size=40)) * 0.3 + np.tile([1.0, -0.5, 0.2, -0.7], 10)
    gaps = series.copy()
    gaps[[5, 6, 19]] = np.nan
    two = np.concatenate([normal(-2, 0.8, 20), normal(1.5, 1.1, 25)])
    cloud = normal(size=(18, 4)) * [2.0, 1.2, 0.7, 0.4] + normal(size=(18, 1))
    labels = (normal(size=40) > 0.1).astype(int)
    F = normal(size=(40, 3)) + labels[:, None] * [0.8, -0.5, 0.0]
    returns = normal(0.01, 0.04, size=(60, 5))
    times, seen = np.ceil(rng.exponential(6, 25)), rng.random(25) < 0.7
    t = rng.weibull(1.4, 25) * 3
    u, v = rng.uniform(0.05, 0.95, size=(2, 30))
    events = np.cumsum(rng.exponential(0.7, 25))
    arr = np.array
    return [
        (mixture_negloglik, (arr([0.2, -1.5, 0.1, 1.0, 0.3]), two)),
        (student_t_loglik, (arr([-0.3, 1.2, 0.1, -0.5, 1.1]), y, X)),
        (covariance_from_scale, (arr([0.9, 1.4, 2.0]), arr([0.3, -1.1, 2.2]), [0, 0.5, 1], corr)),
        (arma_css, (arr([0.1, 0.5, -0.2, 0.3]), series)),
        (garch_negloglik, (arr([0.5, 4.0, 0.12, 0.7]), 100 * returns[:, 0])),
        (hawkes_loglik, (arr([-0.2, -0.7, 0.4]), events, 20.0)),
        (simple_regression, (y, x)),
        (huber_irls, (y + 3.0 * (np.arange(24) % 7 == 3), X)),
        (validation_deviance, (0.3, F[:25], labels[:25], F[25:], labels[25:])),
        (poisson_fit_deviance, (X, rng.poisson(np.exp(0.4 * x)), rng.uniform(1, 2, 24))),
        (lowess_roughness, (y, x + 0.01 * normal(size=24))),
        (theil_sen, (y[:15], x[:15] ** 1.5)),
        (em_separation, (two, [-1, 1])),
        (stationary_entropy_rate, (normal(size=(4, 4)),)),
        (hmm_loglik, (normal(size=(3, 7)), 3, rng.integers(0, 4, 30))),
        (kalman_loglik, (arr([-1.5, -4.0, -0.7]), gaps)),
        (holt_winters_sse, (arr([-0.5, -1.5, 0.2]), series, 4)),
        (kde_cross_validation, (0.6, two)),
        (robust_summary, (two,)),
        (soft_histogram_entropy, (two / 1.5,)),
        (bootstrap_ratio_error, (two, rng.uniform(0.5, 2, 45))),
        (jackknifed_skewness, (rng.exponential(2, 20), False)),
        (anova_f, (y, ["abc"[i % 3] for i in range(24)])),
        (weibull_censored, (arr([0.3, 0.9]), t, (np.arange(25) % 4 != 0).astype(int))),
        (cox_partial_loglik, (arr([0.4, -0.3, 0.2]), times, seen, F[:25])),
        (gaussian_copula_loglik, (0.35, u, v)),
        (grid_posterior_mean, (arr([0.3, 1.9, -0.4, 7.5, 1.1]), np.linspace(-15, 15, 301), 3.0)),
        (beta_binomial_evidence, (arr([1.5, 2.5]), [(10, 3), (7, 4), (20, 9)])),
        (gp_log_marginal, (arr([0.2, -0.3, -1.2]), cloud[:12, :2], y[:12])),
        (pca_explained, (cloud,)),
        (whitened_kurtosis, (cloud, 2)),
        (american_put, (0.28,)),
        (barrier_call, (100.0, 95.0, 140.0, 0.25, 0.03)),
        (implied_volatility, (9.5, 100.0, 102.0, 0.02, 0.8)),
        (max_sharpe, (arr([0.05, 0.02, 0.04, -0.01, 0.03]), returns)),
        (historical_shortfall, (arr([0.3, 0.2, 0.1, 0.25, 0.15]), returns)),
    ]


PROGRAMS = _programs()

"""Signals, images and sequences: functions of plain NumPy as their users write them."""

import cmath
import math
from collections import deque
from functools import partial
from itertools import accumulate, product

import numpy as np
from numpy import cos, pi, sin, sqrt
from numpy.lib.stride_tricks import sliding_window_view
from scipy import special


def fir_lowpass_energy(cutoff, signal, taps=21):
    """Windowed sinc filter, convolution written out."""
    n = np.arange(taps) - (taps - 1) / 2
    h = 2 * cutoff * np.sinc(2 * cutoff * n) * np.hamming(taps)
    h = h / h.sum()
    out = np.zeros(len(signal) + taps - 1)
    for i in range(len(signal)):
        for k in range(taps):
            out[i + k] += signal[i] * h[k]
    return np.sum(out**2)


class Biquad:
    """Transposed direct form II, one sample at a time."""

    def __init__(self, b, a):
        a0 = a[0]
        self.b0, self.b1, self.b2 = (v / a0 for v in b)
        self.a1, self.a2 = a[1] / a0, a[2] / a0
        self.reset()

    def reset(self):
        self.s1 = self.s2 = 0.0

    def __call__(self, x):
        y = self.b0 * x + self.s1
        self.s1 = self.b1 * x - self.a1 * y + self.s2
        self.s2 = self.b2 * x - self.a2 * y
        return y


class PeakingEQ(Biquad):
    def __init__(self, f0, fs, q, gain_db):
        A = 10 ** (gain_db / 40)
        w = 2 * pi * f0 / fs
        alpha = sin(w) / (2 * q)
        b = [1 + alpha * A, -2 * cos(w), 1 - alpha * A]
        super().__init__(b, [1 + alpha / A, -2 * cos(w), 1 - alpha / A])


def equalised_rms(settings, x, fs):
    """settings: rows of centre frequency (kHz), quality, gain (dB)."""
    chain = [PeakingEQ(1000 * f, fs, q, g) for f, q, g in settings]
    y = []
    for sample in x:
        for band in chain:
            sample = band(sample)
        y.append(sample)
    y = np.array(y)
    return sqrt(np.mean(y**2)) + np.abs(y).max()


def butterworth_gain(fc, order, freqs):
    """Largest slope of the magnitude in decibels; poles as complex numbers."""
    poles = []
    for k in range(order):
        theta = math.pi * (2 * k + 1) / (2 * order) + math.pi / 2
        poles.append(fc * cmath.exp(1j * theta))
    mags = []
    for f in freqs:
        h = 1 + 0j
        for p in poles:
            h *= -p / (1j * f - p)
        mags.append(20 * math.log10(abs(h)))
    drops = [a - b for a, b in zip(mags, mags[1:], strict=False)]
    return max(drops) + mags[0]


def median_of_three(x, passes=2):
    """Median filter by exchanges; the ends stay as they are."""

    def med3(a, b, c):
        if a > b:
            a, b = b, a
        if b > c:
            b = c
        return max(a, b)

    for _ in range(passes):
        out = x.copy()
        for i in range(1, len(x) - 1):
            out[i] = med3(x[i - 1], x[i], x[i + 1])
        x = out
    return np.sum(np.diff(x) ** 2)


def moving_statistics(x, width):
    """Mean by running sums, spread by windows, and the two compared."""
    c = np.cumsum(np.insert(x, 0, 0.0))
    mean = (c[width:] - c[:-width]) / width
    windows = sliding_window_view(x, width)
    spread = windows.std(axis=-1)
    local_range = np.ptp(windows, axis=1)
    return np.mean(spread / local_range) + np.dot(mean, mean)


def haar(x):
    """Orthonormal Haar transform by recursion: average first, then details, coarse to fine."""
    n = len(x)
    if n == 1:
        return x
    if n % 2:
        raise ValueError(f"length {n} is odd")
    s = (x[0::2] + x[1::2]) / np.sqrt(2)
    d = (x[0::2] - x[1::2]) / np.sqrt(2)
    return np.concatenate([haar(s), d])


def inverse_haar(c):
    x = c[:1]
    while len(x) < len(c):
        n = len(x)
        up = np.zeros(2 * n)
        up[::2] = (x + c[n : 2 * n]) / np.sqrt(2)
        up[1::2] = (x - c[n : 2 * n]) / np.sqrt(2)
        x = up
    return x


def wavelet_denoise_error(noisy, clean, threshold):
    w = haar(noisy)
    big = np.abs(w) > threshold
    w = np.where(big, np.sign(w) * (np.abs(w) - threshold), 0)
    return np.linalg.norm(inverse_haar(w) - clean)


def daubechies_lifting_entropy(x, levels=3):
    """Four-tap wavelet by lifting steps, entropy of the energies."""
    s3 = math.sqrt(3)
    coefs = []
    a = np.asarray(x, dtype=float)
    for _ in range(levels):
        even, odd = a[::2], a[1::2]
        even = even + s3 * odd
        odd = odd - s3 / 4 * even - (s3 - 2) / 4 * np.roll(even, 1)
        even -= np.roll(odd, -1)
        a = (s3 - 1) / math.sqrt(2) * even
        coefs.append((s3 + 1) / math.sqrt(2) * odd)
    coefs.append(a)
    energy = np.concatenate(coefs) ** 2
    p = energy / np.sum(energy)
    return -sum(v * math.log(v) for v in p)


def welch_centroid(x, fs=100.0, nperseg=32):
    window = np.hanning(nperseg)
    step = nperseg // 2
    psds = []
    start = 0
    while start + nperseg <= len(x):
        seg = x[start : start + nperseg]
        seg = (seg - seg.mean()) * window
        X = np.fft.rfft(seg)
        P = np.abs(X) ** 2 / (fs * (window**2).sum())
        P[1:-1] *= 2
        psds.append(P)
        start += step
    psd = np.mean(psds, axis=0)
    f = np.fft.rfftfreq(nperseg, 1 / fs)
    return np.sum(f * psd) / np.sum(psd)


def fft_by_hand(x):
    """Radix two, decimation in time."""
    n = len(x)
    if n == 1:
        return [x[0] + 0j]
    even, odd = fft_by_hand(x[::2]), fft_by_hand(x[1::2])
    result = [0] * n
    for k in range(n // 2):
        t = cmath.exp(-2j * math.pi * k / n) * odd[k]
        result[k] = even[k] + t
        result[k + n // 2] = even[k] - t
    return result


def cepstral_peak(x, lo, hi):
    spectrum = fft_by_hand(list(x))
    logmag = np.array([math.log(abs(c)) for c in spectrum])
    cepstrum = np.fft.ifft(logmag).real
    return float(cepstrum[lo:hi].max())


def goertzel_tone_ratio(x, fs, tones):
    powers = {}
    for f in tones:
        coeff = 2 * math.cos(2 * math.pi * f / fs)
        s_prev, s_prev2 = 0.0, 0.0
        for sample in x:
            s_prev, s_prev2 = sample + coeff * s_prev - s_prev2, s_prev
        powers[f] = s_prev**2 + s_prev2**2 - coeff * s_prev * s_prev2
    ranked = sorted(powers.items(), key=lambda kv: kv[1], reverse=True)
    (_, best), (_, second), *_ = ranked
    return math.log(best / second)


def levinson_durbin_gain(x, order):
    """Linear prediction: log of the prediction gain and the sum of the reflection coefficients."""
    n = len(x)
    r = [np.dot(x[: n - k], x[k:]) for k in range(order + 1)]
    a = np.zeros(order + 1)
    a[0] = 1.0
    err = r[0]
    reflections = []
    for i in range(1, order + 1):
        acc = r[i]
        for j in range(1, i):
            acc += a[j] * r[i - j]
        k = -acc / err
        new = a.copy()
        for j in range(1, i):
            new[j] = a[j] + k * a[i - j]
        new[i] = k
        a = new
        err *= 1 - k * k
        reflections.append(k)
        if err <= 0:
            raise ArithmeticError("unstable")
    return np.log(r[0] / err) + sum(reflections)


def parabolic_pitch(x, fs):
    """Pitch from the peak of the normalised autocorrelation, refined by a parabola."""
    x = x - np.mean(x)
    full = np.correlate(x, x, mode="full")
    ac = full[len(x) - 1 :] / full[len(x) - 1]
    first_negative = int(np.nonzero(ac < 0)[0][0])
    peak = first_negative + int(np.argmax(ac[first_negative : len(ac) // 2]))
    a, b, c = ac[peak - 1 : peak + 2]
    shift = 0.5 * (a - c) / (a - 2 * b + c)
    return fs / (peak + shift)


def hilbert_frequency(x):
    """Mean instantaneous frequency weighted by the envelope."""
    N = x.shape[0]
    h = np.zeros(N)
    h[0] = 1
    h[1 : (N + 1) // 2] = 2
    if N % 2 == 0:
        h[N // 2] = 1
    analytic = np.fft.ifft(np.fft.fft(x) * h)
    phase = np.unwrap(np.angle(analytic))
    env = np.abs(analytic)
    return np.average(np.gradient(phase), weights=env**2)


def windowed_sinc_resample(x, ratio, half=4, beta=5.0):
    at_centre = np.i0(beta)
    m = int(np.floor(len(x) * ratio))
    out = np.empty(m)
    for i in range(m):
        centre = i / ratio
        lo = max(0, math.ceil(centre - half))
        hi = min(len(x) - 1, math.floor(centre + half))
        acc = norm = 0.0
        for k in range(lo, hi + 1):
            u = (centre - k) / half
            w = np.sinc(centre - k) * np.i0(beta * np.sqrt(1 - u * u)) / at_centre
            acc += w * x[k]
            norm += w
        out[i] = acc / norm
    return np.sum(np.abs(np.fft.rfft(out))[:5]) / m


def chirp_match(params, t, recorded):
    """Misfit of a chirp played through a delay line with feedback."""
    f0, rate, feedback = params
    clean = sin(2 * pi * (f0 * t + 0.5 * rate * t**2))
    line = deque([0.0] * 5, maxlen=5)
    wet = []
    for s in clean:
        v = s + feedback * line[0]
        line.append(v)
        wet.append(v)
    return np.square(np.array(wet) - recorded).mean()


def lms_final_error(mu, x, d, order=4):
    """Normalised least mean squares; error power over the last quarter."""
    w = np.zeros(order)
    err = np.zeros_like(d)
    for n in range(order - 1, len(x)):
        u = x[n - order + 1 : n + 1][::-1]
        err[n] = d[n] - w @ u
        w = w + mu * err[n] * u / (1e-3 + u @ u)
    return 10 * np.log10(np.mean(err[-len(d) // 4 :] ** 2))


def compressor(params, x):
    """Envelope follower with attack and release, soft gain; generator style."""
    threshold, ratio, attack, release = params

    def envelope():
        level = 0.0
        for v in np.abs(x):
            k = attack if v > level else release
            level = k * level + (1 - k) * v
            yield level

    out = np.zeros(x.shape)
    for i, e in enumerate(envelope()):
        gain = 1.0 if e <= threshold else (threshold / e) ** (1 - 1 / ratio)
        out[i] = gain * x[i]
    return float(np.std(out))


# Images: small grey pictures in [0, 1].


def gaussian_blur(image, sigma, radius=3):
    k = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    k /= k.sum()
    padded = np.pad(image, radius, mode="reflect")
    rows = np.apply_along_axis(partial(np.convolve, v=k, mode="valid"), 1, padded)
    return np.apply_along_axis(np.convolve, 0, rows, k, mode="valid")


def difference_of_gaussians(sigma, image):
    dog = gaussian_blur(image, 1.6 * sigma) - gaussian_blur(image, sigma)
    return np.sqrt((dog**2).sum())


def sobel_orientation(image):
    """Mean doubled orientation of the edges, weighted by their strength."""
    kx = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    ky = kx.T
    h, w = image.shape
    gx = np.zeros((h - 2, w - 2))
    gy = np.zeros((h - 2, w - 2))
    for i in range(h - 2):
        for j in range(w - 2):
            patch = image[i : i + 3, j : j + 3]
            gx[i, j] = (patch * kx).sum()
            gy[i, j] = (patch * ky).sum()
    mag = np.hypot(gx, gy)
    ang = 2 * np.arctan2(gy, gx)
    return np.arctan2((mag * np.sin(ang)).sum(), (mag * np.cos(ang)).sum()) / 2


def bilateral_contrast(image, sigma_s=1.2, sigma_r=0.25):
    H, W = image.shape
    out = np.zeros_like(image)
    for i, j in np.ndindex(H, W):
        i0, i1 = max(i - 2, 0), min(i + 3, H)
        j0, j1 = max(j - 2, 0), min(j + 3, W)
        patch = image[i0:i1, j0:j1]
        yy, xx = np.mgrid[i0:i1, j0:j1]
        ws = np.exp(-((yy - i) ** 2 + (xx - j) ** 2) / (2 * sigma_s**2))
        wr = np.exp(-((patch - image[i, j]) ** 2) / (2 * sigma_r**2))
        out[i, j] = np.sum(ws * wr * patch) / np.sum(ws * wr)
    return out.std() / image.std()


def soft_opening(image, sharpness, element):
    """Grey opening with a soft maximum; what is left over after it."""
    offsets = [(di, dj) for di, dj in product((-1, 0, 1), repeat=2) if element[di + 1][dj + 1]]

    def dilate(a, sign):
        stack = [np.roll(np.roll(a, di, axis=0), dj, axis=1) for di, dj in offsets]
        return special.logsumexp(sign * sharpness * np.stack(stack), axis=0) / (sign * sharpness)

    top_hat = image - dilate(dilate(image, -1), +1)
    return np.mean(top_hat**2)


def bilinear(image, y, x):
    y0, x0 = int(np.floor(y)), int(np.floor(x))
    if not (0 <= y0 < image.shape[0] - 1 and 0 <= x0 < image.shape[1] - 1):
        return 0.0
    fy, fx = y - y0, x - x0
    top = (1 - fx) * image[y0, x0] + fx * image[y0, x0 + 1]
    bottom = (1 - fx) * image[y0 + 1, x0] + fx * image[y0 + 1, x0 + 1]
    return (1 - fy) * top + fy * bottom


def registration_error(pose, image, target):
    """Rotation about the centre and shift, sampled pixel by pixel."""
    angle, dy, dx = pose
    c, s = math.cos(angle), math.sin(angle)
    cy, cx = (np.array(image.shape) - 1) / 2
    warped = np.zeros(image.shape)
    for (r, q), _ in np.ndenumerate(image):
        warped[r, q] = bilinear(
            image, cy + c * (r - cy) - s * (q - cx) + dy, cx + s * (r - cy) + c * (q - cx) + dx
        )
    valid = warped != 0
    return np.sum((warped[valid] - target[valid]) ** 2)


def warp_map_coordinates(field, image):
    """Smooth displacement field of coarse knots, vectorised bilinear sampling."""
    h, w = image.shape
    yy, xx = np.meshgrid(np.arange(h), np.arange(w), indexing="ij")
    basis = np.linspace(1, 0, h)
    wy = np.stack([basis, 1 - basis])
    wx = np.stack([np.linspace(1, 0, w), np.linspace(0, 1, w)])
    shift = np.einsum("cab,ay,bx->cyx", field, wy, wx)
    y, x = np.clip(yy + shift[0], 0, h - 1.001), np.clip(xx + shift[1], 0, w - 1.001)
    i, j = y.astype(int), x.astype(int)
    u, v = y - i, x - j
    out = (1 - u) * ((1 - v) * image[i, j] + v * image[i, j + 1])
    out += u * ((1 - v) * image[i + 1, j] + v * image[i + 1, j + 1])
    return np.sum(np.gradient(out)[0] ** 2)


def adaptive_threshold_mass(image, radius, softness):
    """Integral image, local mean, soft binarisation."""
    H, W = image.shape
    S = np.zeros((H + 1, W + 1))
    S[1:, 1:] = image.cumsum(axis=0).cumsum(axis=1)
    total = 0.0
    for i in range(H):
        top, bottom = max(0, i - radius), min(H, i + radius + 1)
        for j in range(W):
            left, right = max(0, j - radius), min(W, j + radius + 1)
            area = (bottom - top) * (right - left)
            box = S[bottom, right] - S[top, right] - S[bottom, left] + S[top, left]
            total += 1 / (1 + np.exp(-(image[i, j] - box / area) / softness))
    return total / image.size


def error_diffusion(image, softness):
    """Floyd and Steinberg's weights with a sigmoid in the place of the hard decision."""
    work = np.array(image, dtype=float)
    h, w = work.shape
    out = np.zeros((h, w))
    for y in range(h):
        for x in range(w):
            old = work[y, x]
            new = 1 / (1 + np.exp(-(old - 0.5) / softness))
            out[y, x] = new
            e = old - new
            if x + 1 < w:
                work[y, x + 1] += e * 7 / 16
            if y + 1 < h:
                if x > 0:
                    work[y + 1, x - 1] += e * 3 / 16
                work[y + 1, x] += e * 5 / 16
                if x + 1 < w:
                    work[y + 1, x + 1] += e / 16
    return np.mean((out - image) ** 2) + out[-1, -1]


def soft_life(board, generations=4):
    """Game of life on a torus with live and die as smooth bumps of the neighbour count."""
    for _ in range(generations):
        n = sum(
            np.roll(board, (dy, dx), axis=(0, 1))
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
            if (dy, dx) != (0, 0)
        )
        birth = np.exp(-((n - 3) ** 2))
        survive = np.exp(-((n - 2.5) ** 4) / 2)
        board = (1 - board) * birth + board * survive
    return board.mean() + board[0, 0] * board[-1, -1]


def seam_cost(image):
    """Cheapest vertical seam of the gradient energy, by dynamic programming."""
    energy = np.abs(np.diff(image, axis=1, append=image[:, -2:-1]))
    energy[:-1] += np.abs(np.diff(image, axis=0))
    M = energy.copy()
    rows, cols = M.shape
    for i in range(1, rows):
        for j in range(cols):
            M[i, j] += min(M[i - 1, max(j - 1, 0) : j + 2])
    return M[-1].min()


def perona_malik(image, kappa, steps=8, dt=0.2):
    g = lambda d: np.exp(-((d / kappa) ** 2))
    u = image.copy()
    for _ in range(steps):
        flow = np.zeros_like(u)
        dx, dy = u[:, 1:] - u[:, :-1], u[1:] - u[:-1]
        flow[:, :-1] += g(dx) * dx
        flow[:, 1:] -= g(dx) * dx
        flow[:-1] += g(dy) * dy
        flow[1:] -= g(dy) * dy
        u += dt * flow
    return np.sum(u**2)


def glcm_contrast(image, levels=5):
    """Co-occurrence of soft grey levels of neighbours: contrast and homogeneity."""
    centres = np.linspace(0, 1, levels)
    member = np.exp(-((image[..., None] - centres) ** 2) / 0.02)
    member /= member.sum(-1, keepdims=True)
    glcm = np.einsum("ija,ijb->ab", member[:, :-1], member[:, 1:])
    glcm = (glcm + glcm.T) / (2 * glcm.sum())
    i, j = np.indices(glcm.shape)
    return np.sum(glcm * (i - j) ** 2) + np.sum(glcm / (1 + np.abs(i - j)))


def dct_energy_compaction(block, keep):
    """Discrete cosine transform by its matrix; energy outside the kept corner, quantised softly."""
    n = len(block)
    D = np.fromfunction(lambda k, i: np.cos(np.pi * k * (2 * i + 1) / (2 * n)), (n, n))
    D *= np.sqrt(2 / n)
    D[0] /= np.sqrt(2)
    C = D @ block @ D.T
    mask = np.add.outer(np.arange(n), np.arange(n)) < keep
    lost = np.sum(C[~mask] ** 2)
    back = D.T @ (C * mask) @ D
    return lost + np.max(back)


# Sequences.


def dtw(a, b):
    n, m = len(a), len(b)
    D = np.full((n + 1, m + 1), np.inf)
    D[0, 0] = 0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost = (a[i - 1] - b[j - 1]) ** 2
            D[i, j] = cost + min(D[i - 1, j], D[i, j - 1], D[i - 1, j - 1])
    return np.sqrt(D[n, m])


def soft_edit_distance(costs, s, t):
    """Edit distance with a soft minimum; costs of insertion, deletion, substitution."""
    ins, dele, sub = costs

    def softmin(*values):
        return -np.logaddexp.reduce(-4.0 * np.array(values)) / 4.0

    previous = list(accumulate([0.0] + [ins] * len(t)))
    for ch in s:
        current = [previous[0] + dele]
        for j, other in enumerate(t):
            swap = previous[j] if ch == other else previous[j] + sub
            current.append(softmin(swap, previous[j + 1] + dele, current[-1] + ins))
        previous = current
    return previous[-1]


def viterbi_score(log_emit, log_trans):
    """Score of the best path, and of the margin of its last state; the path is traced back."""
    T, n = log_emit.shape
    V = np.full((T, n), -np.inf)
    back = np.zeros((T, n), dtype=int)
    V[0] = log_emit[0] - np.log(n)
    for t in range(1, T):
        scores = V[t - 1][:, None] + log_trans
        back[t] = np.argmax(scores, axis=0)
        V[t] = scores[back[t], np.arange(n)] + log_emit[t]
    path = [int(np.argmax(V[-1]))]
    for t in range(T - 1, 0, -1):
        path.insert(0, back[t, path[0]])
    check = sum(log_emit[t, s] for t, s in enumerate(path))
    ranked = np.sort(V[-1])
    return check + 0.5 * (ranked[-1] - ranked[-2])


def ctc_loss(logits, labels, blank=0):
    probs = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    probs = probs / np.sum(probs, axis=1, keepdims=True)
    ext = [blank]
    for label in labels:
        ext += [label, blank]
    alpha = np.zeros((len(probs), len(ext)))
    alpha[0, :2] = probs[0, ext[:2]]
    for t in range(1, len(probs)):
        for s in range(len(ext)):
            a = alpha[t - 1, s]
            if s >= 1:
                a += alpha[t - 1, s - 1]
            if s >= 2 and ext[s] != blank and ext[s] != ext[s - 2]:
                a += alpha[t - 1, s - 2]
            alpha[t, s] = a * probs[t, ext[s]]
    return -np.log(alpha[-1, -1] + alpha[-1, -2])


def smith_waterman(scores, a, b):
    """Local alignment; scores: match, mismatch, gap (as positive numbers)."""
    match, mismatch, gap = np.atleast_1d(scores)
    H = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    best = 0
    for i, p in enumerate(a, start=1):
        for j, q in enumerate(b, start=1):
            diagonal = H[i - 1][j - 1] + (match if p == q else -mismatch)
            H[i][j] = max(0, diagonal, H[i - 1][j] - gap, H[i][j - 1] - gap)
            if H[i][j] > best:
                best = H[i][j]
    return float(best)


def mfcc_distance(warp, frame_a, frame_b, fs=8000, n_mels=8):
    """Distance of mel cepstra, by the warping factor of the frequency axis."""
    mel = lambda f: 2595 * np.log10(1 + f / 700)
    freqs = np.fft.rfftfreq(len(frame_a), 1 / fs) * warp
    points = 700 * (10 ** (np.linspace(0, mel(fs / 2), n_mels + 2) / 2595) - 1)

    def coefficients(frame):
        power = np.abs(np.fft.rfft(frame * np.blackman(len(frame)))) ** 2
        energies = np.zeros(n_mels)
        for m in range(n_mels):
            lo, mid, hi = points[m : m + 3]
            rising = (freqs - lo) / (mid - lo)
            falling = (hi - freqs) / (hi - mid)
            energies[m] = np.dot(np.maximum(0, np.minimum(rising, falling)), power)
        basis = np.cos(np.pi / n_mels * np.outer(np.arange(1, 5), np.arange(n_mels) + 0.5))
        return basis @ np.log(energies)

    return np.linalg.norm(coefficients(frame_a) - coefficients(frame_b))


def tonal_peaks(x, n_peaks, window=np.bartlett):
    """Amplitudes of the highest spectral peaks, heights by parabolas through logarithms."""
    mag = np.log(np.abs(np.fft.rfft(x * window(len(x)))))
    inside = (mag[1:-1] > mag[:-2]) & (mag[1:-1] > mag[2:])
    peaks = np.flatnonzero(inside) + 1
    if len(peaks) < n_peaks:
        raise ValueError("too few peaks")
    top = peaks[np.argsort(mag[peaks])[-n_peaks:]]

    def height(k):
        a, b, c = mag[k - 1], mag[k], mag[k + 1]
        return b - (a - c) ** 2 / (8 * (a - 2 * b + c))

    return np.mean(np.exp([height(k) for k in top]))


def _programs():
    rng = np.random.default_rng(77)
    normal = rng.normal
    t = np.arange(64) / 64
    tone = sin(2 * pi * 5 * t) + 0.5 * cos(2 * pi * 11 * t + 0.3) + 0.1 * normal(size=64)
    yy, xx = np.mgrid[:9, :10] / 9
    image = 0.5 + 0.3 * sin(5 * xx + 2 * yy**2) + 0.05 * normal(size=(9, 10))
    cross = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    eq = np.array([[0.5, 0.8, 4.0], [1.5, 1.4, -6.0]])
    chain = np.log(rng.dirichlet(np.ones(4), size=4))
    return [
        (fir_lowpass_energy, (0.13, tone[:32])),
        (equalised_rms, (eq, tone, 8000)),
        (butterworth_gain, (1.1, 5, np.linspace(0.3, 3, 10))),
        (median_of_three, (tone[:32],)),
        (moving_statistics, (tone, 7)),
        (wavelet_denoise_error, (tone[:32], sin(2 * pi * 5 * t[:32]), 0.2)),
        (daubechies_lifting_entropy, (tone,)),
        (welch_centroid, (tone,)),
        (cepstral_peak, (tone[:32], 3, 14)),
        (goertzel_tone_ratio, (tone, 64, [3, 5, 8, 11])),
        (levinson_durbin_gain, (tone, 6)),
        (parabolic_pitch, (tone, 64.0)),
        (hilbert_frequency, (tone,)),
        (windowed_sinc_resample, (tone[:16], 1.3)),
        (chirp_match, (np.array([4.0, 6.0, 0.5]), t, tone)),
        (lms_final_error, (0.4, tone, np.convolve(tone, [0.5, -0.3, 0.2])[:64])),
        (compressor, (np.array([0.4, 3.0, 0.3, 0.9]), tone)),
        (difference_of_gaussians, (0.9, image)),
        (sobel_orientation, (image,)),
        (bilateral_contrast, (image, 1.2, 0.3)),
        (soft_opening, (image, 12.0, cross)),
        (registration_error, (np.array([0.1, 0.3, -0.2]), image, gaussian_blur(image, 1.0))),
        (warp_map_coordinates, (0.4 * normal(size=(2, 2, 2)), image)),
        (adaptive_threshold_mass, (image, 2, 0.1)),
        (error_diffusion, (image, 0.2)),
        (soft_life, (rng.random((6, 7)),)),
        (seam_cost, (image,)),
        (perona_malik, (image, 0.2)),
        (glcm_contrast, (image,)),
        (dct_energy_compaction, (image[:8, :8], 4)),
        (dtw, (tone[:14], tone[3:20:1] * 0.9)),
        (soft_edit_distance, (np.array([0.9, 1.1, 1.6]), "kitten", "sitting")),
        (viterbi_score, (normal(size=(9, 4)), chain)),
        (ctc_loss, (normal(size=(10, 5)), [2, 2, 4])),
        (smith_waterman, (np.array([2.1, 0.8, 1.3]), "GATTACAGATC", "GCATGCAGTT")),
        (mfcc_distance, (1.05, tone, normal(size=64))),
        (tonal_peaks, (tone, 3)),
    ]


PROGRAMS = _programs()

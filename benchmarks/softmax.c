/* Softmax cross-entropy by hand: three passes over each row, which stays in the first cache.

   z: n rows of m scores; labels: n; gradient: n x m, written; row: scratch for m numbers.
   The result is the mean of log(sum(exp(z))) - z[label]. Compiled with -fopenmp-simd and
   -ffast-math, which let gcc take the vector exponential of glibc's libmvec. */

#include <math.h>

double softmax_cross_entropy(long n, long m, const double *restrict z, const long *restrict labels,
                             double *restrict gradient, double *restrict row)
{
    double total = 0.0;
    for (long i = 0; i < n; i++) {
        const double *scores = z + i * m;
        double *slope = gradient + i * m;
        double top = scores[0], sum = 0.0;
#pragma omp simd reduction(max : top)
        for (long j = 0; j < m; j++)
            top = scores[j] > top ? scores[j] : top;
#pragma omp simd reduction(+ : sum)
        for (long j = 0; j < m; j++) {
            double e = exp(scores[j] - top);
            row[j] = e;
            sum += e;
        }
        double weight = 1.0 / (sum * n);
#pragma omp simd
        for (long j = 0; j < m; j++)
            slope[j] = row[j] * weight;
        total += top + log(sum) - scores[labels[i]];
        slope[labels[i]] -= 1.0 / n;
    }
    return total / n;
}

/* Gradients by central differences in float64, and arrays of random numbers for them. */
#ifndef TESTS_CHECK_GRADIENT_H
#define TESTS_CHECK_GRADIENT_H

#include <stddef.h>

#include "src/data/random.h"

/* `count` numbers, uniform in ±1 around `centre` times `scale`; free() them. */
double *random_array(struct cln_random *random, size_t count, double centre, double scale);

double dot(const double *a, const double *b, size_t count);

/* Fails the running test unless gradient[i] is (L(v[i] + step) − L(v[i] − step)) / (2·step) within
 * tolerance·(1 + |gradient[i]|) for every i. `loss` reads `values`, which are left as they were. */
void check_gradient(const char *what, double (*loss)(void *user), void *user, double *values, const double *gradient,
                    size_t count, double step, double tolerance);

#endif

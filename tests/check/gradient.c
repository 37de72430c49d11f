/* Central differences: see gradient.h. */
#include "tests/check/gradient.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

double *random_array(struct cln_random *random, size_t count, double centre, double scale) {
    double *values = malloc(count * sizeof(*values));
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = centre + scale * (2 * cln_random_uniform(random) - 1);
    return values;
}

double dot(const double *a, const double *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

void check_gradient(const char *what, double (*loss)(void *user), void *user, double *values, const double *gradient,
                    size_t count, double step, double tolerance) {
    for (size_t i = 0; i < count; i++) {
        double value = values[i];
        values[i] = value + step;
        double above = loss(user);
        values[i] = value - step;
        double below = loss(user);
        values[i] = value;
        double difference = (above - below) / (2 * step);
        if (!(fabs(gradient[i] - difference) <= tolerance * (1 + fabs(gradient[i]))))
            fail_msg("%s: gradient %zu of %zu is %.12g, by differences %.12g", what, i, count, gradient[i], difference);
    }
}

/* Strict arithmetic: the largest error of each function, against the host's double precision, and that results are the
 * same where the device takes subnormal numbers for 0.
 * $CLENET_TEST_FLOATS is how many floats of each range are taken, at equal distances; "all": every one, which takes
 * minutes. */
#include <math.h>
#include <stdio.h>

#include "src/check/arithmetic.h"
#include "src/engine/arithmetic.h"
#include "tests/engine/support.h"

enum { FEW = 1 << 19, AT_ONCE = 1 << 16 };

static struct cln_tuning tuning;

/* A context, and the options of its programs, which are read when they are built. */
struct device {
    char options[256];
    struct ocl_context *context;
    struct ocl_buffer *x, *numerators, *out;
};

static const char variable[] = "CLENET_BUILD_OPTIONS";
static char usual_options[sizeof((struct device *)NULL)->options];

static struct device open_device(const char *option) {
    struct device d = {""};
    snprintf(d.options, sizeof d.options, "%.200s %s", usual_options, option);
    d.context = context_under_test();
    struct ocl_buffer **const buffers[] = {&d.x, &d.numerators, &d.out};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        assert_ok(ocl_buffer_create(buffers[i], d.context, AT_ONCE * sizeof(float)));
    struct ocl_profile *profile = NULL;
    assert_ok(cln_tuning_profile(&profile, ocl_context_device(d.context), NULL));
    assert_ok(cln_tuning_create(&tuning, profile, ocl_context_device(d.context)));
    ocl_profile_destroy(&profile);
    return d;
}

static void close_device(struct device *d) {
    ocl_buffer_destroy(&d->x);
    ocl_buffer_destroy(&d->numerators);
    ocl_buffer_destroy(&d->out);
    ocl_context_destroy(&d->context);
}

static struct ocl_sequence *sequence_of(const struct device *d, const char *function, bool quotient) {
    struct cln_plan plan = {.context = d->context, .tuning = tuning};
    assert_int_equal(setenv(variable, d->options, 1), 0);
    assert_ok(ocl_sequence_create(&plan.sequence, d->context));
    assert_ok(cln_arithmetic_apply(&plan, &(struct cln_arithmetic){.function = function,
                                                                   .count = AT_ONCE,
                                                                   .x = d->x,
                                                                   .numerators = quotient ? d->numerators : NULL,
                                                                   .out = d->out}));
    return plan.sequence;
}

static void apply(const struct device *d, struct ocl_sequence *sequence, const float *x, const float *numerators,
                  float *out) {
    const size_t bytes = AT_ONCE * sizeof *x;
    assert_ok(ocl_buffer_write(d->x, 0, bytes, x));
    assert_ok(ocl_buffer_write(d->numerators, 0, bytes, numerators));
    assert_ok(ocl_sequence_run(sequence));
    assert_ok(ocl_buffer_read(d->out, 0, bytes, out));
}

static float x[AT_ONCE], numerators[AT_ONCE], out[AT_ONCE], flushed[AT_ONCE];

/* The distance between the floats that are taken of a range. */
static uint32_t stride_of(const struct cln_arithmetic_range *range) {
    const char *floats = getenv("CLENET_TEST_FLOATS");
    if (floats && strcmp(floats, "all") == 0)
        return 1;
    const uint32_t wanted = floats ? (uint32_t)strtoul(floats, NULL, 10) : quick_check() ? AT_ONCE : FEW;
    return cln_arithmetic_floats(range) / wanted + 1;
}

/* The next floats of a range; the last one stands for those that are missing. */
static void take(const struct cln_arithmetic_range *range, uint64_t first, uint32_t stride) {
    const uint32_t last = cln_arithmetic_floats(range) - 1;
    for (size_t i = 0; i < AT_ONCE; i++) {
        const uint64_t at = first + i * stride;
        x[i] = cln_arithmetic_float(range, at < last ? (uint32_t)at : last);
        numerators[i] = cln_arithmetic_numerator(range, at < last ? (uint32_t)at : last);
    }
}

/* What is beside the ranges. */
static void test_ends(void **state) {
    (void)state;
    static const struct {
        const char *function;
        float x, numerator, expected;
        bool quotient;
    } cases[] = {
        {"divided", 3, 0, 0, true},
        {"divided", 0x1p125f, 0, 0, true},
        {"square_root", 0, 0, 0},
        {"exp_within_87", 0, 0, 1},
        {"exp_within_87", NAN, 0, NAN},
        {"natural_exp", 0, 0, 1},
        {"natural_exp", NAN, 0, NAN},
        {"natural_exp", -0x1.bb9d3cp4f, 0, 0},
        {"natural_exp", -1e30f, 0, 0},
        {"exp_of_negative", -0x1.5c0002p6f, 0, 0},
        {"exp_of_negative", -INFINITY, 0, 0},
        {"expm1_of_negative", 0, 0, 0},
        {"expm1_of_negative", -1e30f, 0, -1},
        {"natural_log", 1, 0, 0},
    };
    struct device d = open_device("");
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct ocl_sequence *sequence = sequence_of(&d, cases[c].function, cases[c].quotient);
        for (size_t i = 0; i < AT_ONCE; i++) {
            x[i] = cases[c].x;
            numerators[i] = cases[c].numerator;
        }
        apply(&d, sequence, x, numerators, out);
        for (size_t i = 0; i < AT_ONCE; i++)
            if (!(out[i] == cases[c].expected) && !(isnan(out[i]) && isnan(cases[c].expected)))
                fail_msg("%s of %a: %a, expected %a", cases[c].function, (double)cases[c].x, (double)out[i],
                         (double)cases[c].expected);
        ocl_sequence_destroy(&sequence);
    }
    close_device(&d);
}

static void test_errors(void **state) {
    (void)state;
    struct device d = open_device("");
    const char *name = NULL;
    const struct cln_arithmetic_range *range;
    for (size_t r = 0; (range = cln_arithmetic_range(r, &name)); r++) {
        struct ocl_sequence *sequence = sequence_of(&d, range->function, !range->exact);
        const uint32_t stride = stride_of(range), floats = cln_arithmetic_floats(range);
        double worst = 0;
        float worst_x = 0, worst_numerator = 0;
        for (uint64_t first = 0; first < floats; first += (uint64_t)stride * AT_ONCE) {
            take(range, first, stride);
            apply(&d, sequence, x, numerators, out);
            for (size_t i = 0; i < AT_ONCE; i++) {
                const double exact = cln_arithmetic_exact(range, (double)x[i], (double)numerators[i]);
                const double error = fabs((double)out[i] - exact) / cln_arithmetic_ulp(exact);
                if (!(error <= worst)) {
                    worst = error;
                    worst_x = x[i];
                    worst_numerator = numerators[i];
                }
            }
        }
        print_message("%s: %s of %u floats from %a to %a, every %u: %.4f ulp at %a (numerator %a)\n", name,
                      range->function, floats, (double)range->from, (double)range->to, stride, worst, (double)worst_x,
                      (double)worst_numerator);
        if (!(worst <= range->ulps))
            fail_msg("%s: %g ulp at %a (numerator %a), expected %g at most", name, worst, (double)worst_x,
                     (double)worst_numerator, range->ulps);
        ocl_sequence_destroy(&sequence);
    }
    close_device(&d);
}

static const char *what_becomes_of_subnormals(const struct device *d) {
    struct ocl_sequence *sequence = sequence_of(d, "divided", true);
    for (size_t i = 0; i < AT_ONCE; i++) {
        x[i] = 0x1p28f;
        numerators[i] = 0x1p-100f;
    }
    apply(d, sequence, x, numerators, out);
    ocl_sequence_destroy(&sequence);
    return out[0] == 0 ? "0" : "kept";
}

/* No intermediate result is subnormal, or none that matters. PoCL then flushes subnormal numbers, and other drivers
 * may. */
static void test_flushed_subnormals(void **state) {
    (void)state;
    struct device keeps = open_device(""), flushes = open_device("-cl-denorms-are-zero");
    const char *name = NULL;
    const struct cln_arithmetic_range *range;
    print_message("subnormal numbers are %s, and %s with the option\n", what_becomes_of_subnormals(&keeps),
                  what_becomes_of_subnormals(&flushes));
    for (size_t r = 0; (range = cln_arithmetic_range(r, &name)); r++) {
        struct ocl_sequence *kept_sequence = sequence_of(&keeps, range->function, !range->exact),
                            *flushed_sequence = sequence_of(&flushes, range->function, !range->exact);
        const uint32_t stride = stride_of(range), floats = cln_arithmetic_floats(range);
        for (uint64_t first = 0; first < floats; first += (uint64_t)stride * AT_ONCE) {
            take(range, first, stride);
            apply(&keeps, kept_sequence, x, numerators, out);
            apply(&flushes, flushed_sequence, x, numerators, flushed);
            for (size_t i = 0; i < AT_ONCE; i++)
                if (memcmp(&out[i], &flushed[i], sizeof out[i]) != 0)
                    fail_msg("%s of %a (numerator %a): %a, flushed %a", name, (double)x[i], (double)numerators[i],
                             (double)out[i], (double)flushed[i]);
        }
        ocl_sequence_destroy(&kept_sequence);
        ocl_sequence_destroy(&flushed_sequence);
    }
    close_device(&keeps);
    close_device(&flushes);
}

int main(void) {
    const char *options = getenv(variable);
    snprintf(usual_options, sizeof usual_options, "%s", options ? options : "");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_ends, nothing_alive),
        cmocka_unit_test_teardown(test_errors, nothing_alive),
        cmocka_unit_test_teardown(test_flushed_subnormals, nothing_alive),
    };
    return cmocka_run_group_tests_name("arithmetic", tests, NULL, NULL);
}

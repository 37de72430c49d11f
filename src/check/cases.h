/* Every operation of the engine on a device against its float64 reference: a table of awkward cases. */
#ifndef SRC_CHECK_CASES_H
#define SRC_CHECK_CASES_H

#include <stdbool.h>
#include <stddef.h>

#include "host/context.h"
#include "src/engine/tuning.h"

struct cln_check_params {
    struct ocl_context *context;
    const struct cln_tuning *tuning;
    const char *tuning_name; /* for messages */
    bool quick;              /* a part of the cases that still has every operation */
    const char *only;        /* cases with this in "operation, case"; NULL: all */
    bool safe;               /* the operation itself in its safe variant, others as the tuning has it */
};

struct cln_check_result {
    size_t cases, failed;
    double worst;         /* largest error / tolerance */
    double seconds;       /* with building the kernels */
    char worst_case[256]; /* where that was */
    char failure[512];    /* the first: case, tuning, element, both values; "" where none failed */
    char failed_case[96]; /* its name as `only` finds it: "conv2d, padding" */
    char launches[4096];  /* its kernels with their constants, a line each */
};

/* Operations in the order of the training step; NULL behind the last. */
const char *cln_check_operation(size_t operation);

/* Runs all cases of one operation. Wrong results are counted in *out; the status is of the device alone. */
enum cln_status cln_check_run(struct cln_check_result *out, size_t operation,
                              const struct cln_check_params *params) CLN_MUST_CHECK;

/* Settings that every operation has to be right under, whatever the device's own profile says: number 0 is that
 * profile. NULL behind the last. */
const char *cln_check_tuning_name(size_t tuning);
/* Whether an operation is to be checked under it, in a quick check or a full one: CLBlast serves linear layers only,
 * and vectors much wider than the device's own can take a driver minutes to build. */
bool cln_check_tuning_covers(size_t tuning, size_t operation, const struct ocl_device *device, bool quick);
/* Whether it takes all cases; the others are told apart by few, and take the quick ones in a full check, too. */
bool cln_check_tuning_is_thorough(size_t tuning);
/* Whether the operation is to be checked in its safe variant under it. */
bool cln_check_tuning_is_safe(size_t tuning);
/* As far as the device's limits allow. */
enum cln_status cln_check_tuning(struct cln_tuning *out, size_t tuning, const struct ocl_device *device) CLN_MUST_CHECK;

#endif

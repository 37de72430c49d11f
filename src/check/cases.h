/* Checks every operation of the engine on a device against its float64 reference, with a table of difficult cases per
 * operation. */
#ifndef SRC_CHECK_CASES_H
#define SRC_CHECK_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/context.h"
#include "src/engine/tuning.h"

struct cln_check_params {
    struct ocl_context *context;
    const struct cln_tuning *tuning;
    const char *tuning_name; /* name of the setting, for messages */
    bool quick;              /* run only the quick cases; every operation has some */
    const char *only;        /* run only cases whose "operation, case" contains this; NULL: all */
    bool safe;               /* run the checked operation in its safe variant, others as `tuning` says */
    /* Of checks launch by launch (src/checkup/bisect.h): called with the digest of every tensor, which is then not
     * compared; NULL: none. `work_out`: every launch is also compared with the reference, and not only one whose digest
     * is wrong. */
    void (*note)(void *user, size_t step, const char *tensor, uint32_t digest);
    void *user;
    bool work_out;
};

/* The first launch of a check launch by launch that is off; launches 0: none is. */
struct cln_check_finding {
    size_t step, launch, launches; /* from 1; of a step */
    char launched[96];             /* "stage 1 conv2d_forward" */
    char tensor[64];               /* "z" */
    bool is_joined; /* launch by launch all are right: this is off when it is joined with others, as in a training */
    int changed;    /* the number, from 1, of an argument that the launch only reads, and has changed: `off` cells of 4
                       bytes, the first from bits `expected` to `got`; 0: none */
    bool is_known;  /* the reference knows the kernel; else only the digest says that it is off */
    size_t off, of; /* elements of it; off 0: the reference agrees with the device, and only the digest does not */
    /* Of the first wrong element: */
    char element[128];      /* "sample 3, channel 1, row 0, column 4", from 0 */
    int group[3], item;     /* the work-group and the work-item that have it; item -1: several */
    uint32_t got, expected; /* bits */
    bool is_float;
    uint64_t ulps;       /* floats from one to the other */
    char operation[160]; /* what gives an element */
    char cause[128];     /* a mistake that has these bits; "": none is known */
    size_t explained;    /* elements that are off and have the bits of that mistake */
};

struct cln_check_result {
    size_t cases, failed;
    size_t left_out;      /* cases that fit `only` and were not run: the tuning does not cover them, or `quick` */
    double worst;         /* largest error / tolerance */
    double seconds;       /* building the kernels included */
    char worst_case[256]; /* the case with that error */
    char failure[512];    /* the first failure: case, tuning, element, both values; "": none */
    char failed_case[96]; /* its case as `only` finds it: "conv2d, padding" */
    char launches[4096];  /* its kernels with their constants, one per line */
    struct cln_check_finding finding;
};

/* The name of operation number `operation`, in the order of the training step; NULL after the last. */
const char *cln_check_operation(size_t operation);
/* Whether no training launches it by itself: `clenet check` checks it, the start-up guard does not. */
bool cln_check_operation_is_spare(size_t operation);

/* Whether a training with this tuning may use the operation; `safe`: in its safe variant. If not, it is not checked. */
bool cln_check_covers(size_t operation, const struct cln_tuning *tuning, bool safe);

/* Runs all cases of one operation; none if the tuning does not cover it. Wrong results are counted in *out and are no
 * error; only the device's errors are returned. */
enum cln_status cln_check_run(struct cln_check_result *out, size_t operation,
                              const struct cln_check_params *params) CLN_MUST_CHECK;

/* The name of setting number `tuning`. A setting is a set of tuning values that every operation must be correct under;
 * number 0 is the device's own profile. NULL after the last. */
const char *cln_check_tuning_name(size_t tuning);
/* Whether an operation is checked under a setting, in a quick or a full check. CLBlast serves linear layers only, and a
 * driver may take minutes to build vectors much wider than the device's. */
bool cln_check_tuning_covers(size_t tuning, size_t operation, const struct ocl_device *device, bool quick);
/* Whether a full check runs all cases under this setting; for the other settings the quick cases are enough. */
bool cln_check_tuning_is_thorough(size_t tuning);
/* Whether the checked operation runs in its safe variant under this setting. */
bool cln_check_tuning_is_safe(size_t tuning);
/* Makes the tuning of a setting, as far as the device's limits allow. */
enum cln_status cln_check_tuning(struct cln_tuning *out, size_t tuning, const struct ocl_device *device) CLN_MUST_CHECK;

#endif

/* Everything that is checked on one device, under the settings that matter there: what `clenet check` prints. */
#ifndef SRC_CHECK_CHECKUP_H
#define SRC_CHECK_CHECKUP_H

#include "src/check/cases.h"

struct cln_checkup_params {
    const struct ocl_device *device;
    const char *profile_file;  /* NULL: what matches the device */
    const char *kernel_folder; /* NULL: embedded kernels */
    const char *cache_folder;  /* of built kernels; NULL: none are kept */
    bool quick;                /* every operation still, by fewer cases */
    const char *only;          /* part of a name such as "conv2d, padding" or "bn-lenet"; NULL: all */
    void (*progress)(void *user, const char *doing); /* NULL: nobody is told */
    void *user;
};

/* One operation, or one thing checked of a whole network, under one setting. */
struct cln_checkup_row {
    const char *what;    /* "conv2d", "bn-lenet, ten steps of Adam" */
    const char *setting; /* "profile", "safe", "CLBlast" */
    struct cln_check_result result;
    char error[512]; /* what the driver refused; "": nothing */
    bool passed;
};

/* A tuning value as the profile has it, and who said so. */
struct cln_checkup_value {
    const char *key;
    long value;
    char origin[128];
};

struct cln_checkup {
    const struct cln_checkup_params *params; /* what it was asked for */
    struct ocl_device device;
    char profile[64];
    struct cln_checkup_value *values;
    size_t value_count;
    struct cln_tuning tuning; /* what comes of them */
    bool profile_is_safe;     /* so that the safe variant need not be checked apart */
    struct cln_checkup_row *rows;
    size_t row_count;
    double seconds;
    bool passed; /* all rows, and there were some */
};

/* `params` must outlive the result. Fails only where nothing could be checked at all: no context, a broken profile,
 * nothing called params->only. */
enum cln_status cln_checkup_run(struct cln_checkup **out, const struct cln_checkup_params *params) CLN_MUST_CHECK;
void cln_checkup_destroy(struct cln_checkup **checkup);

#endif

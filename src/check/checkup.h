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
    /* A command line that starts this program anew, path first and NULL last; in such a process, which has
     * $CLENET_CHECKUP set, cln_checkup_asked() is true, and it has to call cln_checkup_answer with the same params, but
     * for `device`. What crashes or hangs the driver is a row then, and the others follow. NULL: all is checked in this
     * process, and ends with it. */
    const char *const *again;
    void (*progress)(void *user, const char *doing); /* NULL: nobody is told */
    void *user;
};

enum cln_checkup_end {
    CLN_CHECKUP_ENDED,
    CLN_CHECKUP_CRASHED, /* the driver ended the process */
    CLN_CHECKUP_HUNG,    /* an OpenCL call did not come back: see cln_child_patience; usually 300 s */
    CLN_CHECKUP_END_COUNT
};

/* One operation, or one thing checked of a whole network, under one setting. */
struct cln_checkup_row {
    const char *what;    /* "conv2d", "bn-lenet, ten steps of Adam" */
    const char *setting; /* "profile", "safe", "CLBlast" */
    struct cln_check_result result;
    enum cln_checkup_end end;
    char error[512]; /* what the driver refused, or how the process ended; "": neither */
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
/* In a process that was started for a check. */
bool cln_checkup_asked(void);
/* The device that it is to check, as ocl_device_find takes it. */
const char *cln_checkup_device(void);
/* Checks what it was started for, and says row by row what came of it. */
enum cln_status cln_checkup_answer(const struct cln_checkup_params *params) CLN_MUST_CHECK;

void cln_checkup_destroy(struct cln_checkup **checkup);

#endif

/* A checkup: all checks on one device under all settings that matter there, as `clenet check` prints it. */
#ifndef SRC_CHECKUP_CHECKUP_H
#define SRC_CHECKUP_CHECKUP_H

#include "src/check/cases.h"
#include "src/session/session.h"

struct cln_checkup_params {
    /* Device, profile, kernels, cache. `builder` starts this program again: in such a process, which has
     * $CLENET_CHECKUP set, cln_checkup_asked() is true, and it must call cln_checkup_answer with the same params, but
     * for session->device, which is cln_checkup_device(). A check that crashes or hangs the driver is then a row, and
     * the others follow. Without `builder` everything is checked in this process. */
    struct cln_session_params session;
    bool quick;       /* fewer cases, but every operation */
    const char *only; /* check only what contains this: "conv2d, padding", "bn-lenet"; NULL: all */
    bool bisect;      /* check strict arithmetic also launch by launch */
    int repeat;       /* check everything so often, with `builder` in new processes each time; 0: once */
    void (*progress)(void *user, const char *doing); /* NULL: none; gets `user` */
    void *user;
};

enum cln_checkup_end {
    CLN_CHECKUP_ENDED,   /* the checks ran to their end */
    CLN_CHECKUP_CRASHED, /* the driver crashed */
    CLN_CHECKUP_HUNG,    /* an OpenCL call did not return in time: see cln_child_patience; usually 300 s */
    CLN_CHECKUP_END_COUNT
};

/* One operation, or one check of a whole network, under one setting. */
struct cln_checkup_row {
    const char *what;    /* "conv2d", "bn-lenet, ten steps of Adam" */
    const char *setting; /* "profile", "safe", "CLBlast" */
    bool apart;          /* it looks for the place of an error of strict arithmetic, launch by launch */
    int runs, failures;  /* how often it was checked, and how often it did not pass */
    /* Of the first run that failed, else of the last; without cases the row was left out. */
    struct cln_check_result result;
    enum cln_checkup_end end;
    char error[512]; /* the driver's error, or how the process ended; "": neither */
    bool passed;     /* in all runs, or left out */
};

/* A tuning value of the profile, and its origin. */
struct cln_checkup_value {
    const char *key;
    long value;
    char origin[128];
};

struct cln_checkup {
    const struct cln_checkup_params *params; /* params of cln_checkup_run */
    struct ocl_device device;
    char profile[64];
    struct cln_checkup_value *values;
    size_t value_count;
    struct cln_tuning tuning; /* the tuning made from `values` */
    bool profile_is_safe;     /* the profile uses no barriers, local memory or CLBlast: safe variants are not checked
                                 separately */
    struct cln_checkup_row *rows;
    size_t row_count;
    struct ocl_usage usage; /* what the rows used, but for those that crashed or hung */
    double seconds;
    bool passed; /* all rows passed, and there was at least one */
};

/* Runs a checkup. `params` must outlive *out. Fails only if nothing could be checked: no context, a broken profile, or
 * nothing that contains params->only. */
enum cln_status cln_checkup_run(struct cln_checkup **out, const struct cln_checkup_params *params) CLN_MUST_CHECK;
/* Whether "WHAT, SETTING" names a row that a checkup of some device may have. */
bool cln_checkup_knows(const char *name);

/* Whether this process was started for a check. */
bool cln_checkup_asked(void);
/* In such a process: the selector of the device to check, for ocl_device_find. */
const char *cln_checkup_device(void);
/* In such a process: runs its checks and reports each row to the parent. */
enum cln_status cln_checkup_answer(const struct cln_checkup_params *params) CLN_MUST_CHECK;

void cln_checkup_destroy(struct cln_checkup **checkup);

#endif

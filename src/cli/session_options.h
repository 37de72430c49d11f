/* The options of every command that runs networks: on which device, and how, and how they show it. */
#ifndef SRC_CLI_SESSION_OPTIONS_H
#define SRC_CLI_SESSION_OPTIONS_H

#include "clenet/session.h"
#include "src/cli/options.h"

/* The rows, as bits of a set. */
enum {
    CLN_ROW_DEVICE = 1 << 0,
    CLN_ROW_PROFILE = 1 << 1,
    CLN_ROW_SAFE = 1 << 2,
    CLN_ROW_KERNELS = 1 << 3,
    CLN_ROW_GUARD = 1 << 4,
    CLN_ROW_CACHE = 1 << 5,
    CLN_ROW_COMMAND_BUFFER = 1 << 6,
    CLN_ROW_PLAIN = 1 << 7, /* of commands that show a line of progress */
    CLN_ROW_STRICT = 1 << 8,
    CLN_SESSION_ROW_COUNT = 9
};

struct cln_session_options {
    struct cln_session_params params;
    bool no_command_buffer;
};

/* Adds the rows of `set` to a table, in front of its last row, the one without a name. The table needs room for
 * CLN_SESSION_ROW_COUNT more. The rows set *options. */
void cln_session_options_add(struct cln_option *table, struct cln_session_options *options, unsigned set);

/* What the options say, once they are parsed. Processes of the session are started by this command's own line. */
struct cln_session_params cln_session_options_params(const struct cln_session_options *options);

#endif

/* event_file.h in a build without protobuf-c. */
#include "src/format/event_file.h"

enum cln_status cln_event_file_check(void) {
    return cln_fail(
        CLN_INVALID,
        "this clenet was built without protobuf-c, which TensorBoard's event files need; install it with its "
        "compiler (Debian: libprotobuf-c-dev, protobuf-c-compiler) and build again");
}

enum cln_status cln_event_file_begin(FILE *stream, double seconds) {
    (void)stream, (void)seconds;
    return cln_event_file_check();
}

enum cln_status cln_event_file_restart(FILE *stream, struct cln_event_time time) {
    (void)stream, (void)time;
    return cln_event_file_check();
}

enum cln_status cln_event_file_put(FILE *stream, struct cln_event_time time, const struct cln_event_value *values,
                                   size_t count) {
    (void)stream, (void)time, (void)values, (void)count;
    return cln_event_file_check();
}

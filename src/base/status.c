/* One message per thread, in a fixed buffer, so that reporting a failure cannot itself fail. */
#include "clenet/status.h"
#include "src/base/table.h"

#include <stdarg.h>
#include <string.h>

#include "clenet/text.h"

/* Enough for a build log with its constants. */
enum { MESSAGE_BYTES = 8192 };

static _Thread_local char message[MESSAGE_BYTES];

static const char *const names[] = {
    [CLN_OK] = "ok",
    [CLN_INVALID] = "invalid",
    [CLN_NOT_FOUND] = "not found",
    [CLN_IO] = "i/o",
    [CLN_OUT_OF_MEMORY] = "out of memory",
    [CLN_NO_DEVICE] = "no device",
    [CLN_DEVICE] = "device",
    [CLN_BUILD] = "build",
    [CLN_NUMERIC] = "numeric",
    [CLN_INTERRUPTED] = "interrupted",
};
CLN_EVERY(names, CLN_STATUS_COUNT);

const char *cln_error_message(void) {
    return message;
}

const char *cln_status_name(enum cln_status status) {
    size_t index = (size_t)status;
    return index < sizeof names / sizeof names[0] ? names[index] : "unknown";
}

/* Formats into another buffer first, because an argument may be the present message. */
enum cln_status cln_fail(enum cln_status status, const char *format, ...) {
    char text[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    cln_text_vformat(text, sizeof text, format, arguments);
    va_end(arguments);
    memcpy(message, text, strlen(text) + 1);
    return status;
}

enum cln_status cln_fail_within(enum cln_status status, const char *format, ...) {
    char prefix[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    cln_text_vformat(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    return cln_fail(status, "%-s: %-s", prefix, message);
}

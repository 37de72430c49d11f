/* Hands notices to the handler that the program has set. */
#include "clenet/log.h"

#include <stdarg.h>

#include "clenet/text.h"

static cln_log_handler *log_handler;
static void *log_user;

void cln_log_set_handler(cln_log_handler *handler, void *user) {
    log_handler = handler;
    log_user = user;
}

void cln_log(enum cln_log_level level, const char *format, ...) {
    if (!log_handler)
        return;
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    cln_text_vformat(text, sizeof text, format, arguments);
    va_end(arguments);
    log_handler(log_user, level, text);
}

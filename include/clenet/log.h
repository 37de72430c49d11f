/* Notices for the user that are not failures. The library prints nothing: a program sets a handler. */
#ifndef CLENET_LOG_H
#define CLENET_LOG_H

#include "clenet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum cln_log_level { CLN_LOG_WARNING, CLN_LOG_INFO, CLN_LOG_DEBUG };

typedef void cln_log_handler(void *user, enum cln_log_level level, const char *message);

/* Sets the handler of the whole process; NULL (the state at start) drops every message. */
CLN_API void cln_log_set_handler(cln_log_handler *handler, void *user);

/* A notice; the format is that of include/clenet/text.h, as for cln_fail. */
void cln_log(enum cln_log_level level, const char *format, ...) CLN_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif
#endif

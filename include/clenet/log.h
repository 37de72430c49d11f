/* Notices: messages for the user that are not failures. The library prints nothing; the program sets a handler that
 * does. */
#ifndef CLENET_LOG_H
#define CLENET_LOG_H

#include "clenet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum cln_log_level { CLN_LOG_WARNING, CLN_LOG_INFO, CLN_LOG_DEBUG };

typedef void cln_log_handler(void *user, enum cln_log_level level, const char *message);

/* Sets the handler of the whole process. `user` is handed to every call. NULL, the initial state, discards all notices.
 * Threads of the library may call the handler, too. */
CLN_API void cln_log_set_handler(cln_log_handler *handler, void *user);

/* Sends a notice to the handler. The format is described in include/clenet/text.h. */
void cln_log(enum cln_log_level level, const char *format, ...) CLN_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif
#endif

/* Errors. A function that can fail returns a code, which says what the caller can do. One message per thread says which
 * call, file or value failed, and why. */
#ifndef CLENET_STATUS_H
#define CLENET_STATUS_H

#if defined(__GNUC__)
#define CLN_MUST_CHECK __attribute__((warn_unused_result))
#define CLN_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define CLN_API __attribute__((visibility("default")))
#else
#define CLN_MUST_CHECK
#define CLN_PRINTF(text, first)
#define CLN_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum cln_status {
    CLN_OK = 0,
    CLN_INVALID,       /* an option, file or network is wrong: change it */
    CLN_NOT_FOUND,     /* a file, data set or name is not there */
    CLN_IO,            /* reading, writing or downloading failed: may be tried again */
    CLN_OUT_OF_MEMORY, /* of the host or the device: a smaller batch may fit */
    CLN_NO_DEVICE,     /* no usable OpenCL device: install a driver or choose another */
    CLN_DEVICE,        /* an OpenCL call failed on this device */
    CLN_BUILD,         /* a kernel did not compile; the message holds the build log */
    CLN_NUMERIC,       /* a result is not finite */
    CLN_INTERRUPTED,   /* stopped on request */
    CLN_STATUS_COUNT
};

/* The message of this thread's last failure; "" before the first. It is valid until the next failure. It is UTF-8 and
 * safe to print on a terminal: quoted text of files, drivers and users is escaped as include/clenet/text.h describes.
 * Only compiler logs and messages of several lines contain line feeds. */
CLN_API const char *cln_error_message(void);

/* The short name of a code, for logs: "invalid", "device", … Never NULL. */
CLN_API const char *cln_status_name(enum cln_status status);

/* Sets this thread's message and returns `status`, so that a caller writes `return cln_fail(…)`. The format is
 * described in include/clenet/text.h; an argument that has several lines is a %-s. Allocates nothing; a message that is
 * too long is cut. */
enum cln_status cln_fail(enum cln_status status, const char *format, ...) CLN_PRINTF(2, 3);

/* Puts "prefix: " before this thread's message and returns `status`. A caller adds what it knows, such as the file or
 * the layer. */
enum cln_status cln_fail_within(enum cln_status status, const char *format, ...) CLN_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif
#endif

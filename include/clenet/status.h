/* What can go wrong, for every layer: a short list of codes that say what the caller can do,
 * and beside it one message per thread that says which call, file or value failed. */
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

/* The message of this thread's last failure; "" before the first. Valid until the next failure. It is UTF-8 and fit for
 * a terminal: what it quotes of files, drivers and users is written as include/clenet/text.h says. Only a compiler's
 * log and messages of several lines have line feeds. */
CLN_API const char *cln_error_message(void);

/* Short name of a code, for logs: "invalid", "device", … Never NULL. */
CLN_API const char *cln_status_name(enum cln_status status);

/* Sets this thread's message and returns `status`, so that a caller writes `return cln_fail(…)`. The format is that of
 * include/clenet/text.h: an argument with lines of its own is a %-s. No allocation; a longer message is cut. */
enum cln_status cln_fail(enum cln_status status, const char *format, ...) CLN_PRINTF(2, 3);

/* Puts "prefix: " before the present message and returns `status`: where a caller knows more,
 * such as the file's name or the layer. */
enum cln_status cln_fail_within(enum cln_status status, const char *format, ...) CLN_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif
#endif

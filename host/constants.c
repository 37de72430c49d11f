/* Specialisation constants as compiler options. */
#include <stdarg.h>
#include <stdio.h>

#include "host/sequence.h"

static void append(struct ocl_constants *constants, const char *format, ...) CLN_PRINTF(2, 3);

static void append(struct ocl_constants *constants, const char *format, ...) {
    size_t room = sizeof constants->text - constants->length;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(constants->text + constants->length, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room) {
        constants->text[constants->length] = '\0';
        constants->overflow = true;
    } else {
        constants->length += (size_t)length;
    }
}

void ocl_constants_int(struct ocl_constants *constants, const char *name, long value) {
    append(constants, " -D %s=%ld", name, value);
}

void ocl_constants_float(struct ocl_constants *constants, const char *name, double value) {
    char text[64];
    snprintf(text, sizeof text, "%af", (double)(float)value);
    for (char *c = text; *c; c++)
        if (*c == ',') /* a program's locale may say so */
            *c = '.';
    append(constants, " -D %s=%s", name, text);
}

void ocl_constants_word(struct ocl_constants *constants, const char *name, const char *word) {
    append(constants, " -D %s=%s", name, word);
}

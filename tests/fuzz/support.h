/* What fuzz targets share: the checks that every reader has to pass, and files for those that read by name. */
#ifndef TESTS_FUZZ_SUPPORT_H
#define TESTS_FUZZ_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clenet/status.h"

/* A target: reads one input, says whether it was accepted, aborts where a property does not hold, returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
extern bool fuzz_accepted;

/* Ends the process with the property that does not hold. */
#define fuzz_require(property)                                                                                         \
    do {                                                                                                               \
        if (!(property))                                                                                               \
            fuzz_fail(#property, __FILE__, __LINE__);                                                                  \
    } while (0)
_Noreturn void fuzz_fail(const char *property, const char *file, int line);

/* Around a call of a reader: what is refused gives nothing, CLN_INVALID and a
 * message that is fit to be shown; true where it was accepted. */
void fuzz_begin(void);
bool fuzz_end(enum cln_status status, bool given);

/* Paths in a temporary folder that goes away with the process: of a file of these bytes, and of one to write to. Each
 * call takes the place of the one before. */
const char *fuzz_file(const uint8_t *bytes, size_t size);
const char *fuzz_output(void);

/* The bytes of the latter; the caller's: free(). */
uint8_t *fuzz_output_bytes(size_t *size);

/* A safetensors file whose announced header length is that of the JSON text which is really there: a mutation rarely
 * keeps both in step. NULL where there is no such text or nothing to mend; else of the same size, the caller's: free().
 */
uint8_t *fuzz_mend_header(const uint8_t *bytes, size_t size);

#endif

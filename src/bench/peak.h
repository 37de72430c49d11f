/* Measures a device's peak (kernels/peak.cl), which training is compared with. */
#ifndef SRC_BENCH_PEAK_H
#define SRC_BENCH_PEAK_H

#include "host/context.h"

struct cln_peak {
    double flops; /* arithmetic operations per second: multiply-adds at the native vector width, two each */
    double bytes; /* bytes per second: read plus written, of a copy between buffers larger than any cache */
};

struct cln_peak_meter;

/* Builds the kernels and chooses the work-group and the number of launches of a measurement. `context` must have
 * timings off and outlive the meter. */
enum cln_status cln_peak_meter_create(struct cln_peak_meter **out, struct ocl_context *context) CLN_MUST_CHECK;
void cln_peak_meter_destroy(struct cln_peak_meter **meter);

/* Measures once, which takes some hundredths of a second, and raises the members of *best that are exceeded. */
enum cln_status cln_peak_measure(struct cln_peak_meter *meter, struct cln_peak *best) CLN_MUST_CHECK;

/* The size in bytes of each of the copy's two buffers. */
size_t cln_peak_buffer_bytes(const struct cln_peak_meter *meter);

#endif

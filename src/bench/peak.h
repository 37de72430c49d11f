/* What a device can do at all (kernels/peak.cl): the limits that training is compared with. */
#ifndef SRC_BENCH_PEAK_H
#define SRC_BENCH_PEAK_H

#include "host/context.h"

struct cln_peak {
    double flops; /* multiply-adds at the native vector width, two operations each, per second */
    double bytes; /* a copy between buffers beyond any cache: read and written bytes together, per second */
};

struct cln_peak_meter;

/* Builds the kernels and finds how many launches, in which shape of work-group, make a measurement. `context` must
 * have timings off and outlive the meter. */
enum cln_status cln_peak_meter_create(struct cln_peak_meter **out, struct ocl_context *context) CLN_MUST_CHECK;
void cln_peak_meter_destroy(struct cln_peak_meter **meter);

/* Measures once more, in some hundredths of a second, and raises what is higher than in *best. */
enum cln_status cln_peak_measure(struct cln_peak_meter *meter, struct cln_peak *best) CLN_MUST_CHECK;

/* Bytes of each of the two buffers of the copy. */
size_t cln_peak_buffer_bytes(const struct cln_peak_meter *meter);

#endif

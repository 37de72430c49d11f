/* Matrix products through CLBlast as entries of a sequence. */
#include "host/gemm.h"

#include "host/internal.h"

#ifdef HAVE_CLBLAST

#include <clblast_c.h>
#include <stdlib.h>

enum { LEAST_GROUP = 64 };

struct gemm {
    struct ocl_context *context;
    struct ocl_gemm g;
};

static enum cln_status check_matrix(const struct ocl_gemm *g, const struct ocl_context *context, const char *name,
                                    const struct ocl_buffer *buffer, size_t rows, size_t columns, size_t offset,
                                    size_t ld, size_t stride) {
    if (!buffer || buffer->context != context)
        return cln_fail(CLN_INVALID, "gemm: matrix %s is %s", name, buffer ? "of another context" : "NULL");
    if (ld < columns)
        return cln_fail(CLN_INVALID, "gemm: matrix %s has rows of %zu values %zu apart", name, columns, ld);
    size_t end = offset + (g->batch_count - 1) * stride + (rows - 1) * ld + columns;
    if (end > buffer->bytes / sizeof(float))
        return cln_fail(CLN_INVALID,
                        "gemm: matrix %s (%zu×%zu, offset %zu, %zu of them) ends at float %zu; its buffer "
                        "holds %zu",
                        name, rows, columns, offset, g->batch_count, end, buffer->bytes / sizeof(float));
    return CLN_OK;
}

static enum cln_status check(const struct ocl_gemm *g, const struct ocl_context *context) {
    if (!ocl_gemm_suits(&context->device))
        return cln_fail(CLN_INVALID, "gemm: CLBlast needs work-groups of %d and local memory, and no limits pretended",
                        LEAST_GROUP);
    if (g->m == 0 || g->n == 0 || g->k == 0 || g->batch_count == 0)
        return cln_fail(CLN_INVALID, "gemm: m %zu, n %zu, k %zu, batch_count %zu: none may be 0", g->m, g->n, g->k,
                        g->batch_count);
    enum cln_status status = check_matrix(g, context, "A", g->a, g->transpose_a ? g->k : g->m,
                                          g->transpose_a ? g->m : g->k, g->a_offset, g->a_ld, g->a_stride);
    if (status == CLN_OK)
        status = check_matrix(g, context, "B", g->b, g->transpose_b ? g->n : g->k, g->transpose_b ? g->k : g->n,
                              g->b_offset, g->b_ld, g->b_stride);
    if (status == CLN_OK)
        status = check_matrix(g, context, "C", g->c, g->m, g->n, g->c_offset, g->c_ld, g->c_stride);
    return status;
}

/* Sets the parameters of CLBlast's XgemmDirect, in the order of `names`: sets of WGD × WGD, computed by work-groups of
 * MDIMCD × NDIMCD. */
static enum cln_status set_tile(struct ocl_context *context, int set) {
    static const char *const names[] = {"WGD",  "MDIMCD", "NDIMCD", "MDIMAD", "NDIMBD",
                                        "KWID", "VWMD",   "VWND",   "PADA",   "PADB"};
    enum { COUNT = sizeof names / sizeof *names };
    static const size_t sets[OCL_GEMM_SETS][COUNT] = {
        {0},
        {8, 8, 8, 8, 8, 2, 1, 1, 1, 1},
        {16, 8, 8, 8, 8, 2, 1, 1, 1, 1},
        {16, 8, 8, 8, 8, 2, 2, 2, 1, 1},
        {32, 8, 8, 8, 8, 2, 1, 1, 1, 1},
        {32, 16, 16, 16, 16, 2, 2, 2, 1, 1},
        {64, 16, 16, 16, 16, 2, 4, 4, 1, 1},
    };
    if (set < 0 || set >= OCL_GEMM_SETS)
        return cln_fail(CLN_INVALID, "gemm_parameters %d: there are 0 to %d", set, OCL_GEMM_SETS - 1);
    if (set == 0 || set == context->gemm_set)
        return CLN_OK;
    if (sets[set][1] * sets[set][2] > context->device.max_work_group_size)
        return cln_fail(CLN_INVALID, "gemm_parameters %d takes groups of %zu, %s has %zu at most", set,
                        sets[set][1] * sets[set][2], context->device.name, context->device.max_work_group_size);
    const enum cln_status status = OCL_CALL(CLBlastOverrideParameters, context->device.device_id, "XgemmDirect",
                                            CLBlastPrecisionSingle, COUNT, (const char **)names, sets[set]);
    if (status == CLN_OK)
        context->gemm_set = set;
    return status;
}

static enum cln_status multiply(const struct ocl_gemm *g, cl_command_queue *queue) {
    CLBlastTranspose ta = g->transpose_a ? CLBlastTransposeYes : CLBlastTransposeNo;
    CLBlastTranspose tb = g->transpose_b ? CLBlastTransposeYes : CLBlastTransposeNo;
    if (g->batch_count == 1)
        return OCL_CALL(CLBlastSgemm, CLBlastLayoutRowMajor, ta, tb, g->m, g->n, g->k, g->alpha, g->a->memory,
                        g->a_offset, g->a_ld, g->b->memory, g->b_offset, g->b_ld, g->beta, g->c->memory, g->c_offset,
                        g->c_ld, queue, NULL);
    return OCL_CALL(CLBlastSgemmStridedBatched, CLBlastLayoutRowMajor, ta, tb, g->m, g->n, g->k, g->alpha, g->a->memory,
                    g->a_offset, g->a_ld, g->a_stride, g->b->memory, g->b_offset, g->b_ld, g->b_stride, g->beta,
                    g->c->memory, g->c_offset, g->c_ld, g->c_stride, g->batch_count, queue, NULL);
}

static enum cln_status mark(cl_command_queue queue, cl_event *event) {
    enum cln_status status = OCL_CALL(clEnqueueMarkerWithWaitList, queue, 0, NULL, event);
    if (status == CLN_OK)
        ocl_count_handle();
    return status;
}

/* CLBlast's programs keep their context alive, and its cache lives as long as the process. The cache can only be
 * cleared as a whole: other contexts then build again what they need. */
static void forget_products(void) {
    ocl_check_released(CLBlastClearCache(), "CLBlastClearCache");
}

/* CLBlast launches helper kernels beside the product but returns only the last one's event. Markers before and after
 * cover them all. */
static enum cln_status enqueue(void *state, struct ocl_span *span) {
    struct gemm *gemm = state;
    cl_command_queue queue = gemm->context->queue;
    enum cln_status status = span ? mark(queue, &span->begin) : CLN_OK;
    if (status == CLN_OK) {
        if (!gemm->context->forget_products)
            ocl_count_handle();
        gemm->context->forget_products = forget_products;
        gemm->context->usage.gemm = true;
        status = multiply(&gemm->g, &queue);
    }
    if (status == CLN_OK && span)
        status = mark(queue, &span->end);
    return status;
}

bool ocl_gemm_available(void) {
    return true;
}

bool ocl_gemm_suits(const struct ocl_device *device) {
    return !device->groups_pretended && device->max_work_group_size >= LEAST_GROUP && device->local_memory_bytes > 0;
}

enum cln_status ocl_sequence_add_gemm(struct ocl_sequence *sequence, const struct ocl_gemm *gemm) {
    struct ocl_context *context = ocl_sequence_context(sequence);
    const char *label = gemm->label ? gemm->label : "gemm";
    enum cln_status status = check(gemm, context);
    if (status == CLN_OK)
        status = set_tile(context, gemm->parameters);
    if (status != CLN_OK)
        return cln_fail_within(status, "%s", label);
    struct gemm *state = malloc(sizeof *state);
    if (!state)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a gemm");
    *state = (struct gemm){.context = context, .g = *gemm};
    state->g.label = NULL; /* the caller's memory, which the sequence has copied */
    double m = (double)gemm->m, n = (double)gemm->n, k = (double)gemm->k, batch = (double)gemm->batch_count;
    struct ocl_action action = {.enqueue = enqueue, .destroy = free, .state = state};
    return ocl_sequence_append(sequence, label, action, 2 * m * n * k * batch,
                               sizeof(float) * (m * k + k * n + m * n) * batch);
}

#else

bool ocl_gemm_available(void) {
    return false;
}

bool ocl_gemm_suits(const struct ocl_device *device) {
    (void)device;
    return false;
}

enum cln_status ocl_sequence_add_gemm(struct ocl_sequence *sequence, const struct ocl_gemm *gemm) {
    (void)sequence;
    return cln_fail(CLN_INVALID, "%s: this library was built without CLBlast", gemm->label ? gemm->label : "gemm");
}

#endif

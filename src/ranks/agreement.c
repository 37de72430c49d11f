/* What all processes compare, and agree on: see include/clenet/ranks.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/ranks/ranks_private.h"

enum cln_status cln_ranks_any(struct cln_ranks *r, bool own, bool *any) {
    *any = own;
    if (!r)
        return CLN_OK;
    bool *all = calloc((size_t)r->here.count, sizeof *all);
    if (!all)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %d answers", r->here.count);
    all[r->here.rank] = own;
    const enum cln_status status = cln_ranks_gather_each(r, all, sizeof *all);
    for (int p = 0; p < r->here.count && status == CLN_OK; p++)
        *any |= all[p];
    free(all);
    return status;
}

struct answer {
    enum cln_status status;
    bool is_shared; /* the text names its process, as all know it from before */
    char text[MESSAGE_BYTES];
};

/* The answers of all processes; free() them. NULL after a failure. */
static struct answer *ask_all(struct cln_ranks *r, enum cln_status own, const char *text, enum cln_status *status) {
    struct answer *all = calloc((size_t)r->here.count, sizeof *all);
    if (!all) {
        *status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for %d answers", r->here.count);
        return NULL;
    }
    all[r->here.rank].status = own;
    all[r->here.rank].is_shared = r->shared;
    snprintf(all[r->here.rank].text, MESSAGE_BYTES, "%s", text);
    *status = cln_ranks_gather_each(r, all, sizeof *all);
    if (*status == CLN_OK)
        return all;
    free(all);
    return NULL;
}

enum cln_status cln_ranks_agree(struct cln_ranks *r, enum cln_status status) {
    if (!r)
        return status;
    enum cln_status asked;
    struct answer *all = ask_all(r, status, status == CLN_OK ? "" : cln_error_message(), &asked);
    if (!all)
        return status != CLN_OK ? status : asked;
    int first = 0;
    while (first < r->here.count && all[first].status == CLN_OK)
        first++;
    r->shared = first < r->here.count;
    r->teller = 0;
    if (r->shared)
        status = all[first].is_shared ? cln_fail(all[first].status, "%-s", all[first].text)
                                      : cln_fail(all[first].status, "%s: %-s", r->peers[first].name, all[first].text);
    free(all);
    return status;
}

enum cln_status cln_ranks_compare(struct cln_ranks *r, const char *what, const char *value) {
    if (!r)
        return CLN_OK;
    enum cln_status status;
    struct answer *all = ask_all(r, CLN_OK, value, &status);
    for (int p = 1; all && p < r->here.count && status == CLN_OK; p++)
        if (strcmp(all[p].text, all[0].text) != 0)
            status = cln_fail(CLN_INVALID, "%s has another %s than %s: %s, not %s", r->peers[p].name, what,
                              r->peers[0].name, all[p].text, all[0].text);
    if (status != CLN_OK && all)
        r->shared = true, r->teller = 0;
    free(all);
    return status;
}

/* Whether one of the lines before `end` is that from `line` on. */
static bool is_before(const char *line, const char *lines, const char *end) {
    const size_t length = strcspn(line, "\n");
    for (const char *at = lines; at < end && *at; at += strcspn(at, "\n"), at += *at == '\n')
        if (strcspn(at, "\n") == length && memcmp(at, line, length) == 0)
            return true;
    return false;
}

/* `all`: the lines of each process, one process behind the other, with a line feed after each. */
static enum cln_status list_lines(char **out, const struct cln_ranks *r, const char *all, const size_t *bounds) {
    size_t bytes = 0;
    FILE *list = open_memstream(out, &bytes);
    if (!list)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for what %d processes tell", r->here.count);
    for (int p = 1; p < r->here.count; p++)
        for (const char *line = all + bounds[p]; line < all + bounds[p + 1]; line += strcspn(line, "\n") + 1)
            if (!is_before(line, all, line))
                fprintf(list, "%s: %.*s\n", r->peers[p].name, (int)strcspn(line, "\n"), line);
    fclose(list);
    if (bytes == 0) {
        free(*out);
        *out = NULL;
    }
    return CLN_OK;
}

enum cln_status cln_ranks_collect(struct cln_ranks *r, const char *lines, char **out) {
    *out = NULL;
    if (!r)
        return CLN_OK;
    const size_t own = lines ? strlen(lines) : 0;
    size_t *bounds = calloc((size_t)r->here.count + 1, sizeof *bounds);
    char *all = NULL;
    if (!bounds)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %d sizes", r->here.count);
    bounds[r->here.rank] = own;
    enum cln_status status = cln_ranks_gather_each(r, bounds, sizeof *bounds);
    for (size_t p = 0, sum = 0; p <= (size_t)r->here.count && status == CLN_OK; p++) {
        const size_t bytes = bounds[p];
        bounds[p] = sum;
        sum += bytes;
    }
    if (status == CLN_OK && bounds[r->here.count] > 0) {
        all = calloc(1, bounds[r->here.count] + 1);
        if (!all)
            status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for what %d processes tell", r->here.count);
        if (status == CLN_OK && own > 0)
            memcpy(all + bounds[r->here.rank], lines, own);
        if (status == CLN_OK)
            status = cln_ranks_gather(r, all, bounds);
        if (status == CLN_OK && r->here.rank == 0)
            status = list_lines(out, r, all, bounds);
    }
    free(all);
    free(bounds);
    return status;
}

enum cln_status cln_ranks_in_turn(struct cln_ranks *r, enum cln_status (*own)(void *user), void *user) {
    if (!r)
        return own(user);
    enum cln_status status = CLN_OK;
    if (r->here.local == 0)
        status = own(user);
    status = cln_ranks_agree(r, status);
    if (status != CLN_OK)
        return status;
    return cln_ranks_agree(r, r->here.local == 0 ? CLN_OK : own(user));
}

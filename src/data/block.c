/* Memory for pixels: see block.h. */
#include "src/data/block.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "src/base/helpers.h"

double cln_block_limit(void) {
    return 0.5 * cln_memory_bytes();
}

/* An unlinked file in $TMPDIR or /var/tmp, which other than /tmp is rarely memory itself. */
static int open_unlinked(char *path, size_t room) {
    const char *folder = getenv("TMPDIR");
    snprintf(path, room, "%s/clenet-pixels-XXXXXX", folder && folder[0] == '/' ? folder : "/var/tmp");
    const int file = mkostemp(path, O_CLOEXEC);
    if (file >= 0)
        unlink(path);
    return file;
}

enum cln_status cln_block_reserve(struct cln_block *block, size_t bytes, double limit, const char *name) {
    char path[4096];
    *block = (struct cln_block){.bytes = NULL};
    if ((double)bytes <= limit) {
        block->bytes = malloc(bytes > 0 ? bytes : 1);
        return block->bytes ? CLN_OK
                            : cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory for %zu bytes of pixels", name, bytes);
    }
    const int file = open_unlinked(path, sizeof path);
    /* Room is taken now: a full disk would otherwise end the program when a page is written. */
    const int reason = file < 0 ? errno : posix_fallocate(file, 0, (off_t)bytes);
    void *mapped = reason == 0 ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
    const int failed = reason != 0 ? reason : mapped == MAP_FAILED ? errno : 0;
    if (file >= 0)
        close(file);
    if (failed != 0)
        return cln_fail(
            CLN_IO,
            "%s: %zu bytes of pixels are more than half of this machine's memory, and %s cannot hold them: %s; "
            "set TMPDIR to a folder with room",
            name, bytes, path, strerror(failed));
    *block = (struct cln_block){.bytes = mapped, .mapped = bytes};
    return CLN_OK;
}

static size_t page_bytes(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

enum cln_status cln_block_map(struct cln_block *block, int file, size_t at, size_t bytes, const char *name) {
    const size_t before = at % page_bytes();
    *block = (struct cln_block){.bytes = NULL};
    char *page =
        mmap(NULL, before + bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, (off_t)(at - before));
    if (page == MAP_FAILED)
        return cln_fail(errno == ENOMEM ? CLN_OUT_OF_MEMORY : CLN_IO, "%s: cannot map %zu bytes: %s", name, bytes,
                        strerror(errno));
    *block = (struct cln_block){page + before, bytes};
    return CLN_OK;
}

void cln_block_cut(struct cln_block *block, size_t bytes) {
    if (block->mapped == 0) {
        void *fewer = realloc(block->bytes, bytes);
        block->bytes = fewer ? fewer : block->bytes;
        return;
    }
    /* In whole pages, which stay mapped: the file has them. */
    char *first = block->bytes, *end = first + bytes;
    end += (page_bytes() - (uintptr_t)end % page_bytes()) % page_bytes();
    if (end < first + block->mapped)
        (void)madvise(end, (size_t)(first + block->mapped - end), MADV_DONTNEED);
}

void cln_block_free(struct cln_block *block) {
    const size_t before = (uintptr_t)block->bytes % page_bytes();
    if (block->mapped > 0)
        munmap((char *)block->bytes - before, before + block->mapped);
    else
        free(block->bytes);
    *block = (struct cln_block){.bytes = NULL};
}

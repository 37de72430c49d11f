/* A fuzz target as an ordinary program: runs over the files and folders that it is given. A file whose name begins with
 * "good-" has to be accepted, one with "bad-" refused; of others nothing is expected but that all properties hold. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/support.h"

static int inputs;

/* The bytes lie in a block of exactly their size, so that AddressSanitizer sees a read past them. */
static void run(const char *path, size_t size) {
    FILE *stream = fopen(path, "rb");
    uint8_t *bytes = malloc(size ? size : 1);
    fuzz_require(stream && bytes && fread(bytes, 1, size, stream) == size);
    fclose(stream);
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
}

static int visit(const char *path, const struct stat *info, int kind, struct FTW *place) {
    if (kind == FTW_D)
        return 0;
    fuzz_require(kind == FTW_F);
    const char *name = path + place->base;
    fprintf(stderr, "%s\n", path);
    run(path, (size_t)info->st_size);
    fuzz_require(fuzz_accepted || strncmp(name, "good-", 5) != 0);
    fuzz_require(!fuzz_accepted || strncmp(name, "bad-", 4) != 0);
    inputs++;
    return 0;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        fuzz_require(nftw(argv[i], visit, 16, FTW_PHYS) == 0);
    printf("%d inputs\n", inputs);
    return inputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

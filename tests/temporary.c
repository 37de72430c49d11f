/* Files for the tests of src/data. */
#include "tests/temporary.h"

#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

enum { PATH_BYTES = 1024 };

static char folder[PATH_BYTES / 2];

int temporary_create(void **state) {
    (void)state;
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%s/clenet-test-XXXXXX", parent && parent[0] ? parent : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

int temporary_remove(void **state) {
    (void)state;
    return nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *temporary_path(const char *name) {
    static char paths[4][PATH_BYTES];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, PATH_BYTES, "%s%s%s", folder, name[0] ? "/" : "", name);
    return path;
}

static const char *path_to_write(const char *name) {
    char parent[PATH_BYTES];
    snprintf(parent, sizeof(parent), "%s", temporary_path(name));
    for (char *at = parent + strlen(folder) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        mkdir(parent, 0700);
        *at = '/';
    }
    return temporary_path(name);
}

void temporary_write(const char *name, const void *bytes, size_t count) {
    FILE *file = fopen(path_to_write(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

void temporary_write_gzip(const char *name, const void *bytes, size_t count) {
    gzFile file = gzopen(path_to_write(name), "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)count), count);
    assert_int_equal(gzclose(file), Z_OK);
}

size_t temporary_count(const char *name) {
    DIR *directory = opendir(temporary_path(name));
    size_t count = 0;
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (directory)
        closedir(directory);
    return count;
}

static uint8_t *put_u32(uint8_t *at, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(value >> shift);
    return at;
}

size_t idx_make(uint8_t *out, unsigned rank, const uint32_t *sizes, unsigned modulus) {
    uint8_t *at = put_u32(out, 0x0800 | rank);
    size_t count = 1;
    for (unsigned i = 0; i < rank; i++) {
        at = put_u32(at, sizes[i]);
        count *= sizes[i];
    }
    for (size_t i = 0; i < count; i++)
        *at++ = (uint8_t)(i % modulus);
    return (size_t)(at - out);
}

static void write_idx(const char *parent, const char *name, unsigned rank, const uint32_t *sizes, unsigned modulus) {
    static uint8_t bytes[1 << 16];
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/%s", parent, name);
    size_t count = idx_make(bytes, rank, sizes, modulus);
    assert_true(count <= sizeof(bytes));
    if (strstr(name, ".gz"))
        temporary_write_gzip(path, bytes, count);
    else
        temporary_write(path, bytes, count);
}

void idx_write_folder(const char *parent, uint32_t train, uint32_t test, uint32_t height, uint32_t width,
                      unsigned classes) {
    write_idx(parent, "train-images-idx3-ubyte", 3, (uint32_t[]){train, height, width}, 256);
    write_idx(parent, "train-labels-idx1-ubyte.gz", 1, (uint32_t[]){train}, classes);
    write_idx(parent, "t10k-images-idx3-ubyte.gz", 3, (uint32_t[]){test, height, width}, 251);
    write_idx(parent, "t10k-labels-idx1-ubyte", 1, (uint32_t[]){test}, classes);
}

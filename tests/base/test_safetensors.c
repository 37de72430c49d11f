/* The safetensors format: back and forth, files that lie, and writing that fails half-way. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/safetensors.h"
#include "tests/temporary.h"

static char path[512];

static int create_folder(void **state) {
    int failed = temporary_create(state);
    snprintf(path, sizeof(path), "%s", temporary_path("file.safetensors"));
    return failed;
}

/* ---- Back and forth ---- */

static const float singles[] = {1, -0.0F, 3.25F, 1e-40F, 1e38F, 0.1F};
static const int64_t count_of_batches = INT64_MIN + 7;
static const uint8_t octets[] = {0, 1, 128, 254, 255};
static const double doubles[] = {0.1, -1e300};
static const int32_t words[] = {-2, INT32_MAX};
static const uint16_t halves[] = {1, 65535};
static const struct cln_safetensor tensors[] = {
    {"singles", CLN_F32, 2, {2, 3}, 6, singles}, {"count", CLN_I64, .count = 1, .data = &count_of_batches},
    {"octets", CLN_U8, 1, {5}, 5, octets},       {"doubles", CLN_F64, 3, {1, 2, 1}, 2, doubles},
    {"words", CLN_I32, 1, {2}, 2, words},        {"halves", CLN_U16, 1, {2}, 2, halves},
};
enum { TENSOR_COUNT = sizeof(tensors) / sizeof(tensors[0]) };
static const struct cln_safetensors_metadata metadata[] = {{"text", "\"σ\"\n"}, {"empty", ""}};

static enum cln_status write_tensors(const char *to) {
    return cln_safetensors_write(to, tensors, TENSOR_COUNT, metadata, 2);
}

static void assert_file_is_whole(void) {
    struct cln_safetensors *file;
    if (cln_safetensors_read(&file, path) != CLN_OK)
        fail_msg("%s", cln_error_message());
    assert_int_equal(file->tensor_count, TENSOR_COUNT);
    for (size_t i = 0; i < TENSOR_COUNT; i++) {
        const struct cln_safetensor *tensor = &file->tensors[i];
        assert_string_equal(tensor->name, tensors[i].name);
        assert_int_equal(tensor->dtype, tensors[i].dtype);
        assert_int_equal(tensor->rank, tensors[i].rank);
        assert_memory_equal(tensor->dims, tensors[i].dims, sizeof(tensor->dims));
        assert_int_equal(tensor->count, tensors[i].count);
        assert_memory_equal(tensor->data, tensors[i].data, tensor->count * cln_dtype_bytes(tensor->dtype));
        assert_ptr_equal(cln_safetensors_find(file, tensor->name), tensor);
    }
    assert_null(cln_safetensors_find(file, "single"));
    assert_string_equal(cln_safetensors_metadata(file, "text"), metadata[0].value);
    assert_string_equal(cln_safetensors_metadata(file, "empty"), "");
    assert_null(cln_safetensors_metadata(file, "tex"));
    cln_safetensors_destroy(&file);
    assert_null(file);
    cln_safetensors_destroy(&file);
    assert_int_equal(temporary_count(""), 1); /* nothing is left aside */
}

/* The header alone tells all but the numbers, and where these are. */
static void assert_file_is_described(void) {
    struct cln_safetensors *file;
    unsigned char bytes[1024];
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    assert_true(fread(bytes, 1, sizeof bytes, stream) > 0);
    fclose(stream);
    if (cln_safetensors_describe(&file, path) != CLN_OK)
        fail_msg("%s", cln_error_message());
    assert_int_equal(file->tensor_count, TENSOR_COUNT);
    assert_string_equal(cln_safetensors_metadata(file, "text"), metadata[0].value);
    for (size_t i = 0; i < TENSOR_COUNT; i++) {
        const struct cln_safetensor *tensor = &file->tensors[i];
        unsigned char numbers[64];
        const size_t wide = cln_dtype_bytes(tensor->dtype);
        assert_string_equal(tensor->name, tensors[i].name);
        assert_memory_equal(tensor->dims, tensors[i].dims, sizeof(tensor->dims));
        assert_null(tensor->data);
        memcpy(numbers, bytes + tensor->at, tensor->count * wide);
        cln_little_endian(numbers, tensor->count, wide);
        assert_memory_equal(numbers, tensors[i].data, tensor->count * wide);
        assert_int_equal(tensor->at % wide, 0);
    }
    cln_safetensors_destroy(&file);
}

static void test_comes_back(void **state) {
    (void)state;
    assert_int_equal(write_tensors(path), CLN_OK);
    assert_file_is_whole();
    assert_int_equal(write_tensors(path), CLN_OK); /* over the old one */
    assert_file_is_whole();
    assert_file_is_described();
}

/* As other readers want it: the header of 8·n bytes opens with '{', every number stands at a multiple of its size. */
static void test_bytes_of_the_file(void **state) {
    (void)state;
    assert_int_equal(write_tensors(path), CLN_OK);
    unsigned char bytes[1024];
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    size_t count = fread(bytes, 1, sizeof(bytes), stream);
    fclose(stream);
    size_t header = bytes[0] + 256U * bytes[1];
    assert_int_equal(header % 8, 0);
    assert_int_equal(bytes[8], '{');
    assert_int_equal(count, 8 + header + 8 + 16 + 24 + 8 + 4 + 5);
    static const unsigned char least[] = {7, 0, 0, 0, 0, 0, 0, 0x80}, tenth[] = {0x9a, 0x99, 0x99, 0x99},
                               one[] = {0, 0, 0x80, 0x3f};
    assert_memory_equal(bytes + 8 + header, least, sizeof(least));
    assert_memory_equal(bytes + 8 + header + 8, tenth, sizeof(tenth));
    assert_memory_equal(bytes + 8 + header + 24, one, sizeof(one));
    assert_memory_equal(bytes + 8 + header + 60, octets, sizeof(octets));

    struct stat info;
    mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0644 & ~mask);
}

/* ---- Files that lie ---- */

static void write_raw(const char *header, uint64_t header_bytes, const void *numbers, size_t bytes) {
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)(header_bytes >> (8 * i));
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    fwrite(length, 1, 8, stream);
    fputs(header, stream);
    fwrite(numbers, 1, bytes, stream);
    assert_int_equal(fclose(stream), 0);
}

#define W "{\"w\":{\"dtype\":"
#define AT(begin, end) ",\"data_offsets\":[" #begin "," #end "]}"

static void test_lying_files_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *header, *message; /* followed by 8 bytes of numbers */
    } cases[] = {
        {"", "header"},
        {"[]", "object"},
        {"{\"w\":{}", "header: "},
        {"{\"w\":3}", "\"w\""},
        {"{\"w\":{}}", "\"w\""},
        {W "\"F32\",\"shape\":[2]" AT(0, 8) ",\"w\":{\"dtype\":\"F32\",\"shape\":[2]" AT(0, 8) "}", "duplicate"},
        {W "\"F32\",\"shape\":[3]" AT(0, 8) "}", "3 numbers of type F32 take 12 bytes"},
        {W "\"F32\",\"shape\":[2]" AT(0, 9) "}", "outside"},
        {W "\"F32\",\"shape\":[2]" AT(8, 16) "}", "outside"},
        {W "\"F32\",\"shape\":[2]" AT(-8, 0) "}", "outside"},
        {W "\"F32\",\"shape\":[2]" AT(8, 0) "}", "outside"},
        {W "\"F32\",\"shape\":[0]" AT(9223372036854775807, 9223372036854775807) "}", "outside"},
        {W "\"F32\",\"shape\":[2]" AT(0, 99999999999999999999) "}", "header: "},
        {W "\"F32\",\"shape\":[1]" AT(0, 4) "}", "last 4 bytes"},
        {W "\"F32\",\"shape\":[1]" AT(4, 8) "}", "4 bytes before"},
        {W "\"F32\",\"shape\":[2]" AT(0, 8) ",\"v\":{\"dtype\":\"F32\",\"shape\":[1]" AT(4, 8) "}", "overlap"},
        {W "\"F32\",\"shape\":[-2]" AT(0, 8) "}", "dimension 0"},
        {W "\"F32\",\"shape\":[-1,-2]" AT(0, 8) "}", "dimension 0"},
        {W "\"F32\",\"shape\":[2.5]" AT(0, 8) "}", "dimension 0"},
        {W "\"F32\",\"shape\":[4294967296,4294967296]" AT(0, 0) "}", "impossibly large"},
        {W "\"F32\",\"shape\":[2,4611686018427387904]" AT(0, 0) "}", "impossibly large"},
        {W "\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2]" AT(0, 8) "}", "of more than 8, clenet's limit"},
        {W "\"F32\",\"shape\":2" AT(0, 8) "}", "shape"},
        {W "\"I16\",\"shape\":[4]" AT(0, 8) "}", "type I16"},
        {W "32,\"shape\":[2]" AT(0, 8) "}", "\"w\""},
        {W "\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", "\"w\""},
        {"{\"__metadata__\":[]}", "__metadata__"},
        {"{\"__metadata__\":{\"a\":1}}", "not a string"},
        {"{\"__metadata__\":{\"a\\u0000\":\"\"}}", "header: "},
        {W "\"F32\\u0000\",\"shape\":[2]" AT(0, 8) "}", "\"w\" has type ;"},
        {"{}", "last 8 bytes"},
    };
    struct cln_safetensors *file;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_raw(cases[i].header, strlen(cases[i].header), "\0\0\0\0\0\0\0", 8);
        if (cln_safetensors_read(&file, path) != CLN_INVALID || file)
            fail_msg("%s is not refused", cases[i].header);
        if (!strstr(cln_error_message(), cases[i].message) || !strstr(cln_error_message(), path))
            fail_msg("%s: message \"%s\" lacks \"%s\" or the path", cases[i].header, cln_error_message(),
                     cases[i].message);
        if (cln_safetensors_describe(&file, path) != CLN_INVALID || file)
            fail_msg("%s is described", cases[i].header);
    }
    static const uint64_t lengths[] = {3, 100000000, 1ULL << 32, UINT64_MAX - 7, UINT64_MAX};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        write_raw("{}", lengths[i], "", 0);
        assert_int_equal(cln_safetensors_read(&file, path), CLN_INVALID);
        assert_int_equal(cln_safetensors_describe(&file, path), CLN_INVALID);
    }
}

static void test_odd_but_honest_files_are_read(void **state) {
    (void)state;
    /* Numbers that stand at odd places and not in the header's order, an empty tensor, spaces behind the header. */
    const char header[] =
        "{\"b\":{\"dtype\":\"F32\",\"shape\":[1]" AT(1, 5) ",\"a\":{\"dtype\":\"U8\",\"shape\":[1,1]" AT(
            0, 1) ",\"none\":{\"dtype\":\"I64\",\"shape\":[0,7]" AT(1, 1) "}  ";
    write_raw(header, strlen(header), "\x07\0\0\x80\x3f", 5);
    struct cln_safetensors *file;
    if (cln_safetensors_read(&file, path) != CLN_OK)
        fail_msg("%s", cln_error_message());
    assert_int_equal(*(const uint8_t *)cln_safetensors_find(file, "a")->data, 7);
    assert_true(*(const float *)cln_safetensors_find(file, "b")->data == 1);
    assert_int_equal(cln_safetensors_find(file, "none")->count, 0);
    assert_null(cln_safetensors_metadata(file, "clenet"));
    cln_safetensors_destroy(&file);
    /* One kind of number, no metadata, and a string that no name of clenet's has. */
    static const char *const others[] = {W "\"F32\",\"shape\":[1.0,1e0]" AT(0.0, 4e0) ",\"__metadata__\":null}",
                                         W "\"F32\",\"shape\":[1]" AT(0, 4) ",\"__metadata__\":{\"x\":\"a\\u0000b\"}}"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        write_raw(others[i], strlen(others[i]), "\0\0\x80\x3f", 4);
        if (cln_safetensors_read(&file, path) != CLN_OK)
            fail_msg("%s", cln_error_message());
        assert_true(*(const float *)cln_safetensors_find(file, "w")->data == 1);
        assert_int_equal(file->metadata_count, 0);
        cln_safetensors_destroy(&file);
    }
}

static void test_what_is_not_a_file(void **state) {
    (void)state;
    struct cln_safetensors *file;
    assert_int_equal(cln_safetensors_read(&file, temporary_path("none")), CLN_NOT_FOUND);
    assert_non_null(strstr(cln_error_message(), temporary_path("none")));
    assert_int_equal(cln_safetensors_read(&file, temporary_path("")), CLN_INVALID);
    assert_int_equal(cln_safetensors_read(&file, "/dev/null"), CLN_INVALID);
    assert_int_equal(write_tensors("/dev/null"), CLN_INVALID);
    assert_int_equal(write_tensors(temporary_path("")), CLN_INVALID);
    assert_int_equal(write_tensors(temporary_path("none/file.safetensors")), CLN_IO);
    assert_non_null(strstr(cln_error_message(), temporary_path("none/file.safetensors")));
    struct stat info;
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
}

/* ---- Writing that fails ---- */

static enum cln_status write_limited(int resource, rlim_t most) {
    struct rlimit limit, before;
    assert_int_equal(getrlimit(resource, &before), 0);
    limit = before;
    limit.rlim_cur = most;
    assert_int_equal(setrlimit(resource, &limit), 0);
    enum cln_status status = write_tensors(path);
    assert_int_equal(setrlimit(resource, &before), 0);
    return status;
}

/* A limit of the file's size stops the write at any place, as a full disk would. */
static void test_full_disk_leaves_the_old_file(void **state) {
    (void)state;
    assert_int_equal(write_tensors(path), CLN_OK);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t bytes = 0; bytes < (rlim_t)info.st_size; bytes += 7) {
        assert_int_equal(write_limited(RLIMIT_FSIZE, bytes), CLN_IO);
        assert_non_null(strstr(cln_error_message(), strerror(EFBIG)));
        assert_file_is_whole();
    }
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(write_limited(RLIMIT_FSIZE, (rlim_t)info.st_size), CLN_OK);
    assert_file_is_whole();
}

/* That no more files may be opened stands in for a folder that takes none: it stops root, too. */
static void test_unwritable_folder_leaves_the_old_file(void **state) {
    (void)state;
    assert_int_equal(write_tensors(path), CLN_OK);
    assert_int_equal(write_limited(RLIMIT_NOFILE, 0), CLN_IO);
    assert_non_null(strstr(cln_error_message(), "cannot create a file beside"));
    assert_file_is_whole();
    if (geteuid() == 0)
        return;
    assert_int_equal(chmod(temporary_path(""), 0500), 0);
    enum cln_status status = write_tensors(path);
    assert_int_equal(chmod(temporary_path(""), 0700), 0);
    assert_int_equal(status, CLN_IO);
    assert_file_is_whole();
}

static void test_symbolic_link_is_followed(void **state) {
    (void)state;
    assert_int_equal(write_tensors(path), CLN_OK);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(symlink("file.safetensors", temporary_path("link")), 0);
    enum cln_status status = write_tensors(temporary_path("link"));
    struct stat info;
    assert_int_equal(lstat(temporary_path("link"), &info), 0);
    assert_int_equal(unlink(temporary_path("link")), 0);
    assert_int_equal(status, CLN_OK);
    assert_true(S_ISLNK(info.st_mode));
    assert_file_is_whole();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_back),
        cmocka_unit_test(test_bytes_of_the_file),
        cmocka_unit_test(test_lying_files_are_refused),
        cmocka_unit_test(test_odd_but_honest_files_are_read),
        cmocka_unit_test(test_what_is_not_a_file),
        cmocka_unit_test(test_full_disk_leaves_the_old_file),
        cmocka_unit_test(test_unwritable_folder_leaves_the_old_file),
        cmocka_unit_test(test_symbolic_link_is_followed),
    };
    return cmocka_run_group_tests_name("safetensors", tests, create_folder, temporary_remove);
}

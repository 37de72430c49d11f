/* Binaries of programs on disk. A file is trusted only if every check passes. */
#include "host/program_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum {
    KEY_DIGITS = 2 * sizeof(struct ocl_program_key),
    MAX_BINARY_BYTES = 64 << 20,
    ROOM_BYTES = 64 << 20,
    STALE_SECONDS = 3600
};

static const char suffix[] = ".program"; /* ending of a file; a file being written ends in ".PID-N" after it */

struct ocl_program_cache {
    int folder; /* stays open, so that the folder that was checked is the one used */
};

/* The header before the binary; a note is the header alone. It is in the machine's byte order: on another machine the
 * sizes do not match, and the file is ignored. */
struct header {
    char magic[16]; /* ends in the version of the format */
    struct ocl_program_key key;
    uint64_t bytes;
    uint8_t digest[SHA256_DIGEST_SIZE]; /* digest of the binary */
};

static struct header make_header(const struct ocl_program_key *key, const unsigned char *binary, size_t bytes) {
    struct header header = {.magic = "clenet binary 1", .key = *key, .bytes = bytes};
    struct sha256_ctx digest;
    sha256_init(&digest);
    sha256_update(&digest, bytes, binary);
    sha256_digest(&digest, sizeof header.digest, header.digest);
    return header;
}

static char *join(const char *base, const char *name) {
    char *path;
    return asprintf(&path, "%s/%s", base, name) < 0 ? NULL : path;
}

char *ocl_program_cache_folder(void) {
    const char *folder = getenv("CLENET_CACHE_DIR"), *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (folder && folder[0])
        return strdup(folder);
    if (base && base[0] == '/') /* the specification says to ignore a relative path */
        return join(base, "clenet/programs");
    return home && home[0] ? join(home, ".cache/clenet/programs") : NULL;
}

static bool is_ours_alone(const struct stat *info) {
    return info->st_uid == geteuid() && (info->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

enum cln_status ocl_program_cache_open(struct ocl_program_cache **out, const char *folder) {
    *out = NULL;
    struct stat info;
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return cln_fail(errno == ENOENT ? CLN_NOT_FOUND : CLN_IO, "%s: %s", folder, strerror(errno));
    enum cln_status status = CLN_OK;
    if (fstat(file, &info) != 0)
        status = cln_fail(CLN_IO, "%s: %s", folder, strerror(errno));
    else if (!is_ours_alone(&info))
        status = cln_fail(CLN_INVALID,
                          "%s belongs to another user, or others may write to it: no kernels are taken from there or "
                          "kept there; make it yours alone (chmod 700) or set CLENET_CACHE_DIR to another folder",
                          folder);
    if (status == CLN_OK && !(*out = malloc(sizeof **out)))
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for the cache of programs");
    if (status != CLN_OK) {
        close(file);
        return status;
    }
    (*out)->folder = file;
    return CLN_OK;
}

void ocl_program_cache_close(struct ocl_program_cache **cache) {
    if (!*cache)
        return;
    close((*cache)->folder);
    free(*cache);
    *cache = NULL;
}

enum { NAME_BYTES = KEY_DIGITS + sizeof suffix, ASIDE_BYTES = NAME_BYTES + 32 };

static void make_name(char name[NAME_BYTES], const struct ocl_program_key *key) {
    for (size_t i = 0; i < sizeof key->bytes; i++)
        sprintf(name + 2 * i, "%02x", key->bytes[i]);
    memcpy(name + KEY_DIGITS, suffix, sizeof suffix);
}

static bool read_whole(int file, void *out, size_t bytes) {
    for (size_t done = 0; done < bytes;) {
        ssize_t count = read(file, (char *)out + done, bytes - done);
        if (count == 0 || (count < 0 && errno != EINTR))
            return false;
        done += count > 0 ? (size_t)count : 0;
    }
    return true;
}

static bool write_whole(int file, const void *from, size_t bytes) {
    for (size_t done = 0; done < bytes;) {
        ssize_t count = write(file, (const char *)from + done, bytes - done);
        if (count < 0 && errno != EINTR)
            return false;
        done += count > 0 ? (size_t)count : 0;
    }
    return true;
}

static unsigned char *read_file(int file, const struct ocl_program_key *key, size_t *bytes) {
    struct stat info;
    struct header header;
    if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode) || !is_ours_alone(&info) ||
        !read_whole(file, &header, sizeof header))
        return NULL;
    if (header.bytes == 0 || header.bytes > MAX_BINARY_BYTES || (uint64_t)info.st_size != sizeof header + header.bytes)
        return NULL;
    *bytes = (size_t)header.bytes;
    unsigned char *binary = malloc(*bytes);
    if (binary && read_whole(file, binary, *bytes)) {
        struct header expected = make_header(key, binary, *bytes);
        if (memcmp(&header, &expected, sizeof header) == 0)
            return binary;
    }
    free(binary);
    return NULL;
}

unsigned char *ocl_program_cache_read(const struct ocl_program_cache *cache, const struct ocl_program_key *key,
                                      size_t *bytes) {
    char name[NAME_BYTES];
    make_name(name, key);
    int file = openat(cache->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return NULL;
    unsigned char *binary = read_file(file, key, bytes);
    if (binary)
        (void)futimens(file, NULL);
    close(file);
    return binary;
}

/* Creates a temporary file. Its name is unique among all processes, also those of other containers that share the
 * folder. */
static int create_aside(const struct ocl_program_cache *cache, char aside[ASIDE_BYTES], const char *name) {
    int file = -1;
    for (int attempt = 0; attempt < 100 && file < 0 && (attempt == 0 || errno == EEXIST); attempt++) {
        snprintf(aside, ASIDE_BYTES, "%s.%ld-%d", name, (long)getpid(), attempt);
        file = openat(cache->folder, aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    return file;
}

/* Writes a file; `bytes` 0: a note. */
static void write_file(const struct ocl_program_cache *cache, const struct ocl_program_key *key,
                       const unsigned char *binary, size_t bytes) {
    char name[NAME_BYTES], aside[ASIDE_BYTES];
    make_name(name, key);
    int file = create_aside(cache, aside, name);
    if (file < 0)
        return;
    struct header header = make_header(key, binary, bytes);
    /* Not synced: a file torn by a power failure fails its digest. */
    bool written = write_whole(file, &header, sizeof header) && write_whole(file, binary, bytes);
    written = close(file) == 0 && written;
    if (!written || renameat(cache->folder, aside, cache->folder, name) != 0)
        (void)unlinkat(cache->folder, aside, 0);
}

void ocl_program_cache_write(const struct ocl_program_cache *cache, const struct ocl_program_key *key,
                             const unsigned char *binary, size_t bytes) {
    if (bytes > 0 && bytes <= MAX_BINARY_BYTES)
        write_file(cache, key, binary, bytes);
}

bool ocl_program_cache_writable(const struct ocl_program_cache *cache) {
    return faccessat(cache->folder, ".", W_OK | X_OK, AT_EACCESS) == 0;
}

bool ocl_program_cache_has_room(const struct ocl_program_cache *cache) {
    struct statvfs room;
    struct rlimit largest;
    return fstatvfs(cache->folder, &room) == 0 && (double)room.f_bavail * (double)room.f_frsize >= ROOM_BYTES &&
           getrlimit(RLIMIT_FSIZE, &largest) == 0 && largest.rlim_cur >= ROOM_BYTES;
}

bool ocl_program_cache_knows(const struct ocl_program_cache *cache, const struct ocl_program_key *key) {
    char name[NAME_BYTES];
    struct stat info;
    make_name(name, key);
    return fstatat(cache->folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode);
}

static bool is_note(const struct ocl_program_cache *cache, const char *name) {
    struct stat info;
    return fstatat(cache->folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
           info.st_size == (off_t)sizeof(struct header);
}

void ocl_program_cache_note(const struct ocl_program_cache *cache, const struct ocl_program_key *key) {
    char name[NAME_BYTES];
    size_t bytes = 0;
    make_name(name, key);
    if (is_note(cache, name))
        return;
    unsigned char *binary = ocl_program_cache_read(cache, key, &bytes);
    if (!binary)
        write_file(cache, key, (const unsigned char *)"", 0);
    free(binary);
}

void ocl_program_cache_forget(const struct ocl_program_cache *cache, const struct ocl_program_key *key) {
    char name[NAME_BYTES];
    make_name(name, key);
    (void)unlinkat(cache->folder, name, 0);
}

struct entry {
    char name[ASIDE_BYTES];
    uint64_t bytes;
    struct timespec time;
    bool whole; /* complete; not being written */
};

static bool is_entry_name(const char *name) {
    return strlen(name) < ASIDE_BYTES && strspn(name, "0123456789abcdef") == KEY_DIGITS &&
           strncmp(name + KEY_DIGITS, suffix, sizeof suffix - 1) == 0 &&
           (name[KEY_DIGITS + sizeof suffix - 1] == '\0' || name[KEY_DIGITS + sizeof suffix - 1] == '.');
}

/* Lists the files that the cache has made; *out is the caller's: free(). */
static size_t list_entries(struct entry **out, const struct ocl_program_cache *cache) {
    size_t count = 0, capacity = 0;
    *out = NULL;
    int file = openat(cache->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* closedir closes it */
    DIR *folder = file < 0 ? NULL : fdopendir(file);
    if (!folder && file >= 0)
        close(file);
    for (struct dirent *found; folder && (found = readdir(folder)) != NULL;) {
        struct stat info;
        if (!is_entry_name(found->d_name) || fstatat(cache->folder, found->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(info.st_mode))
            continue;
        if (count == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            struct entry *grown = realloc(*out, capacity * sizeof *grown);
            if (!grown)
                break;
            *out = grown;
        }
        struct entry *entry = &(*out)[count++];
        *entry = (struct entry){.bytes = (uint64_t)info.st_size, .time = info.st_mtim};
        memcpy(entry->name, found->d_name, strlen(found->d_name) + 1);
        entry->whole = entry->name[KEY_DIGITS + sizeof suffix - 1] == '\0';
    }
    if (folder)
        closedir(folder);
    return count;
}

static int by_age(const void *a, const void *b) {
    const struct timespec *x = &((const struct entry *)a)->time, *y = &((const struct entry *)b)->time;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

void ocl_program_cache_trim(const struct ocl_program_cache *cache, uint64_t limit) {
    struct entry *entries = NULL;
    size_t count = list_entries(&entries, cache);
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += entries[i].bytes;
    if (count > 0)
        qsort(entries, count, sizeof *entries, by_age);
    for (size_t i = 0; i < count; i++) {
        bool stale = !entries[i].whole && entries[i].time.tv_sec < time(NULL) - STALE_SECONDS;
        if (bytes <= limit && !stale)
            continue;
        (void)unlinkat(cache->folder, entries[i].name, 0);
        bytes -= entries[i].bytes;
    }
    free(entries);
}

void ocl_program_cache_forget_notes(const struct ocl_program_cache *cache) {
    struct entry *entries = NULL;
    size_t count = list_entries(&entries, cache);
    for (size_t i = 0; i < count; i++)
        if (entries[i].whole && is_note(cache, entries[i].name))
            (void)unlinkat(cache->folder, entries[i].name, 0);
    free(entries);
}

struct ocl_program_cache_usage ocl_program_cache_measure(const struct ocl_program_cache *cache) {
    struct ocl_program_cache_usage usage = {0};
    struct entry *entries = NULL;
    size_t count = list_entries(&entries, cache);
    for (size_t i = 0; i < count; i++) {
        usage.programs += entries[i].whole;
        usage.bytes += entries[i].bytes;
    }
    free(entries);
    return usage;
}

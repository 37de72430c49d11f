/* Temporary files: creating, locking, naming and removing them; see aside.h. */
#include "src/base/aside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/place.h"
#include "src/base/replace.h"

enum { NAME_BYTES = 4096, MOST_NAMES = 8, ATTEMPTS = 100, ABOVE_STANDARD = 3 };

/* ---- Names that a handler of signals removes ---- */

/* Fixed memory, because a signal handler may read it at any moment. `used` is set while the name is complete. */
static struct {
    atomic_int used;
    atomic_int taken;
    char name[NAME_BYTES];
} names[MOST_NAMES];

static void remember(const char *name) {
    for (int i = 0; i < MOST_NAMES && strlen(name) < NAME_BYTES; i++) {
        int is_free = 0;
        if (!atomic_compare_exchange_strong(&names[i].taken, &is_free, 1))
            continue;
        strcpy(names[i].name, name);
        atomic_store(&names[i].used, 1);
        return;
    }
}

static void forget(const char *name) {
    for (int i = 0; i < MOST_NAMES; i++)
        if (atomic_load(&names[i].used) && strcmp(names[i].name, name) == 0) {
            atomic_store(&names[i].used, 0);
            atomic_store(&names[i].taken, 0);
            return;
        }
}

void cln_replace_abandon(void) {
    for (int i = 0; i < MOST_NAMES; i++)
        if (atomic_load(&names[i].used))
            (void)unlink(names[i].name);
}

void cln_aside_forget(char **name) {
    if (*name)
        forget(*name);
    free(*name);
    *name = NULL;
}

void cln_aside_remove(char **name) {
    if (*name)
        (void)unlink(*name);
    cln_aside_forget(name);
}

/* ---- Files ---- */

/* Locks the file until the descriptor and its copies are closed. On a file system without locks this fails harmlessly;
 * nobody then takes the file for a leftover either. `more` LOCK_NB: does not wait if another program holds the lock;
 * that lock then protects the name. */
static void lock(int file, int more) {
    while (flock(file, LOCK_EX | more) != 0 && errno == EINTR)
        continue;
}

/* Tries short names beside `path` until one is free, and keeps it. Not mkstemp: its mode of 0600 would stay, and the
 * umask cannot be asked without setting it. */
static int find_name(char **name, const char *path, int (*try_name)(const char *name, const void *with),
                     const void *with) {
    char *folder = cln_place_folder(path);
    int result = -1;
    errno = EEXIST;
    for (int attempt = 0; folder && result < 0 && errno == EEXIST && attempt < ATTEMPTS; attempt++) {
        free(*name);
        if (asprintf(name, "%s.clenet-%ld-%d.tmp", folder, (long)getpid(), attempt) < 0)
            *name = NULL;
        errno = ENOMEM;
        if (!*name)
            break;
        remember(*name);
        result = try_name(*name, with);
        if (result < 0) {
            const int error = errno;
            forget(*name);
            errno = error;
        }
    }
    const int error = folder ? errno : ENOMEM;
    if (result < 0) {
        free(*name);
        *name = NULL;
    }
    free(folder);
    errno = error;
    return result;
}

static int create_named(const char *name, const void *unused) {
    struct stat info;
    (void)unused;
    const int file = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file < 0)
        return -1;
    lock(file, 0);
    if (fstat(file, &info) == 0 && info.st_nlink > 0)
        return file;
    close(file); /* a cleaner has deleted it before it was locked */
    errno = EEXIST;
    return -1;
}

static int give_name(const char *name, const void *file) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", *(const int *)file);
    return linkat(AT_FDCWD, link, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

static int link_name(const char *name, const void *path) {
    return link(path, name);
}

/* Creates a nameless file, if the file system can: a killed program then leaves nothing behind. */
static int create_nameless(const char *path) {
    int file = -1;
#ifdef O_TMPFILE
    char *folder = cln_place_folder(path);
    if (folder && access("/proc/self/fd", X_OK) == 0) /* needed to name it later */
        file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
    if (file >= 0)
        lock(file, 0);
    free(folder);
#else
    (void)path;
#endif
    return file;
}

int cln_aside_create(char **name, const char *path) {
    *name = NULL;
    const int file = create_nameless(path);
    return file >= 0 ? file : find_name(name, path, create_named, NULL);
}

int cln_aside_nowhere(void) {
    int file = -1;
#ifdef MFD_CLOEXEC
    file = memfd_create("clenet", MFD_CLOEXEC);
#endif
    if (file >= 0)
        return file;
    FILE *temporary = tmpfile();
    if (temporary) {
        file = fcntl(fileno(temporary), F_DUPFD_CLOEXEC, ABOVE_STANDARD);
        fclose(temporary);
    }
    return file;
}

int cln_aside_name(char **name, const char *path, int file) {
    return find_name(name, path, give_name, &file);
}

int cln_aside_link(char **name, const char *path) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    lock(file, LOCK_NB);
    if (find_name(name, path, link_name, path) == 0)
        return file;
    const int error = errno;
    close(file);
    errno = error;
    return -1;
}

int cln_aside_publish(const char *path, int file) {
    return give_name(path, &file);
}

/* ---- What others have left ---- */

static bool is_aside(const char *name) {
    long process;
    int number, length = 0;
    return sscanf(name, ".clenet-%ld-%d.tmp%n", &process, &number, &length) == 2 && length > 0 && name[length] == '\0';
}

/* Deletes a file of this user that nobody has locked. On a file system without locks nothing is deleted. */
static void remove_stale(int folder, const char *name) {
    struct stat info;
    const int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return;
    if (fstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
        flock(file, LOCK_EX | LOCK_NB) == 0)
        (void)unlinkat(folder, name, 0);
    close(file);
}

void cln_aside_clean(const char *path) {
    char *name = cln_place_folder(path);
    DIR *folder = name ? opendir(name) : NULL;
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;)
        if (is_aside(entry->d_name))
            remove_stale(dirfd(folder), entry->d_name);
    if (folder)
        closedir(folder);
    free(name);
}

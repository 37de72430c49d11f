/* The cache of built programs on disk, so that the next process starts without compiling. It handles files; program.c
 * knows their content. A file that is damaged or suspicious counts as absent. */
#ifndef HOST_PROGRAM_CACHE_H
#define HOST_PROGRAM_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/program_key.h"

/* An open cache folder. Several processes may use one folder at the same time. */
struct ocl_program_cache;

/* The maximum size of a folder. */
#define OCL_PROGRAM_CACHE_BYTES (UINT64_C(256) << 20)

/* The path of the cache folder: $CLENET_CACHE_DIR, else clenet/programs in $XDG_CACHE_HOME or ~/.cache. The caller's:
 * free(). NULL: there is no home folder, or no memory; then nothing is cached. */
char *ocl_program_cache_folder(void);

/* Opens a folder. CLN_NOT_FOUND: it does not exist. CLN_INVALID: it is not this user's, or others may write to it;
 * whoever can write there can have their binaries run. */
enum cln_status ocl_program_cache_open(struct ocl_program_cache **out, const char *folder) CLN_MUST_CHECK;
void ocl_program_cache_close(struct ocl_program_cache **cache);

/* Reads the binary stored under `key`; the caller's: free(). NULL: there is none, or the file is incomplete, damaged,
 * or accessible to others. A binary that was read counts as new (ocl_program_cache_trim). */
unsigned char *ocl_program_cache_read(const struct ocl_program_cache *cache, const struct ocl_program_key *key,
                                      size_t *bytes);
/* Stores a binary under `key`, atomically; a failure leaves the old one. Sets no message. */
void ocl_program_cache_write(const struct ocl_program_cache *cache, const struct ocl_program_key *key,
                             const unsigned char *binary, size_t bytes);

/* Stores a note under `key`: this user has built and launched the program on this machine, and the driver's own cache
 * has it, or the driver hands out no binaries. A valid binary stays; a damaged one is replaced. Sets no message. */
void ocl_program_cache_note(const struct ocl_program_cache *cache, const struct ocl_program_key *key);
/* Deletes the binary or note under `key`, such as a binary that the driver rejects. */
void ocl_program_cache_forget(const struct ocl_program_cache *cache, const struct ocl_program_key *key);
/* Deletes all notes, when the driver's own cache turned out to be empty. Sets no message. */
void ocl_program_cache_forget_notes(const struct ocl_program_cache *cache);
/* Whether the folder can be written to. */
bool ocl_program_cache_writable(const struct ocl_program_cache *cache);
/* Whether the disk has room for the temporary files of a compiling driver. PoCL ends the process if it cannot write
 * them. */
bool ocl_program_cache_has_room(const struct ocl_program_cache *cache);
/* Whether there is a binary or a note under `key`. */
bool ocl_program_cache_knows(const struct ocl_program_cache *cache, const struct ocl_program_key *key);

/* Deletes the oldest files until at most `limit` bytes are left, and incomplete files of processes that died. Deletes
 * only files that the cache has made; `limit` 0 empties it. Sets no message. */
void ocl_program_cache_trim(const struct ocl_program_cache *cache, uint64_t limit);

struct ocl_program_cache_usage {
    size_t programs; /* number of binaries and notes */
    uint64_t bytes;  /* size of the files */
};
struct ocl_program_cache_usage ocl_program_cache_measure(const struct ocl_program_cache *cache);

#endif

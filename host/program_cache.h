/* Binaries of built programs on disk, so that the next process starts without compiling. Files only: what a binary is,
 * program.c knows. Whatever is in doubt is not in the cache. */
#ifndef HOST_PROGRAM_CACHE_H
#define HOST_PROGRAM_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/program_key.h"

/* An open folder. Several processes may use one at a time. */
struct ocl_program_cache;

/* How much a folder may hold. */
#define OCL_PROGRAM_CACHE_BYTES (UINT64_C(256) << 20)

/* $CLENET_CACHE_DIR, else clenet/programs in $XDG_CACHE_HOME or in ~/.cache. The caller's: free() it. NULL where there
 * is no home (or no memory): then nothing is cached. */
char *ocl_program_cache_folder(void);

/* CLN_NOT_FOUND where it is not there. CLN_INVALID where it is not this user's, or others may write to it: who can put
 * a binary there has it run. */
enum cln_status ocl_program_cache_open(struct ocl_program_cache **out, const char *folder) CLN_MUST_CHECK;
void ocl_program_cache_close(struct ocl_program_cache **cache);

/* The binary that was written under `key`, the caller's: free() it. NULL where there is none, or the file is not whole,
 * not ours alone, or not what was written. What is read counts as new again. */
unsigned char *ocl_program_cache_read(const struct ocl_program_cache *cache, const struct ocl_program_key *key,
                                      size_t *bytes);
/* Puts a binary in place of an older one at once or not at all; a failure leaves what was there. Sets no message. */
void ocl_program_cache_write(const struct ocl_program_cache *cache, const struct ocl_program_key *key,
                             const unsigned char *binary, size_t bytes);

/* Notes that a program was built and launched by this user on this machine: the driver's own cache has it, or the
 * driver hands out no binaries. Leaves a whole binary as it is and replaces a damaged one. Sets no message. */
void ocl_program_cache_note(const struct ocl_program_cache *cache, const struct ocl_program_key *key);
/* Removes a binary that the driver does not take, or a note. */
void ocl_program_cache_forget(const struct ocl_program_cache *cache, const struct ocl_program_key *key);
/* Removes all notes: the driver's own cache turned out to be empty. Sets no message. */
void ocl_program_cache_forget_notes(const struct ocl_program_cache *cache);
/* Whether anything can be kept there. */
bool ocl_program_cache_writable(const struct ocl_program_cache *cache);
/* Whether the disk has room for what a driver writes beside a binary when it compiles: PoCL ends the process where it
 * cannot write. */
bool ocl_program_cache_has_room(const struct ocl_program_cache *cache);
/* Whether there is a binary or a note under `key`. */
bool ocl_program_cache_knows(const struct ocl_program_cache *cache, const struct ocl_program_key *key);

/* Removes the oldest files until no more than `limit` bytes are left, and what died processes left half written.
 * Removes no file that the cache has not made: 0 empties it. Sets no message. */
void ocl_program_cache_trim(const struct ocl_program_cache *cache, uint64_t limit);

struct ocl_program_cache_usage {
    size_t programs; /* binaries and notes */
    uint64_t bytes;  /* of the files */
};
struct ocl_program_cache_usage ocl_program_cache_measure(const struct ocl_program_cache *cache);

#endif

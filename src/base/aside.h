/* Temporary files: content that will be renamed into place. Such a file has no name yet, or a temporary one in the
 * target's folder, ".clenet-PROCESS-NUMBER.tmp". A process holds a lock on each of its temporary files; a file without
 * a lock is left over from a process that died. For src/base alone. */
#ifndef SRC_BASE_ASIDE_H
#define SRC_BASE_ASIDE_H

/* Creates an empty temporary file for the target `path` and returns its descriptor, open for reading and writing; mode
 * 0644 less the umask. The descriptor and its copies hold the lock. *name is its temporary name, or NULL if it is
 * nameless; the caller's, for cln_aside_forget or cln_aside_remove. On failure -1, and errno says why. */
int cln_aside_create(char **name, const char *path);
/* Creates a nameless file in memory or in the folder for temporary files, for content that will be copied elsewhere.
 * Returns its descriptor. On failure -1 with errno. */
int cln_aside_nowhere(void);
/* Gives a nameless file of cln_aside_create a temporary name in the folder of `path`. 0, or -1 with errno. */
int cln_aside_name(char **name, const char *path, int file);
/* Hard-links the file `path` under a temporary name in its folder. Returns a descriptor that holds its lock, or -1 with
 * errno. */
int cln_aside_link(char **name, const char *path);
/* Gives a nameless file its final name `path`, which must not exist. 0, or -1 with errno. */
int cln_aside_publish(const char *path, int file);

/* cln_aside_forget frees a temporary name whose file has been renamed. cln_aside_remove deletes the file, too. *name
 * may be NULL. */
void cln_aside_forget(char **name);
void cln_aside_remove(char **name);

/* Deletes this user's temporary files in the folder of `path` that have no lock. */
void cln_aside_clean(const char *path);

#endif

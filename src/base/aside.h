/* Files on their way: content that has no name yet, or a temporary one in the folder where it will get its own,
 * ".clenet-PROCESS-NUMBER.tmp". As long as a process needs such a file it holds a lock on it: a file without one was
 * left behind. Private to src/data. */
#ifndef SRC_BASE_ASIDE_H
#define SRC_BASE_ASIDE_H

/* An empty file for `path`, open for reading and writing; mode 0644 less the umask. The descriptor and its copies hold
 * the lock. *name is its temporary name, or NULL where it has none; the caller's: cln_aside_forget or cln_aside_remove.
 * -1: errno says why. */
int cln_aside_create(char **name, const char *path);
/* A file without any name, in memory or where temporary files are, for content that goes elsewhere. -1: errno says why.
 */
int cln_aside_nowhere(void);
/* Gives a file of cln_aside_create that has no name a temporary one beside `path`. 0, or -1 with errno. */
int cln_aside_name(char **name, const char *path, int file);
/* Gives the file `path` a temporary second name, beside it. A descriptor that holds its lock, or -1 with errno. */
int cln_aside_link(char **name, const char *path);
/* Gives a nameless file its final name, which must be free. 0, or -1 with errno. */
int cln_aside_publish(const char *path, int file);

/* Frees a temporary name that has become another one; removes the file that has it. NULL inside is fine. */
void cln_aside_forget(char **name);
void cln_aside_remove(char **name);

/* Removes what ended processes have left in the folder of `path`: this user's files without a lock. */
void cln_aside_clean(const char *path);

#endif

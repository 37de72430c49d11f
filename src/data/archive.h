/* Archives, through libarchive where clenet was built with it: zip, and tar, gzipped or not. Private to src/data.
 */
#ifndef SRC_DATA_ARCHIVE_H
#define SRC_DATA_ARCHIVE_H

#include "src/data/input.h"

/* Calls `tell` with the name of every member. CLN_INVALID: no archive, or clenet without libarchive. */
enum cln_status cln_archive_list(const char *path, void (*tell)(void *user, const char *member),
                                 void *user) CLN_MUST_CHECK;
/* The bytes of one member, unpacked. CLN_NOT_FOUND: there is no member of that name. Messages call it "PATH: MEMBER".
 */
enum cln_status cln_archive_open_member(struct cln_input **out, const char *path, const char *member) CLN_MUST_CHECK;

/* Writes the files that lie in the folder `inside` of the archive ("gzip/"), not those further below, into `folder`,
 * each as a whole. */
enum cln_status cln_archive_unpack(const char *path, const char *inside, const char *folder) CLN_MUST_CHECK;

#endif

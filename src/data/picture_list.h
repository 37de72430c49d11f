/* A list of pictures in files, with labels, as images of one shape: what formats of single pictures have in common.
 * Private to src/data. Use: create, add every picture, open; then read_labels and read_pixels, each once, in any
 * threads.
 */
#ifndef SRC_DATA_PICTURE_LIST_H
#define SRC_DATA_PICTURE_LIST_H

#include "src/data/format.h"

struct cln_picture_list;

/* An empty list of pictures in `folder`. Copies what it needs. */
enum cln_status cln_picture_list_create(struct cln_picture_list **out, const char *folder,
                                        const struct cln_dataset_params *params) CLN_MUST_CHECK;
/* Appends the picture `path`, relative to the folder. Whether there is such a file is found out later. */
enum cln_status cln_picture_list_add(struct cln_picture_list *list, const char *path, int32_t label) CLN_MUST_CHECK;
/* For paths that somebody wrote down: CLN_INVALID, with the path and the reason, where `path` is absolute, has a part
 * "..", or leads out of the folder by a symbolic link. */
enum cln_status cln_picture_list_check_path(const struct cln_picture_list *list, const char *path) CLN_MUST_CHECK;

/* Fills in count, shape, type and uses of *opened.
 * - If params has no size, all pictures must have one: an error names two that differ.
 * - If params has no channels: 3 if any file has colours, palettes among them, whether or not its pixels are grey.
 * - The type is CLN_PIXEL_U16 if every file has 16 bits per sample, else CLN_PIXEL_U8.
 * Pixels then come one by one (opened->arrival), but for skip_damaged, with which they are there.
 * So headers are read, of the first picture alone if it has 8 bits and params has size and channels. With skip_damaged
 * all pictures are decoded: damaged and missing ones are left out, and told through cln_log. Other errors stay errors.
 * An empty list is CLN_INVALID.
 */
enum cln_status cln_picture_list_open(struct cln_picture_list *list, struct cln_opened *opened) CLN_MUST_CHECK;

/* As in struct cln_data_format. Pixels are decoded by all processors; params->decoding is told how many were begun. An
 * error names the first file in the list's order that has one. */
enum cln_status cln_picture_list_read_labels(int32_t **labels, const struct cln_picture_list *list) CLN_MUST_CHECK;
enum cln_status cln_picture_list_read_pixels(struct cln_block *pixels, struct cln_picture_list *list) CLN_MUST_CHECK;

/* The path of image `index`, and its number in the order of adding, which differs where pictures were left out. */
const char *cln_picture_list_path(const struct cln_picture_list *list, size_t index);
size_t cln_picture_list_origin(const struct cln_picture_list *list, size_t index);

void cln_picture_list_destroy(struct cln_picture_list **list);

#endif

/* Writing a page of src/report into a file. */
#ifndef SRC_CLI_PAGE_H
#define SRC_CLI_PAGE_H

#include "clenet/trainer.h"
#include "src/report/run.h"

struct cln_findings;

/* Writes the page about runs->list[main]. `findings` and `trouble`: see struct cln_page. */
enum cln_status cln_page_save(const char *path, const struct cln_runs *runs, size_t main,
                              const struct cln_findings *findings, const char *trouble) CLN_MUST_CHECK;

/* Writes the page of a training that has just ended, from its events and its trainer. If `is_sound`, the model is
 * examined; where that fails, a note says why and the page is without. */
enum cln_status cln_page_of_training(const char *path, const struct cln_runs *runs, struct cln_trainer *trainer,
                                     const struct cln_dataset *data, bool is_sound) CLN_MUST_CHECK;

#endif

/* What processes that this program has started by mpirun tell it: a launcher's exit status says too little. They write
 * into a file without a name, which they find by an environment variable. Where there is no /proc they tell nothing. */
#ifndef SRC_CLI_LAUNCH_RECORD_H
#define SRC_CLI_LAUNCH_RECORD_H

#include <stdbool.h>

enum cln_launch_word {
    CLN_LAUNCH_BEGUN, /* a process has begun */
    CLN_LAUNCH_LEFT,  /* it ends in order, after all the others have come to the same place */
    CLN_LAUNCH_ENDED  /* the training has come to its end, well or not: to go on would change nothing */
};

/* In a process that was started so. `rank`: its number. Whether it is the first one to say anything. */
bool cln_launch_say(enum cln_launch_word word, int rank);

/* In the process that starts others. Before each attempt: forgets what those of the last one have said. */
void cln_launch_record_begin(void);
/* Whether any process has said this. True where they cannot tell. */
bool cln_launch_record_has(enum cln_launch_word word);
/* Waits so long, and looks after the processes meanwhile. */
void cln_launch_record_watch(double seconds);
/* The number of the first process that has ended without leaving: its launcher may end the others then. -1: there is
 * none, or several at once. */
int cln_launch_record_lost(void);

#endif

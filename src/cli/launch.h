/* Starting this program again in several processes, with mpirun. */
#ifndef SRC_CLI_LAUNCH_H
#define SRC_CLI_LAUNCH_H

struct cln_launch {
    int processes;
    int restarts;     /* after a failure, at most so many times, if that attempt has saved a model */
    const char *save; /* the model: another attempt resumes from it; NULL: there are no restarts */
};

/* Starts `mpirun` with this process's command line. Without restarts mpirun takes the place of this process. Returns
 * the exit status of the last attempt; what has failed has been told. */
int cln_launch(const struct cln_launch *launch);

#endif

/* Starting this program again in several processes, with mpirun. */
#ifndef SRC_CLI_LAUNCH_H
#define SRC_CLI_LAUNCH_H

struct cln_launch {
    int processes;
    int restarts;     /* after a failure, at most so many times, if that attempt has saved a model */
    const char *save; /* the model: another attempt resumes from it; NULL: there are no restarts */
};

/* Starts `mpirun` with this process's command line, and waits for it; signals that ask this process to end go on to it.
 * Returns the exit status of the last attempt; what has failed has been told. A training that has come to its end, well
 * or not, is not tried again. */
int cln_launch(const struct cln_launch *launch);

/* Runs this process's command line in so many processes, one without mpirun, and waits for them. *output is what they
 * print, for the caller to free(); NULL: no memory. Returns the exit status. Signals that ask this process to end go on
 * to them. */
int cln_launch_read(int processes, char **output);
/* In such a process: how many it was started as. 0: it is no such process. */
int cln_launch_number(void);

#endif

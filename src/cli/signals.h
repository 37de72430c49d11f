/* Signals by which a user, a terminal or a scheduler asks the program to end: INT, TERM, HUP, QUIT, XCPU, USR1 and
 * USR2. A reader that goes away and a file that may not grow are failures of writing, and not signals. */
#ifndef SRC_CLI_SIGNALS_H
#define SRC_CLI_SIGNALS_H

/* At the start of the program. From then on each of them ends it at once, for a shell with the exit status 128 + its
 * number, and without leaving a temporary file. HUP and others that were ignored at the start stay so (nohup); INT and
 * TERM do not, since shells start what runs in the background without INT. */
void cln_signals_begin(void);
/* From now on the first one only ends the processes that help this one and is kept, for a command that has something to
 * end in order. A second INT, TERM or QUIT ends the program at once. */
void cln_signals_keep(void);
/* The one that was kept, or 0. */
int cln_signals_stop(void);

/* Exit status of a command that was ended by a signal. */
int cln_signals_exit_status(int number);

#endif

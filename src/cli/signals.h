/* Handles the signals that ask the program to end: INT, TERM, HUP, QUIT, XCPU, USR1 and USR2. A closed pipe and a
 * file-size limit are write errors instead. */
#ifndef SRC_CLI_SIGNALS_H
#define SRC_CLI_SIGNALS_H

/* Call at the start. Each of these signals then ends the program at once, with exit status 128 + its number for a
 * shell, and temporary files are deleted. HUP and others that were ignored at the start stay ignored (nohup), except
 * INT and TERM: shells start background jobs with INT ignored. */
void cln_signals_begin(void);
/* For a command that has to end in order: from now on the first signal only kills helper processes and is recorded. A
 * second INT, TERM or QUIT ends the program at once. */
void cln_signals_keep(void);
/* For a process of a group: until cln_signals_keep, USR1 is ignored. MPICH's launcher sends it to all others where one
 * has ended, and those have to end in order, too. */
void cln_signals_in_group(void);
/* Asks for what the first INT does, unless a signal is recorded already. From any thread. */
void cln_signals_ask(void);
/* The recorded signal, or 0. */
int cln_signals_stop(void);

/* The exit status of a command that a signal ended. */
int cln_signals_exit_status(int number);

#endif

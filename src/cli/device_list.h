/* Lists of devices, one for each process of a machine, and how these processes share its cores. */
#ifndef SRC_CLI_DEVICE_LIST_H
#define SRC_CLI_DEVICE_LIST_H

#include <stdbool.h>

/* The number of names in "gpu:0,gpu:1,cpu". */
int cln_device_list_count(const char *list);
/* Whether a name is empty or too long. NULL: there is no list, and nothing is wrong. */
bool cln_device_list_is_wrong(const char *list);
/* The name for process `number` of a machine; the list begins again at its end. It is static. */
const char *cln_device_list_take(const char *list, int number);

/* The processes of one machine share its cores: gives PoCL, which takes all unless it is told how many, the share of
 * one of so many processes (0: not known), if the user has not. Call it before OpenCL is used. */
void cln_share_cores(int processes);

#endif

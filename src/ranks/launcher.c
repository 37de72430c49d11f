/* Where a process stands among those that its launcher has started: see launcher.h. */
#include "src/ranks/launcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The environment that each launcher sets. The first row whose number and count are set decides, so a launcher that
 * another one has started comes first: mpirun in a step of Slurm, and the MPI for which srun starts the processes. The
 * last row is srun without any MPI. A batch script, and a shell in an allocation, are no step: they have no count. */
static const struct {
    const char *rank, *count, *local, *together, *module;
} launchers[] = {
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE",
     "openmpi"},
    {"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS", "mpich"},
    {"PMIX_RANK", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "", "openmpi"},
    {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "", NULL},
};

static int number_of(const char *name, int otherwise) {
    const char *text = getenv(name);
    char *end;
    const long value = text ? strtol(text, &end, 10) : 0;
    return text && end > text && *end == '\0' && value >= 0 && value < 1 << 24 ? (int)value : otherwise;
}

/* The processes of a Slurm step on this machine; 0: not known. "2(x3),1" is 2 on the first three machines, and 1. */
static int slurm_together(void) {
    const char *at = getenv("SLURM_STEP_TASKS_PER_NODE");
    int machine = number_of("SLURM_NODEID", -1);
    while (at && *at && machine >= 0) {
        char *end;
        const long tasks = strtol(at, &end, 10);
        long machines = 1;
        if (end == at || tasks < 1 || tasks >= 1 << 24)
            return 0;
        if (end[0] == '(' && end[1] == 'x')
            machines = strtol(end + 2, &end, 10);
        if (machine < machines)
            return (int)tasks;
        machine -= (int)machines;
        end += *end == ')';
        at = *end == ',' ? end + 1 : NULL;
    }
    return 0;
}

struct cln_rank cln_launcher_place(const char **module) {
    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++) {
        const int rank = number_of(launchers[i].rank, -1), count = number_of(launchers[i].count, -1);
        if (rank < 0 || rank >= count)
            continue;
        if (count < 2)
            break;
        *module = launchers[i].module;
        return (struct cln_rank){.rank = rank,
                                 .count = count,
                                 .local = number_of(launchers[i].local, number_of("SLURM_LOCALID", rank)),
                                 .together = number_of(launchers[i].together, slurm_together()),
                                 .is_cut_off = !launchers[i].module};
    }
    *module = NULL;
    return (struct cln_rank){.count = 1, .together = 1};
}

void cln_launcher_machine(char *out, size_t bytes) {
    char boot[64] = "", space[64] = "";
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
    if (file && !fgets(boot, sizeof boot, file))
        boot[0] = '\0';
    if (file)
        fclose(file);
    const ssize_t length = readlink("/proc/self/ns/pid", space, sizeof space - 1);
    space[length > 0 ? length : 0] = '\0';
    snprintf(out, bytes, "%s%s", boot, space);
}

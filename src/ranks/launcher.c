/* Where a process stands among those that its launcher has started: see launcher.h. */
#include "src/ranks/launcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The environment that each launcher sets. Slurm's srun starts programs of either MPI: what it sets for them comes
 * first. */
static const struct {
    const char *rank, *count, *local, *together, *module;
} launchers[] = {
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE",
     "openmpi"},
    {"PMIX_RANK", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_NTASKS_PER_NODE", "openmpi"},
    {"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS", "mpich"},
};

static int number_of(const char *name, int otherwise) {
    const char *text = getenv(name);
    char *end;
    const long value = text ? strtol(text, &end, 10) : 0;
    return text && end > text && *end == '\0' && value >= 0 && value < 1 << 24 ? (int)value : otherwise;
}

struct cln_rank cln_launcher_place(const char **module) {
    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++) {
        const int rank = number_of(launchers[i].rank, -1), count = number_of(launchers[i].count, -1);
        if (rank < 0 || count < 2 || rank >= count)
            continue;
        *module = launchers[i].module;
        return (struct cln_rank){.rank = rank,
                                 .count = count,
                                 .local = number_of(launchers[i].local, number_of("SLURM_LOCALID", rank)),
                                 .together = number_of(launchers[i].together, 0)};
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

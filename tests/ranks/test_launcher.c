/* Where a process finds itself in the environment of each launcher. No launcher is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/ranks/launcher.h"

extern char **environ;

struct trial {
    const char *variables; /* with spaces between them */
    const char *module;
    struct cln_rank place;
};

#define ALONE .place = {.count = 1, .together = 1}

static const struct trial trials[] = {
    {"HOME=/", ALONE},
    {"OMPI_COMM_WORLD_RANK=3 OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_LOCAL_RANK=1 OMPI_COMM_WORLD_LOCAL_SIZE=2 "
     "PMIX_RANK=3",
     "openmpi",
     {3, 4, 1, 2, false}},
    {"PMI_RANK=2 PMI_SIZE=3 MPI_LOCALRANKID=0 MPI_LOCALNRANKS=1", "mpich", {2, 3, 0, 1, false}},
    {"OMPI_COMM_WORLD_RANK=4 OMPI_COMM_WORLD_SIZE=4", ALONE},
    {"PMI_RANK=x PMI_SIZE=2", ALONE},
    /* srun --mpi=pmix, --mpi=pmi2 and --mpi=none */
    {"PMIX_RANK=1 SLURM_PROCID=1 SLURM_NTASKS=2 SLURM_STEP_NUM_TASKS=2 SLURM_LOCALID=1 SLURM_NODEID=0 "
     "SLURM_STEP_TASKS_PER_NODE=2",
     "openmpi",
     {1, 2, 1, 2, false}},
    {"PMI_RANK=6 PMI_SIZE=7 SLURM_PROCID=6 SLURM_STEP_NUM_TASKS=7 SLURM_LOCALID=0 SLURM_NODEID=3 "
     "SLURM_STEP_TASKS_PER_NODE=2(x3),1",
     "mpich",
     {6, 7, 0, 1, false}},
    {"PMI_RANK=4 PMI_SIZE=7 SLURM_LOCALID=0 SLURM_NODEID=2 SLURM_STEP_TASKS_PER_NODE=2(x3),1",
     "mpich",
     {4, 7, 0, 2, false}},
    {"SLURM_PROCID=1 SLURM_NTASKS=2 SLURM_STEP_NUM_TASKS=2 SLURM_LOCALID=1 SLURM_NODEID=0 SLURM_STEP_TASKS_PER_NODE=2",
     NULL,
     {1, 2, 1, 2, true}},
    {"SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=2 SLURM_NODEID=4 SLURM_STEP_TASKS_PER_NODE=1(x2", NULL, {0, 2, 0, 0, true}},
    /* a batch script of two tasks, a shell in an allocation, and a step of one */
    {"SLURM_PROCID=0 SLURM_NTASKS=2 SLURM_LOCALID=0 SLURM_TASKS_PER_NODE=2", ALONE},
    {"SLURM_NTASKS=2 SLURM_TASKS_PER_NODE=2", ALONE},
    {"PMIX_RANK=0 SLURM_PROCID=0 SLURM_NTASKS=2 SLURM_STEP_NUM_TASKS=1 SLURM_LOCALID=0", ALONE},
    /* mpirun in a step of Slurm, by which it may have started its helpers */
    {"OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=1 PMIX_RANK=0 SLURM_PROCID=1 SLURM_STEP_NUM_TASKS=2", ALONE},
    {"PMI_RANK=0 PMI_SIZE=1 SLURM_PROCID=1 SLURM_STEP_NUM_TASKS=2", ALONE},
    {"PMI_RANK=0 PMI_SIZE=2 MPI_LOCALRANKID=0 MPI_LOCALNRANKS=2 PMIX_RANK=3 SLURM_PROCID=3 SLURM_STEP_NUM_TASKS=4 "
     "SLURM_LOCALID=3",
     "mpich",
     {0, 2, 0, 2, false}},
};

static void test_places(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        const struct cln_rank *expected = &trials[i].place;
        char text[512], *variables[16];
        size_t count = 0;
        strncpy(text, trials[i].variables, sizeof text - 1);
        text[sizeof text - 1] = '\0';
        for (char *at = strtok(text, " "); at; at = strtok(NULL, " "))
            variables[count++] = at;
        variables[count] = NULL;
        char **before = environ;
        const char *module = "none was set";
        environ = variables;
        const struct cln_rank place = cln_launcher_place(&module);
        environ = before;
        if (place.rank != expected->rank || place.count != expected->count || place.local != expected->local ||
            place.together != expected->together || place.is_cut_off != expected->is_cut_off)
            fail_msg("%s: process %d of %d, %d of %d here%s", trials[i].variables, place.rank, place.count, place.local,
                     place.together, place.is_cut_off ? ", cut off" : "");
        if ((module == NULL) != (trials[i].module == NULL) || (module && strcmp(module, trials[i].module) != 0))
            fail_msg("%s: module %s", trials[i].variables, module ? module : "none");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

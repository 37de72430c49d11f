/* The test's side: the stand-in takes the place of all drivers. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/standin/standin.h"

const struct standin_control *standin_open(void) {
    setenv("OCL_ICD_VENDORS", STANDIN_FOLDER, 1); /* a folder with one .icd file, as every loader takes it */
    unsetenv("OCL_ICD_FILENAMES");
    unsetenv("CLENET_DEVICE");
    unsetenv("CLENET_LIMITS");
    void *library = dlopen(STANDIN_LIBRARY, RTLD_NOW);
    const struct standin_control *control = library ? dlsym(library, "standin_control") : NULL;
    if (!control) {
        fprintf(stderr, "no stand-in for OpenCL: %s\n", dlerror());
        exit(1);
    }
    return control;
}

/* The files of kernels/ and devices/ inside the library; the tables are made by embed.py. */
#ifndef HOST_EMBEDDED_H
#define HOST_EMBEDDED_H

struct ocl_embedded {
    const char *name; /* "conv2d.cl"; NULL ends a table */
    const char *text;
};

extern const struct ocl_embedded ocl_embedded_kernels[];
extern const struct ocl_embedded ocl_embedded_devices[];

#endif

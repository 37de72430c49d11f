/* The files of kernels/ and devices/, and declarations.clh, as text in the library. embed.py generates the tables. */
#ifndef HOST_EMBEDDED_H
#define HOST_EMBEDDED_H

struct ocl_embedded {
    const char *name; /* "conv2d.cl"; NULL ends a table */
    const char *text;
};

extern const struct ocl_embedded ocl_embedded_kernels[];
extern const struct ocl_embedded ocl_embedded_devices[];
extern const struct ocl_embedded ocl_embedded_declarations[]; /* declarations.clh alone */

#endif

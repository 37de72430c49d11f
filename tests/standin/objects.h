/* What the files of the stand-in share: its objects, and how every call begins. */
#ifndef TESTS_STANDIN_OBJECTS_H
#define TESTS_STANDIN_OBJECTS_H

#define CL_TARGET_OPENCL_VERSION 300 /* the table of functions has those of all versions */
#define CL_ENABLE_BETA_EXTENSIONS
#include <CL/cl_icd.h>
#include <stdint.h>

#include "tests/standin/standin.h"

enum kind { CONTEXT, QUEUE, BUFFER, PROGRAM, KERNEL, EVENT, RECORDING };

/* Begins every object, as the loader finds the functions through a handle's first member. */
struct object {
    cl_icd_dispatch *dispatch;
    enum kind kind;
    unsigned references;
    struct object *owner; /* NULL, or an object that lives as long as this one */
    struct object *next;  /* of all that live */
    void (*destroy)(struct object *object);
};

struct queue {
    struct object object;
    cl_command_queue_properties properties;
};

struct buffer {
    struct object object;
    size_t bytes;
    unsigned char *memory;
    bool is_ours;
    void(CL_CALLBACK *destroyed)(cl_mem memory, void *user);
    void *user;
};

struct program {
    struct object object;
    char *source, *options;
    bool is_built;
};

/* An argument as the source declares it. */
struct declaration {
    char name[64], type[64];
    cl_kernel_arg_address_qualifier space;
};

struct kernel {
    struct object object;
    char name[128];
    size_t argument_count; /* SIZE_MAX where the source hides it behind macros */
    struct declaration declarations[STANDIN_ARGUMENTS];
    size_t required[3]; /* work-group; zero where any will do */
    struct value {
        size_t bytes; /* 0: not set */
        _Alignas(16) unsigned char content[64];
    } values[STANDIN_ARGUMENTS];
};

struct event {
    struct object object;
    cl_ulong queued, start, end;
};

enum { GROUP = 256, LOCAL_BYTES = 32 << 10 };

extern cl_icd_dispatch standin_dispatch;

/* NULL where there is no memory. */
void *object_create(size_t bytes, enum kind kind, void *owner, void (*destroy)(struct object *object));
/* The object behind a handle; NULL, and a misuse, where none of that kind is alive. */
void *object_find(void *handle, enum kind kind);
cl_int object_retain(void *handle, enum kind kind, cl_int error);
cl_int object_release(void *handle, enum kind kind, cl_int error);

/* The error that this call of a function has to return: CL_SUCCESS where it does not have to fail. */
cl_int fault_next(const char *function);

/* Answers a query: `value` of so many bytes. */
cl_int answer(const void *value, size_t bytes, size_t room, void *out, size_t *needed);
cl_int answer_text(const char *text, size_t room, void *out, size_t *needed);

/* A call that returns a status begins with this. */
#define BEGIN_CALL(function)                                                                                           \
    do {                                                                                                               \
        const cl_int fault_ = fault_next(#function);                                                                   \
        if (fault_ != CL_SUCCESS)                                                                                      \
            return fault_;                                                                                             \
    } while (0)

/* A call that returns an object ends with this where it has none. */
#define NO_OBJECT(error)                                                                                               \
    do {                                                                                                               \
        if (error_out)                                                                                                 \
            *error_out = (error);                                                                                      \
        return NULL;                                                                                                   \
    } while (0)

/* A call that returns an object and writes its error to `error_out` begins with this. */
#define BEGIN_CREATION(function)                                                                                       \
    do {                                                                                                               \
        const cl_int fault_ = fault_next(#function);                                                                   \
        if (fault_ != CL_SUCCESS)                                                                                      \
            NO_OBJECT(fault_);                                                                                         \
        if (error_out)                                                                                                 \
            *error_out = CL_SUCCESS;                                                                                   \
    } while (0)

/* declare.c: what the source says of a kernel. False where it has none of that name. */
bool declare_kernel(struct kernel *kernel, const struct program *program);

/* Does a launch's work. `kernel` has all its arguments. */
void run_kernel(const struct kernel *kernel, const size_t *global, const size_t *local);
/* CL_SUCCESS, or what is wrong with a launch. */
cl_int check_launch(const struct kernel *kernel, cl_uint dimensions, const size_t *global, const size_t *local);

/* The functions of each file, put into the table. */
void install_device(cl_icd_dispatch *dispatch);
void install_memory(cl_icd_dispatch *dispatch);
void install_program(cl_icd_dispatch *dispatch);
/* The functions of cl_khr_command_buffer; NULL for another name. */
void *recording_function(const char *name);
/* Ends an enqueued command: an event where one is asked for, with the times from `start` to now. */
cl_int finish_command(cl_event *out, struct queue *queue, cl_ulong start);
cl_ulong now(void);
void *address_of(void (*function)(void));
bool device_records(void);
void *standin_device(void);

#endif

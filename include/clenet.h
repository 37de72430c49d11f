/* The library's public face: networks, data sets, training, prediction. docs/api.md shows the way through, examples/
 * how it is used. */
#ifndef CLENET_H
#define CLENET_H

#include "clenet/checkpoint.h"
#include "clenet/dataset.h"
#include "clenet/log.h"
#include "clenet/network.h"
#include "clenet/picture.h"
#include "clenet/predictor.h"
#include "clenet/status.h"
#include "clenet/text.h"
#include "clenet/trace.h"
#include "clenet/trainer.h"
#include "clenet/version.h"

/* Of this header, for the compiler: #if CLENET_VERSION_NUMBER >= CLENET_MAKE_VERSION(1, 0, 0). CLENET_VERSION is the
 * same as text, CLENET_VERSION_MAJOR, _MINOR and _PATCH are its numbers. */
#define CLENET_MAKE_VERSION(major, minor, patch) ((major)*1000000 + (minor)*1000 + (patch))
#define CLENET_VERSION_NUMBER CLENET_MAKE_VERSION(CLENET_VERSION_MAJOR, CLENET_VERSION_MINOR, CLENET_VERSION_PATCH)

#ifdef __cplusplus
extern "C" {
#endif

/* CLENET_VERSION of the library that runs. */
CLN_API const char *cln_version(void);

#ifdef __cplusplus
}
#endif

#endif

/* All public headers of the library: networks, data sets, training, prediction. docs/api.md is the guide; examples/ has
 * programs that use it. */
#ifndef CLENET_H
#define CLENET_H

#include "clenet/checkpoint.h"
#include "clenet/dataset.h"
#include "clenet/log.h"
#include "clenet/network.h"
#include "clenet/picture.h"
#include "clenet/predictor.h"
#include "clenet/session.h"
#include "clenet/status.h"
#include "clenet/text.h"
#include "clenet/trace.h"
#include "clenet/trainer.h"
#include "clenet/version.h"

/* The version of these headers, for the preprocessor: #if CLENET_VERSION_NUMBER >= CLENET_MAKE_VERSION(1, 0, 0).
 * CLENET_VERSION is the same version as text; CLENET_VERSION_MAJOR, _MINOR and _PATCH are its numbers. */
#define CLENET_MAKE_VERSION(major, minor, patch) ((major)*1000000 + (minor)*1000 + (patch))
#define CLENET_VERSION_NUMBER CLENET_MAKE_VERSION(CLENET_VERSION_MAJOR, CLENET_VERSION_MINOR, CLENET_VERSION_PATCH)

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that the program runs with, such as "1.0.0". It may differ from CLENET_VERSION, the
 * version of the headers that the program was compiled with. Static storage. */
CLN_API const char *cln_version(void);

#ifdef __cplusplus
}
#endif

#endif

/* The library's public face: networks, data sets, training, prediction. docs/api.md shows the way through, examples/
 * how it is used. */
#ifndef CLENET_H
#define CLENET_H

#include "host/log.h"
#include "host/status.h"
#include "host/text.h"
#include "host/trace.h"
#include "src/data/dataset.h"
#include "src/data/picture.h"
#include "src/format/checkpoint.h"
#include "src/model/network.h"
#include "src/train/predictor.h"
#include "src/train/trainer.h"

/* Of this header, for the compiler: #if CLENET_VERSION_NUMBER >= CLENET_MAKE_VERSION(0, 1, 0). */
#define CLENET_VERSION "0.1.0"
#define CLENET_VERSION_MAJOR 0
#define CLENET_VERSION_MINOR 1
#define CLENET_VERSION_PATCH 0
#define CLENET_MAKE_VERSION(major, minor, patch) ((major)*1000000 + (minor)*1000 + (patch))
#define CLENET_VERSION_NUMBER CLENET_MAKE_VERSION(CLENET_VERSION_MAJOR, CLENET_VERSION_MINOR, CLENET_VERSION_PATCH)

#ifdef __cplusplus
extern "C" {
#endif

/* Of the library that runs, "0.1.0". */
CLN_API const char *cln_version(void);

#ifdef __cplusplus
}
#endif

#endif

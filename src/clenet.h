/* The library's public face: networks, data sets, training. See examples/ for how it is used. */
#ifndef CLENET_H
#define CLENET_H

#include "host/log.h"
#include "host/status.h"
#include "host/trace.h"
#include "src/data/dataset.h"
#include "src/format/checkpoint.h"
#include "src/model/network.h"
#include "src/train/trainer.h"

#endif

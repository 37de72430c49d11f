/* The start-up guard: finds what a driver computes wrong before a training learns from it. */
#ifndef SRC_SESSION_GUARD_H
#define SRC_SESSION_GUARD_H

#include "src/session/session.h"

/* Checks the device and puts wrong operations into their safe variants (session->tuning), with a warning.
 * docs/checking.md explains the guard's decisions.
 *
 * When: before the first training of this network, image size, batch size and optimizer on this device, driver and
 * profile. Before a prediction only with params.builder, on an unknown device, and if the tuning is not plain
 * (cln_tuning_is_plain). Results are stored in session->cache, the folder of kept kernels (NULL: nowhere). Later starts
 * read them. With params.no_check the stored results are used, and nothing is checked. A wrong operation stays safe for
 * every network on this device, driver and profile with these kernels.
 *
 * How: one training step, or one prediction, is compared with float64 (check/step.h).
 * - The training step is right. Then the quick checks of all operations run, too, except in four cases: the device,
 *   driver and profile are known; the tuning is plain; results cannot be stored; or the quick checks were begun twice
 *   and never finished. Operations that fail become safe, unless the step is then wrong. A quick check that cannot run
 *   does not block training.
 * - The prediction is right. Nothing else is checked.
 * - The step or prediction is wrong. The quick checks search for the wrong operations, which become safe. If it is
 *   still wrong, all operations become safe. CLN_DEVICE: it is wrong even then.
 *
 * Where: with params.builder call this before the session has a context. The checks then run in processes of their own
 * (trial.h), and an operation that crashes or hangs the driver is handled like a wrong one. If kept kernels crash the
 * driver, they are deleted, and this session keeps none. Without params.builder call this once the session has a
 * context; a crash then ends the program. */
enum cln_status cln_guard(struct cln_session *session) CLN_MUST_CHECK;

#endif

/* The start-up guard: finds what a driver computes wrong before a training learns from it. */
#ifndef SRC_SESSION_GUARD_H
#define SRC_SESSION_GUARD_H

#include "src/session/session.h"

/* Checks the device and puts wrong operations into their safe variants (session->tuning), with a warning.
 *
 * When: before the first training of this network, image size, batch size and optimizer on this device, driver and
 * profile. Results are stored in session->cache, the folder of kept kernels (NULL: nowhere). Later starts read them;
 * with params.no_check nothing else is done. A wrong operation stays safe for every network on this device, driver and
 * profile with these kernels.
 *
 * How: one training step is compared with float64 (check/step.h).
 * - The step is right. On a new device, driver or profile the quick checks of all operations run, too; but not if the
 *   tuning uses no barriers, no local memory and no CLBlast, not if results cannot be stored, and not if they were
 * begun twice and never finished. Operations that fail become safe, unless the step is then wrong. A quick check that
 * cannot run does not block training.
 * - The step is wrong. The quick checks search for the wrong operations, which become safe. If the step is still wrong,
 *   all operations become safe. CLN_DEVICE: it is wrong even then.
 *
 * Where: with params.builder call this before the session has a context. The checks then run in processes of their own
 * (trial.h), and an operation that crashes or hangs the driver is handled like a wrong one. On an unknown device a
 * workload that only predicts is checked in this way, too. If kept kernels crash the driver they
 * are deleted, and this session keeps none. Without params.builder call this once the session has a context; a crash
 * then ends the program. */
enum cln_status cln_guard(struct cln_session *session) CLN_MUST_CHECK;

#endif

/* onnx.h in a build without protobuf-c. */
#include "src/format/onnx.h"

enum cln_status cln_onnx_write(const char *path, const struct cln_checkpoint *model, bool fold_standardize) {
    (void)model;
    (void)fold_standardize;
    return cln_fail(
        CLN_INVALID,
        "%s is not written: this clenet was built without protobuf-c, which ONNX files need; install it with "
        "its compiler (Debian: libprotobuf-c-dev, protobuf-c-compiler) and build again",
        path);
}

/* BN-LeNet on Fashion-MNIST, step by step: the network, the data, the optimizer, the loop.
 *   cc bn_lenet.c $(pkg-config --cflags --libs clenet) && ./a.out [DATA [EPOCHS]]
 * DATA is fashion-mnist (default), mnist, synthetic:COUNT, or a folder of IDX files. */
#include <clenet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* nn.Sequential in PyTorch's vocabulary: batch norm is between each affine layer and its activation. */
static const char layers[] = "{\"name\": \"bn-lenet\", \"input\": [1, 28, 28], \"layers\": ["
                             "  {\"type\": \"Conv2d\", \"out_channels\": 6, \"kernel_size\": 5},"
                             "  {\"type\": \"BatchNorm2d\"}, {\"type\": \"Sigmoid\"},"
                             "  {\"type\": \"MaxPool2d\", \"kernel_size\": 2},"
                             "  {\"type\": \"Conv2d\", \"out_channels\": 16, \"kernel_size\": 5},"
                             "  {\"type\": \"BatchNorm2d\"}, {\"type\": \"Sigmoid\"},"
                             "  {\"type\": \"MaxPool2d\", \"kernel_size\": 2},"
                             "  {\"type\": \"Flatten\"},"
                             "  {\"type\": \"Linear\", \"out_features\": 120}, {\"type\": \"BatchNorm1d\"},"
                             "  {\"type\": \"Sigmoid\"},"
                             "  {\"type\": \"Linear\", \"out_features\": 84}, {\"type\": \"BatchNorm1d\"},"
                             "  {\"type\": \"Sigmoid\"},"
                             "  {\"type\": \"Linear\", \"out_features\": 10}]}";

int main(int argc, char **argv) {
    const int epochs = argc > 2 ? atoi(argv[2]) : 5;
    struct cln_network *net = NULL;
    struct cln_dataset *data = NULL;
    struct cln_trainer *trainer = NULL;

    /* net = nn.Sequential(...); print(net) */
    enum cln_status status = cln_network_parse(&net, layers, strlen(layers), "bn_lenet.c", NULL);
    if (status == CLN_OK)
        cln_network_print(net, 256, stdout);

    /* train_iter, test_iter = load_data_fashion_mnist(batch_size=256) */
    const struct cln_dataset_params source = {.name = argc > 1 ? argv[1] : "fashion-mnist"};
    if (status == CLN_OK)
        status = cln_dataset_load(&data, &source);

    /* optimizer = torch.optim.Adam(net.parameters(), lr=0.001), on the best OpenCL device or $CLENET_DEVICE */
    const struct cln_trainer_params params = {
        .network = net, .data = data, .batch_size = 256, .optimizer = {.kind = CLN_ADAM, .lr = 0.001}};
    if (status == CLN_OK)
        status = cln_trainer_create(&trainer, &params);
    if (status == CLN_OK)
        printf("training on %s\n", cln_trainer_device(trainer));

    for (int i = 0; i < epochs && status == CLN_OK; i++) {
        struct cln_epoch epoch;
        status = cln_trainer_epoch(trainer, &epoch);
        if (status == CLN_OK)
            printf("epoch %d, loss %.4f, train acc %.3f, test acc %.3f, time %.1f sec\n", epoch.epoch, epoch.train.loss,
                   epoch.train.accuracy, epoch.test.accuracy, epoch.train_seconds);
    }

    if (status != CLN_OK)
        fprintf(stderr, "%s: %s\n", cln_status_name(status), cln_error_message());
    cln_trainer_destroy(&trainer);
    cln_dataset_destroy(&data);
    cln_network_destroy(&net);
    return status == CLN_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

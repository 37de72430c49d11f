/* Trains BN-LeNet through the library:  cc train.c $(pkg-config --cflags --libs clenet)
 * The argument is a data set ("synthetic:1000"); Fashion-MNIST without one. */
#include <clenet.h>
#include <stdio.h>

int main(int argc, char **argv) {
    struct cln_network *network = NULL;
    struct cln_dataset *data = NULL;
    struct cln_trainer *trainer = NULL;
    struct cln_epoch epoch;

    enum cln_status status = cln_network_load(&network, "bn-lenet", NULL);
    if (status == CLN_OK)
        status = cln_dataset_load(&data, &(struct cln_dataset_params){.name = argc > 1 ? argv[1] : NULL});
    if (status == CLN_OK)
        status = cln_trainer_create(&trainer, &(struct cln_trainer_params){.network = network, .data = data});
    for (int i = 0; i < 2 && status == CLN_OK; i++) {
        status = cln_trainer_epoch(trainer, &epoch);
        if (status == CLN_OK)
            printf("epoch %d, loss %.4f, test acc %.3f\n", epoch.epoch, epoch.train.loss, epoch.test.accuracy);
    }
    if (status != CLN_OK)
        fprintf(stderr, "%s\n", cln_error_message());
    cln_trainer_destroy(&trainer);
    cln_dataset_destroy(&data);
    cln_network_destroy(&network);
    return status == CLN_OK ? 0 : 1;
}

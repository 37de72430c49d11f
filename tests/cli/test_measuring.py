"""`clenet bench`, and the traces and command buffers of trainings."""
import json

from support import Case, SMALL, VERSION, main, traced

QUICK = ("Measuring.test_bench",)


class Measuring(Case):
    def test_trace_of_training(self):
        trace = self.folder / "trace.json"
        plain = self.expect(0, "train", *SMALL, "--epochs", "1").stdout
        self.assertEqual(self.expect(0, "train", *SMALL, "--epochs", "1", "--trace", str(trace)).stdout[:40], plain[:40])
        ((name, launches),) = traced(trace).items()
        self.assertEqual(name, "bn-lenet, batch 32")
        names = [label for label, _, _ in launches]
        self.assertEqual(names.count("adam"), 4)
        self.assertEqual(sum(name.startswith("batch_begin") for name in names), 5)  # and the test images
        self.assertEqual([at for _, at, _ in launches], sorted(at for _, at, _ in launches))

    def test_a_command_buffer_changes_no_bit(self):
        profile = self.folder / "on.json"
        profile.write_text('{"name": "on", "match": null, "values": {"command_buffer": 1}}')
        models = []
        for i, options in enumerate(((), ("--no-command-buffer",))):
            path = self.folder / f"model{i}"
            self.expect(0, "train", *SMALL, "--epochs", "2", "--profile-file", str(profile), "--save", str(path),
                        *options)
            self.expect(0, "evaluate", str(path), *SMALL, *options)
            models.append(path.read_bytes())
        self.assertEqual(*models)

    def test_bench(self):
        trace = self.folder / "trace.json"
        result = self.expect(0, "bench", "--batch-size", "32", "--seconds", "0.2", "--json", "--trace", str(trace))
        report = json.loads(result.stdout)
        (run,) = report["runs"]
        self.assertEqual((report["version"], report["network"], run["batch_size"]), (VERSION, "bn-lenet", 32))
        self.assertEqual(round(report["flops_per_image"], -3), 1517000)
        self.assertGreaterEqual(report["latency"]["seconds_median"], report["latency"]["seconds"])
        self.assertGreater(report["peak"]["flops_per_second"], 0)
        self.assertAlmostEqual(run["seconds_per_60000_images"] * run["images_per_second"], 60000, delta=1)
        replay = run["command_buffer"]
        if replay is not None:  # the device has them
            step = 32 / replay["images_per_second_without"]
            self.assertAlmostEqual(step - replay["seconds_gained_per_step"], 32 / replay["images_per_second_with"])
        self.assertRegex(run["bottleneck"], r"^(launch-bound|memory-bound|memory|compute): ")
        names = [label for label, _, _ in traced(trace)["bn-lenet, batch 32"]]
        for row in run["timed"]["kernels"]:
            self.assertGreaterEqual(names.count(row["kernel"]), row["launches"])

    def test_bench_takes_a_network_of_its_own_shape(self):
        network = self.folder / "colour.json"
        network.write_text(json.dumps({"name": "colour", "input": [3, 12, 10], "layers": [
            {"type": "Conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1}, {"type": "BatchNorm2d"},
            {"type": "ReLU"}, {"type": "Flatten"}, {"type": "Linear", "out_features": 7}]}))
        report = json.loads(self.expect(0, "bench", "--network", str(network), "--batch-size", "16", "--seconds", "0.1",
                                        "--json").stdout)
        self.assertEqual((report["network"], report["input"]), ("colour", [3, 12, 10]))
        # The first layer has no data gradient.
        self.assertEqual(report["flops_per_image"], 2 * (2 * 8 * 27 * 12 * 10 + 3 * 7 * 8 * 12 * 10))
        (run,) = report["runs"]
        rate = run["images_per_second"] * report["flops_per_image"]
        self.assertAlmostEqual(run["share_of_peak"] * report["peak"]["flops_per_second"] / rate, 1, places=6)

    def test_bench_compares_no_command_buffers_where_told_so(self):
        result = self.expect(0, "bench", "--batch-size", "32", "--seconds", "0.1", "--json", "--no-command-buffer")
        self.assertIsNone(json.loads(result.stdout)["runs"][0]["command_buffer"])

    def test_bench_for_people(self):
        text = self.expect(0, "bench", "--seconds", "0.2").stdout
        self.assertRegex(text, r"(?m)^peak: \d+\.\d GFLOP/s \(multiply-adds\), \d+\.\d GB/s \(copy of \d+ MiB\)$")
        self.assertRegex(text, r"(?m)^one image by itself, from bytes to probabilities: \d+ µs, median \d+ µs of \d+$")
        for size in (256, 16):
            self.assertRegex(text, rf"(?m)^ +{size}( +[\d.]+)+ % +\d+$")
            self.assertRegex(text, rf"(?m)^batch {size}: .*%")
        self.assertEqual(text.splitlines()[-1][:10], "batch 16: ")
        self.assertRegex(text, r"(?m)^bn-lenet: 1\.517 MFLOP of useful work per image of 1 x 28 x 28; ")
        self.assertRegex(text, r"(?m)^of peak: useful operations, .* above 100 % ")


if __name__ == "__main__":
    main(QUICK)

"""`clenet check --strict --bisect`: faults that are put into kernels are found, down to the number."""
import json

from support import Case, main

PLAIN = {"CLENET_BUILD_OPTIONS": "-cl-opt-disable"}  # these kernels are built once


class Bisecting(Case):
    def check(self, status, network, *options, **environment):
        """The row of a network's steps launch by launch."""
        output = self.expect(status, "check", "--strict", "--bisect", "--only", f"{network}, launch by launch", "--json", *options,
                             cwd=self.folder, **PLAIN, **environment).stdout
        row, = json.loads(output)[0]["operations"]
        return row

    def break_kernel(self, file, *changes):
        path = self.copy_kernels() / file
        text = path.read_text(encoding="utf-8")
        for right, wrong in changes:
            self.assertIn(right, text)
            text = text.replace(right, wrong)
        path.write_text(text, encoding="utf-8")

    def find(self, network, file, *changes, options=()):
        """What is found in kernels with such changes of a file."""
        self.break_kernel(file, *changes)
        row = self.check(1, network, "--kernels", "kernels", *options)
        self.assertEqual(row["verdict"], "WRONG")
        self.assertIn(row["finding"]["kernel"], row["reason"])
        return row["finding"]

    def assert_found(self, finding, kernel, tensor, element, bits, expected, cause):
        self.assertEqual([finding[key] for key in ("step", "kernel", "tensor", "element", "bits", "expected_bits", "cause")],
                         [1, kernel, tensor, element, bits, expected, cause])
        if cause:
            self.assertEqual(finding["explained"], finding["off"])

    def test_a_right_device(self):
        for network in ("bn-lenet", "mixed"):
            row = self.check(0, network)
            self.assertEqual((row["verdict"], row["failed"], row["left_out"]), ("ok", 0, 0))
            self.assertGreater(row["cases"], 600)
            self.assertNotIn("finding", row)

    def test_a_sum_in_another_order(self):
        found = self.find("bn-lenet", "linear.cl", ("for (int k = depth * team_rank() / TEAM; k < end; k++) {",
                                                    "for (int k = end - 1; k >= depth * team_rank() / TEAM; k--) {"))
        self.assert_found(found, "stage 3 linear_forward", "z", "sample 0, feature 0", 0x3da44782, 0x3da44778,
                          "sums go in another order: products backwards, octets one after the other")
        self.assertEqual((found["off"], found["elements"], found["ulps"]), (2261, 2400, 10))
        self.assertEqual(found["operation"], "the bias and a sum of 256 fused products, by input feature")
        self.assertEqual((found["work_group"], found["work_item"]), ([0, 0, 0], 0))

    def test_a_product_that_is_rounded(self):
        found = self.find("mixed", "conv2d.cl",
                          ("acc[o][c] = multiply_add(w, in[SHARES_COLUMNS ? c * STRIDE_W + v : c], acc[o][c]);",
                           "acc[o][c] = w * in[SHARES_COLUMNS ? c * STRIDE_W + v : c] + acc[o][c];"))
        self.assert_found(found, "stage 1 conv2d_forward", "z", "sample 0, channel 0, row 1, column 16", 0xbe534374, 0xbe534373,
                          "products are rounded before they are added, as without fma")

    def test_a_row_that_is_read_beyond_its_end(self):
        found = self.find("mixed", "conv2d.cl", ("inside(column + s, IN_W) ? line[s * GROUP] : (floatv)0.0f;\n                    const int tap",
                                                 "inside(column + s, IN_W + 1) ? line[s * GROUP] : (floatv)0.0f;\n                    const int tap"))
        self.assert_found(found, "stage 1 conv2d_forward", "z", "sample 0, channel 0, row 8, column 26", 0xbe8345c6, 0xbe82a1a6,
                          None)
        self.assertLess(found["value"], found["expected"])

    def test_a_quotient_that_is_not_corrected(self):
        found = self.find("bn-lenet", "arithmetic.clh",
                          ("return fused(fused(-b, quotient, a), reciprocal, quotient);", "return quotient;"))
        self.assert_found(found, "stage 1 batchnorm_statistics", "statistics", "channel 1, 1 / deviation", 0x408adbc9, 0x408adbca,
                          "quotients lack their last correction")

    def test_a_gradient_that_lacks_a_row(self):
        loop = "for (int r = row0; r < row1{}; r++) {{\n        const int row = r * STRIDE_H - PADDING_H + u * DILATION_H;"
        found = self.find("mixed", "conv2d.cl", (loop.format(""), loop.format(" - (row1 == OUT_H)")))
        self.assertEqual((found["kernel"], found["tensor"]), ("stage 3 conv2d_backward_weights", "slices of the weights' gradient"))
        self.assertIsNone(found["work_item"])

    def test_a_later_step(self):
        self.break_kernel("batch.cl", ("const float t = (float)state->step;", "const float t = (float)(state->step + (state->step == 5));"))
        found = self.check(1, "bn-lenet", "--kernels", "kernels")["finding"]
        self.assertEqual([found[key] for key in ("step", "kernel", "tensor", "element", "off")],
                         [5, "batch_end", "state at the end", "rate", 2])

    def test_a_kernel_that_writes_to_its_input(self):
        found = self.find("mixed", "softmax_cross_entropy.cl",
                          ("    part_put_sums(of_lanes, 2);", "    if (block == 0) ((__global float *)logits)[3] = 1.5f;\n"
                           "    part_put_sums(of_lanes, 2);"))
        self.assertEqual([found[key] for key in ("kernel", "changed_argument", "off", "element", "bits")],
                         ["softmax_cross_entropy", 1, 1, "cell 3", 0x3fc00000])

    def test_a_fault_of_joined_launches_alone(self):
        (self.folder / "joins.json").write_text(json.dumps({"name": "odd", "match": None, "measured": None,
                                                            "values": {"vector": 8, "lanes": 8, "join_launches": 1}}))
        found = self.find("bn-lenet", "batchnorm.clh",
                          ("    float scale = scalar_settled(gamma * inverse);",
                           "#ifdef JOINED\n    float scale = scalar_settled(gamma * inverse * 1.0000001f);\n"
                           "#else\n    float scale = scalar_settled(gamma * inverse);\n#endif"),
                          options=("--profile-file", "joins.json"))
        self.assertTrue(found["joined"])
        self.assert_found(found, "stage 1 batchnorm_statistics", "statistics", "channel 0, scale", 0xc0ff719e, 0xc0ff719c, None)

    def test_words(self):
        self.break_kernel("arithmetic.clh", ("return fused(fused(-b, quotient, a), reciprocal, quotient);", "return quotient;"))
        command = ("check", "--strict", "--bisect", "--only", "mixed")
        right = self.expect(0, *command, cwd=self.folder, **PLAIN).stdout
        self.assertRegex(right, r"\A.+ \(.+\): strict arithmetic is right: all 12 digests are those of every device, \d+\.\d s\n"
                                r"Launch by launch nothing is off: all \d+ digests are those of every device\n\Z")
        wrong = self.expect(1, *command, "--kernels", "kernels", cwd=self.folder, **PLAIN).stdout
        self.assertRegex(wrong, r"\A.+ is WRONG: mixed, .*\n\nmixed, step 1: launch \d+ of \d+, stage 1 activate_forward, is the first "
                                r"that is off\. Work-group \(\d+, \d+, \d+\), work-item \d+, gives a at sample 0, channel 0, row 0, "
                                r"column 11: -0\.444240957 \(0xbee3738d\) in the place of -0\.444240928 \(0xbee3738c\), 1 float from it\. "
                                r"This is normalised, then activated, then a mean\. 549 of 5880 elements are off\. All of these have "
                                r"the bits that come out if quotients lack their last correction\.\n\Z")

    def test_it_is_of_strict_arithmetic(self):
        self.assertIn("--bisect: only with --strict", self.expect(2, "check", "--bisect").stderr)


if __name__ == "__main__":
    main()

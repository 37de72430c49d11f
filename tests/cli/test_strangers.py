"""Files of other programs: strings that are not clenet's, and oddities that other readers take."""
import json
import unittest

from support import LINEAR, NASTY, READS_PNG, Text, chunk, idx, linear_tensors, main, png, safetensors


class Strangers(Text):
    """Strings in a file's metadata are clenet's where "clenet" says so; all others may be anything."""

    STRINGS = {"classes": "10", "mean": "0.2860", "inverse_deviation": "[1]", "resize": "32", "image": "shoe.png", "training": "true",
               "network": "resnet18", "optimizer": "adam", "format": "pt", "clenet_version": "x"}

    def test_they_change_nothing(self):
        self.write("p.idx", idx([[(i * 16 + n) % 256 for i in range(16)] for n in range(3)], 4, 4))
        network = ("--network", "network.json")
        said = set()
        for metadata in (None, {}, *({key: value} for key, value in self.STRINGS.items()), self.STRINGS, {"classes": json.dumps(NASTY)},
                         {**self.STRINGS, "clenet": "yes"}, {"classes": "x", "clenet": ""}, {"key": "a\0b", "classes": "\0"}):
            self.write("t.safetensors", safetensors(linear_tensors(), metadata))
            predicted = self.run_raw("predict", "t.safetensors", *network, "p.idx", "--json", "--top", "10")[0]
            self.run_raw("import", "t.safetensors", *network, "--save", "m.safetensors")
            self.assertEqual(self.run_raw("predict", "m.safetensors", "p.idx", "--json", "--top", "10")[0], predicted)
            self.run_raw("export", "t.safetensors", *network, "--safetensors", "e.safetensors")
            self.assertEqual((self.folder / "e.safetensors").read_bytes(), (self.folder / "m.safetensors").read_bytes())
            said.add((predicted, (self.folder / "m.safetensors").read_bytes()))
        self.assertEqual(len(said), 1)
        self.write("t.safetensors", safetensors(linear_tensors(), self.STRINGS))
        strange = self.run_raw("evaluate", "t.safetensors", *network, "--data", "set")[0]
        self.write("t.safetensors", safetensors(linear_tensors()))
        self.assertEqual(self.run_raw("evaluate", "t.safetensors", *network, "--data", "set")[0], strange)

    def test_what_is_missing_is_told(self):
        self.write("t.safetensors", safetensors(linear_tensors(), self.STRINGS))
        self.assertIn("name the network", self.run_raw("predict", "t.safetensors", "p.idx", exit_status=1)[1])
        self.write("t.safetensors", safetensors(linear_tensors(), {"network": json.dumps(LINEAR), "training": "true"}))
        self.assertIn("is a model only", self.run_raw("train", "--resume", "t.safetensors", "--data", "set", exit_status=1)[1])

    def test_odd_and_later_versions(self):
        self.write("p.idx", idx([[0] * 16], 4, 4))
        self.model(clenet="99.1.0")
        self.assertIn("written by clenet 99.1.0, which is newer than this one", self.run_raw("predict", "m.safetensors", "p.idx")[1])
        self.model(clenet="99.1.0", classes="[]")
        self.assertIn("which is newer than this one", self.run_raw("predict", "m.safetensors", "p.idx", exit_status=1)[1])
        self.model(clenet="ninety")
        self.assertIn('"clenet" is "ninety", not a version', self.run_raw("predict", "m.safetensors", "p.idx")[1])


class Oddities(Text):
    """Files that other readers take."""

    def summary(self, content, exit_status=0):
        self.write("n.json", content)
        return self.run_raw("summary", "n.json", exit_status=exit_status)

    def test_networks(self):
        text = json.dumps(LINEAR)
        plain = self.summary(text)
        for odd in (b"\xef\xbb\xbf" + text.encode(), text.replace(", ", ",\r\n") + "\r\n\r\n", text.replace("10}", "10.0}"),
                    text.replace("10}", "1e1}"), text.replace("[1, 4, 4]", "[1.0, 40e-1, 4E0]"), "\n\t " + text):
            self.assertEqual(self.summary(odd), plain)
        for wrong in ("10.5", "1e-1", "1e300", '"10"', "-10.0"):
            error = self.summary(text.replace("10}", wrong + "}"), 1)[1]
            self.assertRegex(error, "must be a whole number from 1 to")

    def test_profiles(self):
        text = json.dumps({"name": "odd", "match": {"min_native_float_vector": 1.0}, "values": {"lanes": 16.0, "min_groups": 2e1}})
        self.write("p.json", b"\xef\xbb\xbf" + text.replace(", ", ",\r\n").encode() + b"\r\n")
        values = json.loads(self.run_raw("devices", "--json", "--profile-file", "p.json")[0])[0]["values"]
        self.assertEqual((values["lanes"]["profile"], values["min_groups"]["profile"]), (16, 20))
        self.assertTrue(values["lanes"]["from"].endswith("p.json:3"), values)
        self.write("p.json", b"\xef\xbb\xbf{\n\"name\": \"x\", \"match\": {},\n\"values\": {\"lanes\": 1.5}}")
        self.assertIn("p.json:3: lanes", self.run_raw("check", "--only", "sgd", "--profile-file", "p.json", exit_status=2)[0]
                      + self.run_raw("check", "--only", "sgd", "--profile-file", "p.json", exit_status=2)[1])

    def test_models(self):
        self.write("p.idx", idx([[i * 16 for i in range(16)]], 4, 4))
        self.model()
        plain = self.run_raw("predict", "m.safetensors", "p.idx", "--json")[0]
        metadata = {"clenet": "0.1.0", "network": json.dumps(LINEAR).replace("10}", "10.0}"), "image": "[1.0, 4e0, 4]", "resize": "4.0"}
        for content in (safetensors(linear_tensors(), metadata), safetensors(linear_tensors(), metadata, tail="   \n"),
                        safetensors(dict(reversed(list(linear_tensors().items()))), metadata)):
            self.write("m.safetensors", content)
            self.assertEqual(self.run_raw("predict", "m.safetensors", "p.idx", "--json")[0], plain)

    def test_data_with_more_bytes_than_it_announces(self):
        path = self.folder / "set" / "train-images-idx3-ubyte"
        path.write_bytes(path.read_bytes() + b"tail")
        _, notes = self.run_raw("train", "--network", "network.json", "--data", "set", "--epochs", "1")
        self.assertIn("4 bytes more than the header announces are left out", notes)

    @unittest.skipUnless(READS_PNG, "this clenet was built without libpng")
    def test_pictures(self):
        self.model()
        grey = bytes(60 * y + 3 * x for y in range(4) for x in range(4))
        plain = self.predict(png(4, 4, grey))
        wide = b"".join(bytes([v, 7 * v % 256]) for v in grey)
        opaque = b"".join(bytes([v, 255]) for v in grey)
        colours = b"".join(bytes([v] * 3) for v in grey)
        for odd in (png(4, 4, grey, tail=b"behind"), png(4, 4, grey, before=chunk(b"teXt", b"x\x1b")),
                    png(4, 4, grey, before=chunk(b"tEXt", b"key\0value", crc=1)), png(4, 4, wide, depth=16), png(4, 4, opaque, colour=4),
                    png(4, 4, range(16), colour=3, before=chunk(b"PLTE", colours))):
            self.assertEqual(self.predict(odd), plain)

    def predict(self, picture, *options, exit_status=0):
        self.write("p.png", picture)
        output, errors = self.run_raw("predict", "m.safetensors", "p.png", "--json", "--top", "10", *options, exit_status=exit_status)
        return output if exit_status == 0 else errors

    @unittest.skipUnless(READS_PNG, "this clenet was built without libpng")
    def test_ink_on_nothing_is_seen(self):
        self.model()

        def drawn(grey, alpha, ground=None):
            values = [(grey, alpha) if x == 1 else (0, 0) for x in range(4)] * 4
            if ground is None:
                return png(4, 4, b"".join(bytes([v, v, v, a]) for v, a in values), colour=6)
            return png(4, 4, [(v * a + ground * (255 - a) + 127) // 255 for v, a in values])

        for options in ((), ("--invert",)):
            nothing = self.predict(drawn(0, 0), *options)
            self.assertEqual(nothing, self.predict(png(4, 4, [255] * 16), *options))
            for grey, alpha, ground in ((0, 255, 255), (0, 128, 255), (100, 200, 255), (255, 255, 0), (200, 128, 0), (255, 9, 0)):
                seen = self.predict(drawn(grey, alpha), *options)
                self.assertNotEqual(seen, nothing)
                self.assertEqual(seen, self.predict(drawn(grey, alpha, ground), *options))


if __name__ == "__main__":
    main()

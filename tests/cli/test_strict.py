"""`--strict`: the same bits with any tuning values and in safe variants, resumed or not, and what a model remembers of it."""
import hashlib
import json
import re
import struct
from random import Random

from support import Case, ROOT, main, metadata

# Work-groups and none, narrow and wide vectors, tiles and launches of several sizes, fma in software, and few iterations of loops.
VALUES = (
    {"vector": 16, "lanes": 16},
    {"vector": 4, "lanes": 32, "max_team": 4, "min_groups": 64},
    {"vector": 1, "lanes": 1, "join_launches": 0, "fuse": 0, "accumulators": 2, "slice_cache_kib": 1},
    {"vector": 8, "lanes": 8, "fma": 0, "max_loop_iterations": 2000, "winograd": 2},
    {"vector": 2, "lanes": 64, "local_weights": 1, "min_whole_channels": 1, "channel_cache_kib": 1048576},
)
LAYERS = ("train", "--offline", "--no-guard", "--recipe", str(ROOT / "tests/strict/layers.recipe.json"))
SMALL = ("train", "--offline", "--no-guard", "--network", str(ROOT / "tests/oclgrind/network.json"), "--resize", "8",
         "--standardize", "--data", "synthetic:150", "--batch-size", "33", "--epochs", "1", "--seed", "0")


def stated(name):
    """The digest of docs/strict.md."""
    page = (ROOT / "docs/strict.md").read_text(encoding="utf-8")
    return re.search(rf"^\| {name} \| [^|]+ \| `([0-9a-f]{{64}})` \|$", page, re.MULTILINE).group(1)


class Strict(Case):
    def setUp(self):
        super().setUp()
        self.model, self.profile = self.folder / "m.safetensors", self.folder / "profile.json"

    def digest(self, *command):
        self.model.unlink(missing_ok=True)
        self.expect(0, *command, "--save", str(self.model))
        return hashlib.sha256(self.model.read_bytes()).hexdigest()

    def test_the_stated_bits_with_any_tuning(self):
        self.assertEqual(self.digest(*SMALL, "--strict", "--safe"), stated("small"))
        for name, command in (("small", SMALL), ("layers", LAYERS)):
            self.assertEqual(self.digest(*command, "--strict"), stated(name))
            for values in VALUES[1:4:2] if name == "layers" else VALUES:
                self.profile.write_text(json.dumps({"name": "odd", "match": None, "measured": None, "values": values}))
                self.assertEqual(self.digest(*command, "--strict", "--profile-file", str(self.profile)), stated(name), values)
            self.assertNotEqual(self.digest(*command), stated(name))

    def test_the_stated_bits_on_lesser_devices(self):
        self.profile.write_text(json.dumps({"name": "odd", "match": None, "measured": None, "values": VALUES[1]}))
        for limits in ("work_group=1", "kernel_work_group=2,max_alloc=64K", "local_mem=0,extensions=0,opencl=1.2"):
            self.model.unlink(missing_ok=True)
            self.expect(0, *SMALL, "--strict", "--profile-file", str(self.profile), "--save", str(self.model), CLENET_LIMITS=limits)
            self.assertEqual(hashlib.sha256(self.model.read_bytes()).hexdigest(), stated("small"), limits)

    def test_a_profile_may_ask_for_it(self):
        self.profile.write_text(json.dumps({"name": "odd", "match": None, "measured": None, "values": {"strict": 1}}))
        self.assertEqual(self.digest(*SMALL, "--profile-file", str(self.profile)), stated("small"))

    def test_training_goes_on_strictly(self):
        whole = self.digest(*LAYERS, "--strict")
        self.expect(0, *LAYERS, "--strict", "--max-steps", "3", "--save", str(self.model))
        self.assertIs(metadata(self.model)["training"]["strict"], True)
        self.profile.write_text(json.dumps({"name": "odd", "match": None, "measured": None, "values": VALUES[1]}))
        self.expect(0, "train", "--offline", "--no-guard", "--resume", str(self.model), "--data", "synthetic:150", "--epochs", "2",
                    "--profile-file", str(self.profile), "--save", str(self.model))
        self.assertEqual(hashlib.sha256(self.model.read_bytes()).hexdigest(), whole)

    def test_a_training_does_not_change_its_arithmetic_in_silence(self):
        self.expect(0, *SMALL, "--max-steps", "2", "--save", str(self.model))
        self.assertNotIn("strict", metadata(self.model)["training"])
        resume = ("train", "--offline", "--no-guard", "--resume", str(self.model), "--epochs", "1", "--strict")
        self.assertIn("arithmetic: strict here, not strict there", self.expect(1, *resume).stderr)
        self.profile.write_text(json.dumps({"name": "odd", "match": None, "measured": None, "values": {"strict": 1}}))
        self.assertIn("arithmetic: strict here, not strict there",
                      self.expect(1, *resume[:-1], "--profile-file", str(self.profile)).stderr)
        self.expect(0, *resume, "--override")

    def test_the_log_and_its_recipe_say_so(self):
        log = self.folder / "log.jsonl"
        self.expect(0, *SMALL, "--strict", "--log", str(log))
        start = json.loads(log.read_text().splitlines()[0])
        self.assertIs(start["options"]["strict"], True)
        self.assertIn("strict arithmetic", start["device"])
        self.assertEqual(self.digest("train", "--recipe", str(log), "--offline", "--no-guard"), stated("small"))

    def test_predictions_have_the_same_bits(self):
        self.expect(0, *LAYERS, "--save", str(self.model))
        images, found = self.folder / "images", set()
        images.write_bytes(struct.pack(">4I", 0x803, 20, 28, 28) + Random(0).randbytes(20 * 28 * 28))
        for values in VALUES[:3]:
            self.profile.write_text(json.dumps({"name": "odd", "match": None, "measured": None, "values": values}))
            found.add(self.expect(0, "predict", "--strict", "--profile-file", str(self.profile), "--json", "--top", "10",
                                  str(self.model), str(images)).stdout)
        self.assertEqual([text.count("\n") for text in found], [20])


if __name__ == "__main__":
    main()

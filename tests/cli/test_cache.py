"""The built kernels that are kept on disk, and `clenet cache`."""
import os
import re
import subprocess

from support import Case, PROGRAM, SMALL, main


class Cache(Case):
    """Kernels kept on disk; the model is the same bits with and without."""

    def setUp(self):
        super().setUp()
        self.cache = self.folder / "below" / "cache"
        self.environment = {"CLENET_CACHE_DIR": str(self.cache)}

    def model(self, name, *arguments):
        path = self.folder / name
        self.expect(0, "train", *SMALL, "--epochs", "1", "--save", str(path), *arguments, **self.environment)
        return path.read_bytes()

    def programs(self, *arguments):
        result = self.expect(0, "cache", *arguments, **self.environment)
        match = re.fullmatch(re.escape(str(self.cache)) + r": (?:removed )?(\d+) programs, \d+\.\d MB\n", result.stdout)
        self.assertTrue(match, result.stdout)
        return int(match[1])

    def test_kept_and_cleared(self):
        self.assertEqual((self.programs(), self.programs("--clear")), (0, 0))
        built = self.model("no-cache", "--no-cache")
        self.assertFalse(self.cache.exists())
        self.assertEqual(self.model("first"), built)
        kept = self.programs()
        self.assertGreater(kept, 0)
        self.assertEqual(len(list(self.cache.iterdir())), kept)
        self.assertEqual(self.model("second"), built)
        for path in self.cache.iterdir():
            path.write_bytes(path.read_bytes()[:-1])
        self.assertEqual(self.model("third"), built)
        (self.cache / "mine.program").write_text("not the cache's")
        self.assertGreater(self.programs("--clear"), 0)
        self.assertEqual([path.name for path in self.cache.iterdir()], ["mine.program"])
        self.assertEqual(self.programs(), 0)

    def test_two_at_once(self):
        paths = [self.folder / "a", self.folder / "b"]
        running = [subprocess.Popen([PROGRAM, "train", *SMALL, "--epochs", "1", "--quiet", "--save", str(path)],
                                    env=dict(os.environ, **self.environment)) for path in paths]
        self.assertEqual([process.wait(300) for process in running], [0, 0])
        self.assertEqual(paths[0].read_bytes(), paths[1].read_bytes())
        self.assertEqual(self.model("c"), paths[0].read_bytes())

    def test_a_folder_that_others_may_write_to_is_not_used(self):
        self.cache.mkdir(parents=True)
        self.cache.chmod(0o777)
        result = self.expect(0, "train", *SMALL, "--max-steps", "1", **self.environment)
        self.assertIn("warning: built kernels are not stored", result.stderr)
        self.assertEqual(list(self.cache.iterdir()), [])
        self.assertIn("chmod 700", self.expect(1, "cache", "--clear", **self.environment).stderr)

    def test_no_home(self):
        nowhere = {"CLENET_CACHE_DIR": "", "XDG_CACHE_HOME": "", "HOME": ""}
        self.assertIn("CLENET_CACHE_DIR", self.expect(1, "cache", **nowhere).stderr)


if __name__ == "__main__":
    main()

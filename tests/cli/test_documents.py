"""What the documents say of the program."""
import json
import re
import struct

from support import LAYERS, ROOT, SET_FILES, Sets, main


class Documents(Sets):
    def test_the_list_of_layers_is_the_programs(self):
        listed = self.expect(0, "summary", "--layers").stdout
        self.assertIn(f"```\n{listed}```\n", (ROOT / "docs" / "networks.md").read_text())

    def test_the_manual_shows_the_readmes_sample(self):
        line = re.search(r"(?m)^epoch 1, loss .*$", (ROOT / "README.md").read_text())[0]
        self.assertIn(line, (ROOT / "docs" / "clenet.1").read_text())

    def test_the_listing_is_python(self):
        text = self.expect(0, "summary", self.network, "--python").stdout
        compile(text, "net.py", "exec")
        self.assertEqual(re.findall(r"nn\.(\w+)\(", text.partition("nn.Sequential(")[2]),
                         [layer["type"] for layer in LAYERS])
        self.assertIn("nn.Linear(in_features=49, out_features=12)", text)
        try:
            import torch
        except ImportError:
            return
        names = {}
        exec(text, names)  # pylint: disable=exec-used
        self.train(0, "--data", "synthetic:64", "--epochs", "1", "--save", "m.safetensors")
        self.expect(0, "export", "m.safetensors", "--safetensors", "plain.safetensors")
        content = (self.folder / "plain.safetensors").read_bytes()
        size = struct.unpack("<Q", content[:8])[0]
        header = {name: entry for name, entry in json.loads(content[8:8 + size]).items() if name != "__metadata__"}
        names["net"].load_state_dict({name: torch.zeros(entry["shape"], dtype={"F32": torch.float32,
                                                                                "I64": torch.int64}[entry["dtype"]])
                                      for name, entry in header.items()}, strict=True)

    def test_the_recipe_for_images_of_ones_own(self):
        """The folder's names and headers, as the document's Python writes them."""
        text = (ROOT / "docs" / "data.md").read_text()
        for images, labels in SET_FILES:
            self.assertIn(f"`{images}`", text)
            self.assertIn(f"`{labels}`", text)
        for code in re.findall(r"```python\n(.*?)```", text, re.S):
            compile(code, "data.md", "exec")


if __name__ == "__main__":
    main()

"""`clenet report`, `clenet plot` and `clenet train --report`: pages that are whole, say what the log says, and let no text of
anybody's out of its place."""
import html.parser
import json
import math
import os
import re
import signal
import subprocess
import time
import xml.etree.ElementTree as ET

from support import (C1, CLEAR, LINEAR, NASTY, PROGRAM, READS_PNG, Files, Text, linear_tensors, main, safetensors,
    usual_signals)

DRAWS_PNG = os.environ.get("CLENET_TEST_PICTURES") == "yes"
VOID = {"meta", "img", "br", "link", "hr"}
SECTIONS = ["summary", "curves", "speed", "norm", "classes", "confusion", "mistakes", "filters", "weights", "activations",
            "kernels", "setup", "options", "repeat"]


class Page(html.parser.HTMLParser):
    """A page, which is well-formed, with the texts of its sections, tables, descriptions and sources of pictures."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open, self.sections, self.pictures, self.tags = [], {}, [], set()
        self.feed(self.source)
        self.close()
        assert self.open == [], self.open
        self.drawings = [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", self.source, re.S)]

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        attributes = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.sections[attributes["id"]] = []
        if tag == "img":
            self.pictures.append(attributes["src"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data):
        if "section" in self.open and data.strip():
            self.sections[list(self.sections)[-1]].append(data.strip())

    def text(self, section):
        return " ".join(self.sections[section])

    def points(self):
        """The corners of every line of a series in every drawing, by class."""
        return [[(line.get("class"), [tuple(map(float, p.split(","))) for p in line.get("points").split()])
                 for line in drawing.iter("polyline") if int(line.get("class")[1:].split()[0]) >= 5] for drawing in self.drawings]


class Reports(Files):
    def page(self, name="report.html"):
        page = Page(self.folder / name)
        for forbidden in ("http:", "https:", "<script", "src=\"/", "@import", "url("):
            self.assertNotIn(forbidden, page.source)
        self.assertLess(len(page.source), 3_000_000)
        self.assertTrue(all(picture.startswith("data:image/png;base64,") for picture in page.pictures))
        return page

    def trained(self, *more, name="run.jsonl", epochs=3):
        """The events of a training."""
        self.expect(0, *self.train, "--epochs", str(epochs), "--log", str(self.folder / name), *more)
        return self.events(name)

    def events(self, name="run.jsonl"):
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]

    def report(self, *arguments, status=0):
        result = self.run_in([PROGRAM, "report", *map(str, arguments)])
        self.assertEqual(result.returncode, status, result.stderr)
        return result

    def plot(self, *arguments, status=0, **environment):
        result = self.run_in([PROGRAM, "plot", *map(str, arguments)], env={**os.environ, **environment})
        self.assertEqual(result.returncode, status, result.stderr)
        return result

    def write_log(self, name, *events, tail=""):
        return self.write(name, "".join(json.dumps(event) + "\n" for event in events) + tail)


class Pages(Reports):
    def test_a_page_says_what_the_log_says(self):
        events = self.trained("--save", str(self.folder / "saved.safetensors"), "--clip-norm", "1e9")
        self.report("run.jsonl", "saved.safetensors", "--data", self.set)
        page, epochs = self.page(), [event for event in events if event["event"] == "epoch"]
        expected = [name for name in SECTIONS if name not in ("filters",)]  # it has no convolution
        self.assertEqual(list(page.sections), [name for name in expected if name != "mistakes" or "mistakes" in page.sections])
        self.assertIn(f"{epochs[-1]['test_accuracy']:.4f}", page.text("summary"))
        self.assertIn(f"{epochs[-1]['loss']:.4f}", page.text("summary"))
        self.assertIn(events[0]["device"], page.text("setup"))
        self.assertIn("20 test images", page.text("classes"))
        self.assertIn(f"accuracy {epochs[-1]['test_accuracy']:.4f}", page.text("classes"))
        for option, value in (("batch-size", "16"), ("epochs", "3"), ("optimizer", "adam")):
            self.assertRegex(page.text("options"), rf"\b{option} {value}\b")
        self.assertIn("clenet train --recipe recipe.json", page.text("repeat"))
        self.assertEqual(json.loads(page.sections["repeat"][-1]), events[0]["recipe"])
        # The curve of the loss: its heights are those of the log.
        drawn = next(corners for name, corners in page.points()[0] if name == "l5" and len(corners) == 3)
        heights, losses = [y for _, y in drawn], [epoch["loss"] for epoch in epochs]
        share = (heights[0] - heights[1]) / (heights[0] - heights[2])
        self.assertAlmostEqual(share, (losses[0] - losses[1]) / (losses[0] - losses[2]), delta=0.01)
        # The model's classes: rows of the confusion matrix are all images, two of each class.
        numbers = [int(text.text) for drawing in page.drawings for text in drawing.iter("text")
                   if text.get("class") in ("f0", "f3") and (text.text or "").isdigit()]
        self.assertEqual(sum(numbers), 20)

    def test_training_writes_its_page(self):
        self.expect(0, *self.train, "--epochs", "2", "--report", str(self.folder / "t.html"), "--log", str(self.folder / "t.jsonl"))
        self.expect(0, *self.train, "--epochs", "2", "--report", str(self.folder / "quiet.html"), "--quiet")
        for name in ("t.html", "quiet.html"):
            page = self.page(name)
            self.assertIn("Precision", page.text("classes"))
            self.assertNotIn("did not measure" if name == "none" else "No epoch is finished", page.source)
            self.assertIn("this training", page.text("setup"))
        accuracy = [event for event in self.events("t.jsonl") if event["event"] == "epoch"][-1]["test_accuracy"]
        self.assertIn(f"accuracy {accuracy:.4f}", self.page("t.html").text("classes"))
        self.assert_nothing_temporary()

    def test_training_that_is_stopped_has_a_page(self):
        command = [PROGRAM, *self.train, "--epochs", "1000000", "--report", "t.html", "--log", "t.jsonl", "--quiet"]
        with subprocess.Popen(command, cwd=self.folder, preexec_fn=usual_signals, stdin=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            log = self.folder / "t.jsonl"
            deadline = time.monotonic() + 200
            while not (log.exists() and '"epoch"' in log.read_text()) and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(100), 128 + signal.SIGINT)
        page = self.page("t.html")
        self.assertIn("stopped by", page.text("summary"))
        self.assertIn("20 test images", page.text("classes"))

    def test_training_that_fails_has_a_page(self):
        """Without its model, which is not a number."""
        self.expect(1, *self.train, "--optimizer", "sgd", "--lr", "1000", "--weight-decay", "0.9", "--epochs", "9", "--report", str(self.folder / "t.html"))
        page = self.page("t.html")
        self.assertIn("not finite", page.text("summary"))
        self.assertIn("need the model", page.text("classes"))

    def test_the_model_of_the_log_is_found(self):
        self.trained("--save", str(self.folder / "saved.safetensors"), epochs=1)
        self.report("run.jsonl")
        self.assertIn("20 test images", self.page().text("classes"))
        before = (self.folder / "saved.safetensors").read_bytes()
        os.link(self.folder / "saved.safetensors", self.folder / "link")
        self.assertIn("would replace the model", self.report("run.jsonl", "-o", "link", status=1).stderr)
        self.assertEqual((self.folder / "saved.safetensors").read_bytes(), before)
        os.remove(self.folder / "saved.safetensors")
        self.report("run.jsonl")
        self.assertIn("is not there", self.page().text("setup"))
        (self.folder / "saved.safetensors").write_bytes(b"broken")
        result = self.report("run.jsonl")
        self.assertEqual(result.stderr.count("the report is without the model: "), 1)
        self.assertIn("need the model", self.page().text("classes"))
        self.assertIn("saved.safetensors", self.page().text("setup"))

    def test_a_model_of_another_training_is_told(self):
        saved = str(self.folder / "saved.safetensors")
        self.trained("--save", saved, "--seed", "7", epochs=1)
        self.assertNotIn("another training", self.report("run.jsonl", "saved.safetensors", "--data", self.set).stderr)
        self.assertNotIn("Another training", self.page().text("setup"))
        self.trained(name="other.jsonl", epochs=1)
        result = self.report("other.jsonl", "saved.safetensors", "--data", self.set)
        self.assertIn("warning: saved.safetensors is the model of another training than that of other.jsonl: seed 0 in the "
                      "log, 7 in the model\n", result.stderr)
        self.assertIn("Another training seed 0 in the log, 7 in the model", self.page().text("setup"))
        events = self.events("other.jsonl")
        events[0].update(network="unlike", parameters=5, classes=3, data="others")
        self.write_log("unlike.jsonl", *events)
        self.report("unlike.jsonl", "saved.safetensors", "--data", self.set)
        for part in ("network unlike in the log", "classes 3 in the log, 10", "parameters 5 in the log", "data others in"):
            self.assertIn(part, self.page().text("setup"))

    def test_a_model_that_is_named_must_be_right(self):
        self.trained(epochs=1)
        self.assertIn("is a model: a report needs the log", self.report(self.model, status=1).stderr)
        self.assertIn("both", self.report("run.jsonl", self.model, self.model, status=1).stderr)
        wrong = self.write("w.safetensors", safetensors({"x": ("F32", [1], [0])}))
        self.assertIn("w.safetensors", self.report("run.jsonl", wrong, status=1).stderr)
        self.assertFalse((self.folder / "report.html").exists())
        self.report("run.jsonl", self.model, "--network", self.network)
        self.assertIn("20 test images", self.page().text("classes"))

    def test_runs_are_compared(self):
        self.trained(name="a.jsonl")
        self.trained("--lr", "0.01", name="b.jsonl", epochs=2)
        self.report("a.jsonl", "b.jsonl", "-o", "both.html")
        page = self.page("both.html")
        self.assertIn("a.jsonl", page.text("compare"))
        self.assertIn("b.jsonl", page.text("compare"))
        lines = {name: len(corners) for name, corners in page.points()[0] if len(corners) > 2 or corners[0][1] != corners[1][1]}
        self.assertEqual(lines, {"l5": 3, "l5 d": 3, "l6": 2, "l6 d": 2})

    def test_the_norm_of_the_gradient_is_that_of_the_step(self):
        """One step of SGD moves the weights by the rate times the gradient."""
        rate = 0.5

        def weights(lr):
            self.expect(0, *self.train, "--optimizer", "sgd", "--lr", str(lr), "--max-steps", "1", "--clip-norm", "1e9",
                        "--save", str(self.folder / "n.safetensors"), "--log", str(self.folder / "n.jsonl"))
            content = (self.folder / "n.safetensors").read_bytes()
            size = int.from_bytes(content[:8], "little")
            header, data = json.loads(content[8:8 + size]), content[8 + size:]
            return [value for name in ("1.weight", "1.bias")
                    for value in memoryview(data[slice(*header[name]["data_offsets"])]).cast("f")]

        before, after = weights(1e-10), weights(rate)
        norm = math.sqrt(sum((a - b) ** 2 for a, b in zip(before, after))) / rate
        logged = [event for event in self.events("n.jsonl") if event["event"] == "epoch"][0]["gradient_norm"]
        self.assertAlmostEqual(logged / norm, 1, delta=1e-4)
        self.assertNotIn("gradient_norm", self.trained(epochs=1)[1])

    def test_a_test_of_rates_has_its_curve(self):
        self.trained("--lr-find")
        self.report("run.jsonl")
        self.assertIn("Smoothed loss", self.page().text("range"))
        self.plot("run.jsonl", "-o", "c.svg")
        self.assertIn("Smoothed loss", (self.folder / "c.svg").read_text())

    def test_broken_logs(self):
        good = self.trained(epochs=2)
        start, epoch = good[0], good[1]
        self.write_log("cut.jsonl", start, epoch, tail='{"event": "epo')
        self.assertIn("line 3 is unfinished", self.report("cut.jsonl").stderr)
        self.assertIn("The log has no end", self.page().text("summary"))
        self.write_log("strange.jsonl", {"event": "start"}, {"event": "epoch", "epoch": 1, "loss": "low", "train_images": None},
                       {"event": "end", "saved": 3, "result": []})
        self.report("strange.jsonl")
        self.page()
        self.write("none.jsonl", "epoch 1, loss 2\n")
        os.remove(self.folder / "report.html")
        for command in ("report", "plot"):
            for name, told in (("none.jsonl", "line 1: "), ("missing.jsonl", "cannot read missing.jsonl"), ("set", "cannot read set")):
                result = self.run_in([PROGRAM, command, name, "-o", "x.svg" if command == "plot" else "x.html"])
                self.assertEqual(result.returncode, 1)
                self.assertIn(told, result.stderr)
        self.assertFalse((self.folder / "x.svg").exists() or (self.folder / "x.html").exists())

    def test_no_input_is_written_over(self):
        self.trained(epochs=1)
        before = self.state()
        os.link(self.folder / "run.jsonl", self.folder / "link.svg")
        for command, output in (("report", "run.jsonl"), ("report", "m.safetensors"), ("plot", "link.svg")):
            inputs = ("run.jsonl", "m.safetensors") if command == "report" else ("run.jsonl",)
            result = self.run_in([PROGRAM, command, *inputs, "-o", output])
            self.assertEqual(result.returncode, 1)
            self.assertIn("same file", result.stderr)
        self.assertIn("same file", self.expect(1, *self.train, "--report", "x.html", "--log", "x.html").stderr)
        self.expect(1, *self.train, "--report", str(self.folder / "no" / "x.html"))
        os.remove(self.folder / "link.svg")
        self.assertEqual(self.state(), before)


class Names(Text):
    def test_names_stay_text(self):
        """Of classes, networks, data, options and devices in logs and models of anybody's."""
        evil = f'</title><b onclick="x">&amp;{CLEAR}{C1}'
        start = {"event": "start", "device": evil, "network": evil, "data": evil, "options": {evil: evil, "resume": None},
                 "recipe": {"x": evil}, "time": evil, "version": evil}
        end = {"event": "end", "result": evil, "message": evil, "saved": evil}
        epoch = {"event": "epoch", "epoch": 1, "loss": 1, "train_accuracy": 0.5, "train_images": 10, "train_seconds": 1}
        name = f"r{CLEAR}<i>&.jsonl"
        self.write(name, "".join(json.dumps(event) + "\n" for event in (start, epoch, {**epoch, "epoch": 2}, end)))
        names = ["<img src=x>", "&lt;", *NASTY[2:]]
        self.write("m.safetensors", safetensors(linear_tensors(), {"clenet": "0.1.0", "network": json.dumps(LINEAR),
                                                                   "classes": json.dumps(names)}))
        self.run_raw("report", name, name, "m.safetensors", "--data", "set", "-o", "p.html")
        page = Page(self.folder / "p.html")
        self.assert_clean((self.folder / "p.html").read_bytes())
        self.assertLessEqual(page.tags & {"i", "b", "img"}, {"i", "b", "img"})
        self.assertNotIn("onclick=\"", page.source)
        self.assertNotIn("src=x", page.source.replace("&lt;img src=x&gt;", ""))
        shown = evil.replace(CLEAR, "\\x1b[2J").replace(C1, "\\u009b31m")
        self.assertIn(shown, page.text("setup"))
        self.assertIn("<img src=x>", page.text("classes"))
        self.run_raw("plot", name, name, "-o", "c.svg")
        self.assert_clean((self.folder / "c.svg").read_bytes())
        ET.fromstring((self.folder / "c.svg").read_text())
        self.run_raw("plot", name, name, "--terminal")


class Plots(Reports):
    def test_files(self):
        self.trained()
        self.plot("run.jsonl", "-o", "c.svg")
        root = ET.fromstring((self.folder / "c.svg").read_text())
        self.assertEqual(len([line for line in root.iter("{http://www.w3.org/2000/svg}polyline")
                              if line.get("class") in ("l5", "l7 d")]), 8)  # of training and test, and in the legends
        self.assertIn("ends with .svg or .png", self.plot("run.jsonl", "-o", "c.gif", status=1).stderr)
        self.assertIn("nowhere to draw", self.plot("run.jsonl", status=2).stderr)
        self.assert_nothing_temporary()

    def test_pictures(self):
        self.trained(epochs=1)
        result = self.plot("run.jsonl", "-o", "c.png", status=0 if DRAWS_PNG else 1)
        self.assertEqual((self.folder / "c.png").exists(), DRAWS_PNG)
        if DRAWS_PNG:
            self.assertEqual((self.folder / "c.png").read_bytes()[:8], b"\x89PNG\r\n\x1a\n")
        else:
            self.assertRegex(result.stderr, "c.png: this clenet was built without lib(cairo|png).* build it anew")

    def test_terminals(self):
        self.trained()
        braille, ascii_only = (self.plot("run.jsonl", "--terminal", LC_ALL=locale).stdout for locale in ("C.UTF-8", "C"))
        self.assertRegex(braille, "[\u2801-\u28ff]{4} training")
        self.assertRegex(ascii_only, r"\*{4} training")
        self.assertTrue(ascii_only.isascii())
        for text in (braille, ascii_only):
            self.assertNotIn("\033", text)  # no colours where it is no terminal
            self.assertEqual([line for line in text.splitlines() if len(line) > 80], [])
            self.assertIn("Accuracy", text)
        # Several runs without colours are told apart by marks.
        self.write("other.jsonl", (self.folder / "run.jsonl").read_bytes())
        self.assertRegex(self.plot("run.jsonl", "other.jsonl", "--terminal", LC_ALL="C.UTF-8").stdout, r"o{4} other.jsonl: training")


class Large(Reports):
    def test_a_hundred_epochs_stay_small(self):
        start, epoch, *_, end = self.trained(epochs=1)
        self.write_log("run.jsonl", start, *({**epoch, "epoch": n + 1, "loss": 1 / (n + 1)} for n in range(100)), end)
        self.report("run.jsonl", self.model, "--network", self.network)
        self.assertLess(len(self.page().source), 300_000)
        self.assertEqual(READS_PNG, bool(self.page().pictures))


if __name__ == "__main__":
    main()

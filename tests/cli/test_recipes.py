"""Recipes: options of `clenet train` in a file."""
import json
import re
import subprocess

from support import LAYERS, PROGRAM, ROOT, Files, Sets, clenet, main

DOCUMENT = ROOT / "docs" / "recipes.md"


def rows():
    """Every option of train, and whether it has an argument."""
    text = clenet("train", "--help").stdout
    return {name: bool(argument) for name, argument in re.findall(r"(?m)^  --([a-z0-9-]+)( [A-Z][A-Z,.]*)?", text) if name != "help"}


class Recipes(Sets):
    """Trainings of a few steps, whose losses tell what the options were."""

    def setUp(self):
        super().setUp()
        self.set = self.write_set("set", self.labels(64), self.labels(20))

    def recipe(self, content, name="r.json"):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return name

    def run_log(self, *options, status=0):
        """The records of a training's log."""
        log = self.folder / "log.jsonl"
        log.unlink(missing_ok=True)
        self.expect(status, "train", "--data", self.set, "--no-guard", "--log", log, *options)
        return [json.loads(line) for line in log.read_text().splitlines()]

    def losses(self, *options):
        return [(record["loss"], record["train_accuracy"], record["test_loss"])
                for record in self.run_log(*options) if record["event"] == "epoch"]

    def refused(self, content, *expected, options=(), status=2):
        result = self.expect(status, "train", "--data", self.set, "--recipe", self.recipe(content), *options)
        for text in expected:
            self.assertIn(text, result.stderr)
        self.assertEqual(result.stdout, "")
        return result.stderr

    # ---- What a recipe does ----

    def test_members_are_options(self):
        given = {"network": "small.json", "epochs": 3, "batch-size": 16, "optimizer": "sgd", "lr": 0.05, "momentum": 0.9,
                 "nesterov": True, "decay-weights-only": False, "schedule": "multistep", "milestones": "1,2", "gamma": 0.5,
                 "seed": 3, "standardize": True}
        options = ["--nesterov", "--standardize"]
        for name, value in given.items():
            options += [] if isinstance(value, bool) else [f"--{name}", str(value)]
        expected = self.losses(*options)
        self.assertEqual(len(expected), 3)
        self.assertEqual(self.losses("--recipe", self.recipe(given)), expected)
        for name, other in (("lr", 0.01), ("nesterov", False), ("milestones", "2"), ("seed", 4), ("standardize", False)):
            with self.subTest(name=name):
                self.assertNotEqual(self.losses("--recipe", self.recipe({**given, name: other})), expected)

    def test_whole_numbers_may_have_a_point(self):
        start, *_ = self.run_log("--network", "small.json", "--recipe", self.recipe('{"epochs": 1.0, "batch-size": 16e0, "seed": 9007199254740992}'))
        self.assertEqual([start["options"][name] for name in ("epochs", "batch-size", "seed")], [1, 16, 2 ** 53])

    def test_the_command_line_wins_whatever_the_order(self):
        recipe = self.recipe({"network": "lenet", "epochs": 3, "lr": 0.5, "optimizer": "sgd"})
        for options in (("--recipe", recipe, "--network", "small.json", "--epochs", "1", "--optimizer", "adam"),
                        ("--network", "small.json", "--epochs", "1", "--optimizer", "adam", "--recipe", recipe)):
            with self.subTest(options=options):
                start = self.run_log(*options)[0]
                self.assertEqual([start["options"][name] for name in ("network", "epochs", "optimizer", "lr")],
                                 ["small.json", 1, "adam", 0.5])

    def test_a_network_beside_the_recipe(self):
        recipe = self.recipe({"network": "near.json", "epochs": 1}, "recipes/r.json")
        result = self.expect(1, "train", "--data", self.set, "--recipe", recipe)
        self.assertIn('network "near.json"', result.stderr)
        self.write_network("near.json", LAYERS)  # as on the command line: from the present folder
        self.assertEqual(self.run_log("--recipe", recipe)[0]["options"]["network"], "near.json")
        self.write_network("recipes/near.json", [{"type": "Flatten"}, {"type": "Linear", "out_features": 10}])
        start = self.run_log("--recipe", recipe)[0]
        self.assertEqual((start["options"]["network"], start["parameters"]), ("recipes/near.json", 7850))
        start = self.run_log("--recipe", recipe, "--network", "near.json")[0]
        self.assertNotEqual(start["parameters"], 7850, "the command line's path is its own")
        self.write_network("recipes/bn-lenet", LAYERS)
        start = self.run_log("--recipe", self.recipe({"network": "bn-lenet", "epochs": 1}, "recipes/r.json"))[0]
        self.assertEqual(start["parameters"], 44878, "a built-in name stays one")

    def test_a_log_is_the_recipe_of_its_training(self):
        options = ("--network", "recipes/near.json", "--epochs", "2", "--batch-size", "16", "--lr", "0.0123456789012345",
                   "--optimizer", "sgd", "--momentum", "0.9", "--seed", "5", "--validation", "0.25", "--quiet")
        (self.folder / "recipes").mkdir()
        self.write_network("recipes/near.json", LAYERS)
        start, *_, end = self.run_log(*options)
        first = [record["loss"] for record in self.records() if record["event"] == "epoch"]
        self.assertEqual((len(first), end["result"]), (2, "ok"))
        self.assertEqual(start["recipe"], {"network": "recipes/near.json", "data": str(self.set), "epochs": 2, "batch-size": 16,
                                           "lr": 0.0123456789012345, "optimizer": "sgd", "momentum": 0.9, "seed": 5,
                                           "validation": 0.25})
        # Paths in a log are those of its command line, not of its folder.
        (self.folder / "logs" / "recipes").mkdir(parents=True)
        self.write_network("logs/recipes/near.json", [{"type": "Flatten"}, {"type": "Linear", "out_features": 10}])
        (self.folder / "log.jsonl").rename(self.folder / "logs" / "first.jsonl")
        self.expect(0, "train", "--recipe", "logs/first.jsonl", "--no-guard", "--log", "log.jsonl")
        self.assertEqual([record["loss"] for record in self.records() if record["event"] == "epoch"], first)
        self.assertEqual(self.records()[0]["recipe"], start["recipe"])
        # The record by itself, and its member.
        for content in (json.dumps(start), json.dumps(start["recipe"])):
            self.expect(0, "train", "--recipe", self.recipe(content), "--no-guard", "--log", "log.jsonl")
            self.assertEqual([record["loss"] for record in self.records() if record["event"] == "epoch"], first)

    def records(self):
        return [json.loads(line) for line in (self.folder / "log.jsonl").read_text().splitlines()]

    def test_options_count_as_given_when_resuming(self):
        usual = ("--data", self.set, "--no-guard", "--log", "log.jsonl")
        first = self.recipe({"network": "small.json", "epochs": 1, "batch-size": 16, "lr": 0.01, "standardize": True})
        self.expect(0, "train", *usual, "--recipe", first, "--save", "m.safetensors")
        self.expect(0, "train", *usual, "--recipe", first, "--resume", "m.safetensors", "--epochs", "2")
        self.assertNotIn("recipe", [record for record in self.records() if record["event"] == "start"][-1])
        for member, told in (({"lr": 0.02}, "learning rate"), ({"standardize": False}, "standardi"), ({"batch-size": 8}, "batch size"),
                             ({"decay-weights-only": True}, "decay of weights only")):
            with self.subTest(member=member):
                recipe = self.recipe({"epochs": 2, **member}, "other.json")
                result = self.expect(1, "train", *usual, "--recipe", recipe, "--resume", "m.safetensors")
                self.assertIn(told, result.stderr)
        # A log that begins with a resumed training holds no recipe.
        (self.folder / "log.jsonl").unlink()
        self.expect(0, "train", *usual, "--resume", "m.safetensors", "--epochs", "2")
        result = self.expect(1, "train", "--recipe", "log.jsonl")
        self.assertIn("log.jsonl: the first record of this log has no recipe", result.stderr)

    # ---- What a recipe may not be ----

    def test_options_of_one_run_are_refused(self):
        """Each option is either a recipe's or in the document's list of those that are not."""
        listed = re.search(r"not of a\s+recipe:\n\n(.*?)\n\n", DOCUMENT.read_text(), re.S)[1]
        of_run = set(re.findall(r"`--([a-z0-9-]+)`", listed))
        self.assertLessEqual({"recipe", "save", "save-best", "keep", "log", "trace", "resume", "override", "device"}, of_run)
        for name, has_argument in rows().items():
            with self.subTest(name=name):
                value = "x" if has_argument else True
                told = self.refused({name: value}, f'r.json: "{name}"') if name in of_run else None
                if told:
                    self.assertIn(f'"{name}" is of one run, not of a recipe: give --{name} on the command line', told)
                else:  # an empty object is of no option's type: refused as a value, not as a member
                    self.assertIn(f'"{name}": {{}} is not ', self.refused({name: {}}))
        self.assertFalse(of_run - set(rows()))

    def test_wrong_members_are_named(self):
        for content, *expected in (
                ('{"momentun": 0.9}', 'r.json: "momentun" is no option of clenet train', 'did you mean "momentum"?'),
                ('{"--lr": 0.9}', 'r.json: "--lr" is no option', 'did you mean "lr"?'),
                ('{"weight_decay": 0.9}', 'did you mean "weight-decay"?'),
                ('{"lr": "0.1"}', 'r.json: "lr": "0.1" is not a number from 1e-10 to 1000'),
                ('{"lr": true}', 'r.json: "lr": true is not a number'),
                ('{"lr": 1e9}', 'r.json: "lr" 1000000000 is out of range: from 1e-10 to 1000'),
                ('{"lr": 0}', 'r.json: "lr" 0 is out of range'),
                ('{"epochs": 1.5}', "r.json: \"epochs\": '1.5' is not a whole number from 1 to 1000000"),
                ('{"epochs": -1}', "r.json: \"epochs\": '-1' is not a whole number"),
                ('{"epochs": 1000001}', 'r.json: "epochs" 1000001 is out of range'),
                ('{"epochs": "3"}', 'r.json: "epochs": "3" is not a whole number'),
                ('{"epochs": null}', 'r.json: "epochs": null is not a whole number'),
                ('{"milestones": 5}', 'r.json: "milestones": 5 is not a text in quotes'),
                ('{"network": ["a"]}', 'r.json: "network": ["a"] is not a text in quotes'),
                ('{"nesterov": 1}', 'r.json: "nesterov": 1 is not true or false'),
                ('{"nesterov": "true"}', 'r.json: "nesterov": "true" is not true or false'),
                ('{"optimizer": "adagrad"}', "r.json: \"optimizer\": 'adagrad' is not one of: adam, sgd, adamw, rmsprop"),
                ('{"optimizer": 1}', 'r.json: "optimizer": 1 is not one of: adam'),
                ('{"network": ["' + 100 * "a" + '"]}', 'r.json: "network": the value is not a text in quotes'),
                ('{"gamma": 0.5}', "--gamma is an option of --schedule step", "the options of r.json count as given"),
                ('{"validation": 0}', "--validation 0 is out of range", "r.json")):
            with self.subTest(content=content):
                self.refused(content, *expected)
        # A member that the command line replaces must be right, too.
        self.refused('{"epochs": 0}', '"epochs" 0 is out of range', options=("--epochs", "1"))

    def test_files_that_are_no_recipe(self):
        for content, *expected in (
                ('{"lr": 0.1,\n"lr": 0.2}', "r.json: line 2, column 4: duplicate", '"lr"'),
                ('{"lr": 0.1,\n\n"epochs" 3}', "r.json: line 3, "), ('{"lr": 0.1} x', "r.json: line 1, "),
                ("", "r.json: line 1, "), ("not JSON", "r.json: line 1, "), ("[1]", "r.json: a recipe is a JSON object"),
                ('{"event": "start", "options": {"lr": 1}}\n{"event": "end"}', "r.json: the first record of this log has no recipe"),
                ('{"event": "start", "recipe": [1]}', "r.json: a recipe is a JSON object"),
                (" " * (1 << 20) + "{}", "r.json: larger than 1048576 bytes, clenet's limit")):
            with self.subTest(content=content[:60]):
                self.refused(content, *expected, status=1)
        for path, expected in (("missing.json", "--recipe: missing.json: No such file"), (".", "--recipe: .: Is a directory")):
            self.assertIn(expected, self.expect(1, "train", "--recipe", path).stderr)
        self.assertIn("missing argument", self.expect(2, "train", "--recipe").stderr)


class InputsOfARecipe(Files):
    """The recipe and what it names are files that no output may be."""

    def test_no_output_is_the_recipe_or_what_it_names(self):
        folder = self.folder / "recipes"
        network = self.write("recipes/near.json", json.dumps(self.NETWORK))
        recipe = self.write("recipes/r.json", json.dumps({"network": "near.json", "data": str(self.set), "epochs": 1}))
        link = folder / "link"
        link.symlink_to("r.json")
        before = self.state()
        for target in (recipe, link, network, self.set / "train-labels-idx1-ubyte"):
            for option in ("--save", "--log", "--trace"):
                with self.subTest(target=target.name, option=option):
                    result = self.expect(1, "train", "--no-guard", "--recipe", str(recipe), option, str(target))
                    self.assertIn("is the same file as", result.stderr)
                    self.assertEqual(self.state(), before)
        result = subprocess.run([PROGRAM, "train", "--recipe", recipe, "--no-guard", "--save", folder / "m"], capture_output=True,
                                text=True, check=False, stdin=subprocess.DEVNULL, timeout=300)
        self.assertEqual(result.returncode, 0, result.stderr)


class Shipped(Sets):
    def test_the_recipes_of_the_examples_can_be_trained(self):
        recipes = sorted((ROOT / "examples" / "recipes").glob("*.json"))
        self.assertTrue(recipes)
        for path in recipes:
            with self.subTest(recipe=path.name):
                self.assertIn(path.name, DOCUMENT.read_text())
                train = ("train", "--recipe", path, "--data", "synthetic:600", "--no-guard", "--max-steps", "1")
                network = path.parent / json.loads(path.read_text())["network"]
                if not network.exists() or json.loads(network.read_text())["input"] == [1, 28, 28]:
                    self.expect(0, *train)
                else:  # after all options have been read
                    self.assertIn("takes 3×32×32, the images of synthetic are 1×28×28", self.expect(1, *train).stderr)


if __name__ == "__main__":
    main()

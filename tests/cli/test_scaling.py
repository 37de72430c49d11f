"""`clenet bench` with several processes: what it measures of them, and what it says of more."""
import json
import os
import shutil
import subprocess
import unittest

from support import PROGRAM, VERSION, Sets, main

MPIS = os.environ.get("CLENET_TEST_MPIS", "").split()
QUICK = ("--batch-size", "128", "--seconds", "0.2")
# As in test_ranks.py.
PLAIN = {"CLENET_BUILD_OPTIONS": "-cl-opt-disable"}  # which builds sooner
LAUNCHER = {**PLAIN, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1",
            "OMPI_MCA_hwloc_base_binding_policy": "none", "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
            "PRTE_MCA_hwloc_default_binding_policy": "none"}


class Scaling(Sets):
    def bench(self, status, *arguments, **environment):
        return self.expect(status, "bench", "--network", str(self.network), *QUICK, *arguments, **environment)

    def path_with(self, mpi):
        """A PATH on which `mpirun` is this MPI's."""
        tools = self.folder / "bin"
        tools.mkdir()
        launcher = shutil.which(f"mpirun.{mpi}") or shutil.which("mpirun")
        (tools / "mpirun").write_text(f'#!/bin/sh\nexec {launcher} "$@"\n')
        (tools / "mpirun").chmod(0o755)
        return f"{tools}:{os.environ['PATH']}"

    def check_group(self, group, processes):
        self.assertEqual((group["processes"], [run["batch_size"] for run in group["runs"]]), (processes, [128, 64]))
        self.assertTrue(group["device"])
        for run in group["runs"]:
            parts = run["parts"]
            self.assertGreaterEqual(run["images_per_second"], run["images_per_second_median"])
            self.assertAlmostEqual(run["seconds_per_step"] * run["images_per_second_median"] / run["batch_size"], 1, places=6)
            sum_of_parts = parts["compute_seconds"] + parts["exchange_seconds"] + parts["waiting_seconds"]
            self.assertAlmostEqual(sum_of_parts / parts["seconds"], 1, places=6)
            self.assertGreater(parts["compute_seconds"], 0)
            if processes == 1:
                self.assertEqual((run["exchanges_per_step"], run["bytes_sent_per_step"], parts["steps"]), (0, 0, 0))
                self.assertEqual((parts["exchange_seconds"], parts["waiting_seconds"]), (0, 0))
            else:
                self.assertGreater(parts["steps"], 0)
                self.assertGreater(min(parts["exchange_seconds"], parts["waiting_seconds"]), 0)
                self.assertGreaterEqual(run["exchanges_per_step"], 2)

    def check_model(self, model, report):
        two = report["groups"][-1]["runs"][0]
        self.assertEqual(model["batch_size"], 128)
        self.assertAlmostEqual(model["exchanges_per_step"], two["exchanges_per_step"])
        # All gradients go twice, and half of them each time.
        self.assertAlmostEqual(model["parameter_bytes"] + model["bytes_per_process"], two["bytes_sent_per_step"], delta=1)
        self.assertEqual(model["parameter_bytes"], 4 * report["parameters"])
        self.assertEqual([link["link"] for link in model["links"]], ["one machine", "1 Gbit/s", "10 Gbit/s", "100 Gbit/s"])
        for link in ("1 Gbit/s", "100 Gbit/s"):
            rows = [row for row in model["predicted"] if row["link"] == link]
            self.assertEqual([row["processes"] for row in rows], [2 ** i for i in range(1, 11)])
            for row in rows:
                self.assertGreater(min(row["weak_speedup"], row["strong_speedup"]), 0)
                for simulated in (row["simulated_weak"], row["simulated_strong"]):
                    self.assertGreater(simulated["seconds_per_step"], 0)
                    self.assertTrue(0 <= simulated["waiting_share"] < 1)

    @unittest.skipUnless(MPIS, "built without MPI")
    def test_groups_that_it_starts(self):
        report = json.loads(self.bench(0, "--ranks", "1,2", "--json", PATH=self.path_with(MPIS[0]), **PLAIN).stdout)
        self.assertEqual((report["version"], report["strict"], len(report["groups"])), (VERSION, False, 2))
        for group, processes in zip(report["groups"], (1, 2)):
            self.check_group(group, processes)
        self.check_model(report["model"], report)

    @unittest.skipUnless(MPIS, "built without MPI")
    def test_the_group_that_it_is_started_in(self):
        path = self.path_with(MPIS[-1])
        run = subprocess.run(["mpirun", "-n", "2", PROGRAM, "bench", "--network", str(self.network), *QUICK], check=False,
                             capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, cwd=self.folder,
                             env={**os.environ, **LAUNCHER, "PATH": path})
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        for size in (128, 64):
            self.assertRegex(run.stdout, rf"(?m)^ +2 +{size}( +[\d.]+){{3}} \| +[\d.]+ =( +[\d.]+ \+){{2}}( +[\d.]+){{3}}$")
        self.assertEqual(run.stdout.count("parameters, default arithmetic"), 1, run.stdout)  # the first process alone prints
        self.assertEqual(len([line for line in run.stdout.splitlines() if line.startswith("     1024 ")]), 4)

    def test_refusals(self):
        for arguments, told in ((("--ranks", ""), "--ranks: at most 16 numbers"), (("--ranks", "1,,2"), "--ranks: at most 16"),
                                (("--ranks", "2,1"), "--ranks: at most 16"), (("--ranks", "0,1"), "--ranks: at most 16"),
                                (("--ranks", "1,2x"), "--ranks: at most 16"), (("--ranks", "99999999999999999999"), "--ranks: at"),
                                (("--devices", "a,"), "--devices: names of devices"),
                                (("--devices", "a,b", "--device", "a"), "leave --device out"),
                                (("--ranks", "1,2", "--trace", "trace"), "--trace is of one process")):
            with self.subTest(arguments):
                result = self.bench(2, *arguments)
                self.assertIn(told, result.stderr)
                self.assertEqual((result.stdout, result.stderr.count("\n")), ("", 1))
        missing = self.bench(1, "--ranks", "1,2", PATH=str(self.folder))
        self.assertIn("mpirun: No such file or directory: install Open MPI (openmpi-bin) or MPICH (mpich)", missing.stderr)
        self.assertEqual(missing.stdout, "")


if __name__ == "__main__":
    main(("Scaling.test_refusals",))

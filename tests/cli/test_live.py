"""`clenet train --live`: who knows the address sees what the log says, and can stop the training; nobody else learns anything, and
no reader holds the training up."""
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
import unittest
from pathlib import Path

from support import PROGRAM, Files, main, usual_signals

SERVES = os.environ.get("CLENET_TEST_LIVE") == "yes"
HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"}


class Stream:
    """The events of the page, as (kind, object)."""

    def __init__(self, live):
        self.connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=60)
        self.connection.request("GET", f"/{live.token}/events")
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200 and self.answer.headers["Content-Type"] == "text/event-stream"

    def __iter__(self):
        kind = None
        for line in self.answer:
            if line.startswith(b"event: "):
                kind = line[7:].decode().strip()
            elif line.startswith(b"data: "):
                yield kind, json.loads(line[6:])

    def until(self, true):
        """The newest parts by id, as soon as they satisfy a condition."""
        parts = {}
        for kind, event in self:
            if kind == "part":
                parts[event["id"]] = event["html"]
            if true(kind, parts):
                return parts
        raise AssertionError(f"the stream has ended: {parts}")

    def close(self):
        self.answer.close()
        self.connection.close()


class Live(Files):
    def start(self, *arguments, epochs=1000000):
        """A training, in the background. `self.port` and `self.token` are of its page."""
        command = [PROGRAM, *self.train, "--epochs", str(epochs), "--live", "--quiet", "--log", "log", "--save", "s.safetensors",
                   "--save-every", "1000000", *arguments]
        process = subprocess.Popen(command, cwd=self.folder, preexec_fn=usual_signals, text=True, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        line = process.stderr.readline()
        found = re.fullmatch(r"live page: http://127\.0\.0\.1:(\d+)/([0-9a-f]{32})/\n", line)
        self.assertIsNotNone(found, line)
        self.port, self.token = int(found[1]), found[2]
        return process

    def ask(self, path, method="GET", **headers):
        """The status, the headers and the text of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text

    def stop(self, **headers):
        return self.ask(f"/{self.token}/stop", "POST", **{"Origin": f"http://127.0.0.1:{self.port}", **headers})[0]

    def stream(self):
        stream = Stream(self)
        self.addCleanup(stream.close)
        return stream

    def events(self, kind):
        return [event for event in map(json.loads, (self.folder / "log").read_text().splitlines()) if event["event"] == kind]

    def assert_interrupted(self, process):
        output, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, output), (128 + signal.SIGINT, ""), errors)
        self.assertEqual(self.events("end")[0]["result"], "interrupted")
        self.assertGreater((self.folder / "s.safetensors").stat().st_size, 0)
        self.assert_nothing_temporary()


@unittest.skipUnless(SERVES, "built without libmicrohttpd")
class Pages(Live):
    def test_the_page_says_what_the_log_says(self):
        process = self.start("--clip-norm", "1e9", epochs=200)
        stream = self.stream()
        status, headers, page = self.ask(f"/{self.token}/")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertLess(set(HEADERS.items()), set(headers.items()))
        nonce, = set(re.findall('nonce="([0-9a-f]{32})"', page))
        self.assertIn(f"default-src 'none'; script-src 'nonce-{nonce}'", headers["Content-Security-Policy"])
        self.assertNotEqual(nonce, self.token)
        self.assertEqual(re.findall("https?:", page), [])
        self.assertEqual(re.findall(r'<section id="(\w+)"', page)[-3:], ["setup", "options", "repeat"])
        self.assertNotIn('id="part-classes"', page)
        parts = stream.until(lambda kind, _: kind == "end")
        self.assertEqual(process.wait(60), 0)
        start, epochs = self.events("start")[0], self.events("epoch")
        self.assertEqual(len(epochs), 200)
        for name, value in (("Test accuracy", f"{epochs[-1]['test_accuracy']:.4f}"), ("Training loss", f"{epochs[-1]['loss']:.4f}"),
                            ("Epochs", "200")):
            self.assertIn(f"<dt>{name}</dt><dd>{value}</dd>", parts["summary"])
        self.assertIn("ended as it should", parts["summary"])
        self.assertIn(start["device"], parts["setup"])
        self.assertEqual(parts["progress"], "")
        points = re.search(r'<polyline class="l5" points="([^"]{99,})"', parts["norm"])[1].split()
        self.assertEqual(len(points), 200)

    def test_progress_within_an_epoch(self):
        # Every epoch is long enough to be told of on BN-LeNet; which one the page sees first depends on the machine.
        process = self.start("--network", "bn-lenet", "--data", "synthetic:100000", "--batch-size", "32")
        parts = self.stream().until(lambda _, parts: " of 1000000" in parts.get("progress", ""))
        seen, images = map(int, re.search(r"Epoch \d+ of 1000000: (\d+) of (\d+) images", parts["progress"]).groups())
        self.assertTrue(0 < seen <= images == 100000, parts["progress"])
        for name in ("Loss of this epoch", "Accuracy of this epoch", "Images/s", "Time left"):
            self.assertRegex(parts["progress"], rf"<dt>{name}</dt><dd>[0-9]")
        self.stop()
        self.assert_interrupted(process)

    def test_a_page_that_is_loaded_again_has_everything(self):
        process = self.start()
        first = self.stream().until(lambda _, parts: "repeat" in parts and "polyline" in parts["curves"])
        for _ in range(40):  # more than there may be connections: those that have gone away make room
            stream = self.stream()
            again = stream.until(lambda _, parts: "repeat" in parts)
            stream.close()
            self.assertEqual(again.keys(), first.keys())
            self.assertIn("polyline", again["curves"])
        self.assertIn("polyline", self.ask(f"/{self.token}/")[2])
        process.send_signal(signal.SIGINT)
        self.assert_interrupted(process)

    def test_a_test_of_learning_rates(self):
        process = subprocess.Popen([PROGRAM, *self.train, "--lr-find", "--max-steps", "2000", "--live", "--quiet", "--log", "log"],
                                   cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.port, self.token = re.search(r":(\d+)/(\w+)/", process.stderr.readline()).groups()
        parts = self.stream().until(lambda kind, _: kind == "end")
        self.assertIn("polyline", parts["range"])
        self.assertIn(f"{self.events('suggestion')[0]['learning_rate']:.3g}", parts["range"])


@unittest.skipUnless(SERVES, "built without libmicrohttpd")
class Strangers(Live):
    def test_others_learn_nothing(self):
        process = self.start()
        right, host = self.token, f"127.0.0.1:{self.port}"
        wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
        self.assertEqual(self.ask("/")[0], 404)
        told = self.ask("/nothing/")
        for path in (f"/{wrong}/", f"/{wrong}/events", f"/{right[:-1]}/", f"/{right}0/", f"/{right}", f"//{right}/", f"/{right}/page",
                     f"/{right}/../", f"/{right}/events/", "/favicon.ico", f"/x/{right}/", "/%00/", f"/{right.upper()}0/"):
            status, _, text = self.ask(path)
            self.assertEqual((status, text), (404, told[2]), path)
        for name in ("evil.example", f"evil.example:{self.port}", "127.0.0.1", f"127.0.0.1:{self.port + 1}", f"127.0.0.1.evil:{self.port}"):
            self.assertEqual(self.ask(f"/{right}/", Host=name)[0], 403, name)
            self.assertEqual(self.ask(f"/{wrong}/", Host=name)[0], 404, name)
        for name in (host, f"localhost:{self.port}", f"[::1]:{self.port}"):
            self.assertEqual(self.ask(f"/{right}/", Host=name)[0], 200, name)
        for method, path in (("POST", ""), ("POST", "events"), ("GET", "stop"), ("PUT", "stop"), ("DELETE", ""), ("OPTIONS", "stop")):
            self.assertEqual(self.ask(f"/{right}/{path}", method)[0], 404, (method, path))
        for headers in ({}, {"Origin": "null"}, {"Origin": "http://evil.example"}, {"Origin": f"https://{host}"},
                        {"Origin": f"http://localhost:{self.port}"}, {"Origin": f"http://{host}", "Sec_Fetch_Site": "cross-site"},
                        {"Origin": f"http://{host}", "Sec_Fetch_Site": "none"}):
            self.assertEqual(self.ask(f"/{right}/stop", "POST", **headers)[0], 403, headers)
        self.assertEqual(self.ask(f"/{wrong}/stop", "POST", Origin=f"http://{host}")[0], 404)
        self.assertIsNone(process.poll())
        self.assertEqual(self.stop(Sec_Fetch_Site="same-origin"), 204)
        self.assert_interrupted(process)

    def test_only_this_machine_is_answered(self):
        self.start()
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            address, port = line.split()[1].split(":")
            if int(port, 16) == self.port:
                self.assertEqual(bytes.fromhex(address)[::-1], bytes((127, 0, 0, 1)))

    def test_the_port_is_free_or_refused(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for words in ((f"--live={port}",), ("--live", str(port))):
                errors = self.expect(1, *self.train, "--log", str(self.folder / "log"), *words).stderr
                self.assertIn(f"--live: port {port} of 127.0.0.1: Address already in use", errors)
                self.assertNotIn("training", errors.replace("train:", ""))
        self.assertFalse((self.folder / "log").exists())
        self.start(f"--live={port}", epochs=1)
        self.assertEqual(self.port, port)
        for word in ("80", "65536", "x"):
            self.expect(2, *self.train, "--live", word)


@unittest.skipUnless(SERVES, "built without libmicrohttpd")
class Ends(Live):
    def test_the_page_stops_the_training_once(self):
        process = self.start()
        stream = self.stream()
        stream.until(lambda _, parts: "polyline" in parts.get("curves", ""))  # before an epoch there is nothing to save
        self.assertEqual(self.stop(), 204)
        parts = stream.until(lambda kind, _: kind == "end")
        self.assertIn("stopped by", parts["summary"])
        self.assert_interrupted(process)

    def test_a_training_that_hangs(self):
        """It says nothing new, and takes a while to end. A second INT would end it at once; the page's button does not."""
        os.mkfifo(self.folder / "stuck")
        reader = os.open(self.folder / "stuck", os.O_RDONLY | os.O_NONBLOCK)  # which never reads
        self.addCleanup(os.close, reader)
        process = self.start("--log", "stuck")
        while "pipe" not in Path(f"/proc/{process.pid}/wchan").read_text():
            self.assertIsNone(process.poll())
            time.sleep(0.05)
        for _ in range(40):  # more than there may be connections: those that have gone away make room
            stream = self.stream()
            self.assertIn("polyline", stream.until(lambda _, parts: "repeat" in parts)["curves"])
            stream.close()
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        self.assertEqual(self.stop(), 204)
        time.sleep(0.5)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), -signal.SIGINT)

    def test_who_does_not_read_holds_nothing_up(self):
        process = self.start()
        silent = []
        for path in ("events", "events", ""):
            with_little_room = socket.socket()
            with_little_room.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            with_little_room.connect(("127.0.0.1", self.port))
            with_little_room.send(f"GET /{self.token}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
            silent.append(with_little_room)
        silent += [socket.create_connection(("127.0.0.1", self.port)) for _ in range(6)]  # which ask nothing
        for other in silent:
            self.addCleanup(other.close)
        epochs = 0
        for _ in range(4):  # the training goes on, and others see it
            parts = self.stream().until(lambda _, parts: "repeat" in parts)
            now = int(re.search(r"<dt>Epochs</dt><dd>(\d+)", parts["summary"])[1])
            self.assertGreater(now, epochs - 1)
            epochs = now
            time.sleep(0.5)
        self.assertGreater(epochs, 1)
        self.assertEqual(self.stop(), 204)
        begin = time.monotonic()
        self.assert_interrupted(process)
        self.assertLess(time.monotonic() - begin, 30)

    def test_the_server_gets_no_signals(self):
        process = self.start()
        self.assertEqual(self.ask("/")[0], 404)  # its thread has begun
        blocked = {}
        for status in Path(f"/proc/{process.pid}/task").glob("*/status"):
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            blocked[fields["Name"]] = int(fields["SigBlk"], 16)
        server = [mask for name, mask in blocked.items() if name.startswith("MHD")]
        self.assertEqual(len(server), 1, blocked)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD, signal.SIGALRM):
            self.assertTrue(server[0] >> (number - 1) & 1, number)


class Absent(Files):
    def test_it_is_refused(self):
        self.assertIn("libmicrohttpd-dev", self.expect(1, *self.train, "--live").stderr)


if SERVES:
    del Absent  # nothing is skipped where all is there
if __name__ == "__main__":
    main()

"""Times a whole worker and its usual Python counterpart on the same cameras. `cameras` beside this
calls it.

The cameras are this program's own simulator in a process of its own: H.264, 768x576, 10 frames a
second, of a real street. The network is YOLO11n at 640 with random weights, its last layer set so that
some ten boxes a frame are found: both sides have something to say about each frame. A frame counts when
its result is in the hands of who asked for it; its age is taken there, if something was found in it.
"""

import argparse
import asyncio
import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zipfile
from datetime import datetime
from fractions import Fraction
from pathlib import Path

WIDTH, HEIGHT, FPS = 768, 576, 10
"""What a camera sends."""

SIDE = 640
"""Side of the network's input in pixels."""

CONFIDENCE = 0.25
"""The least that counts as a box."""

PATIENCE = 60
"""Seconds until each side must have the first result of every camera."""

GOAL_FRAMES, GOAL_MEMORY = 4.0, 0.25
"""At least that many times the frames, in at most that part of the memory."""


def record(video, clip):
    """Writes the video as a camera would send it."""
    import av

    unfinished = clip.with_suffix(".unfinished.mp4")
    with av.open(str(video)) as source, av.open(str(unfinished), "w") as target:
        stream = target.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"tune": "zerolatency", "preset": "veryfast", "g": str(FPS)}
        for number, frame in enumerate(source.decode(video=0)):
            picture = frame.reformat(WIDTH, HEIGHT, "yuv420p")
            picture.pts, picture.time_base = number, Fraction(1, FPS)
            target.mux(stream.encode(picture))
        target.mux(stream.encode())
    unfinished.rename(clip)


def borrow(segmenter, checkpoint):
    """Writes the YOLO11n that lies in a YOLO11n with masks: the same network without them."""
    from ultralytics import YOLO

    model = YOLO("yolo11n.yaml", verbose=False).load(segmenter)
    model.model.names = YOLO(segmenter).names
    unfinished = checkpoint.with_suffix(".unfinished")
    model.save(str(unfinished))
    unfinished.rename(checkpoint)


class Cameras:
    """The simulator, in a process of its own."""

    def __init__(self, worker, clip, count, folder):
        clips = [folder / f"camera{number}.mp4" for number in range(count)]
        for each in clips:
            each.symlink_to(clip)
        command = [worker, "simulate", "--listen", "127.0.0.1:0", *map(str, clips)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        addresses = [self.process.stdout.readline().strip() for _ in range(count + 1)]
        # The first is the drawn scene.
        self.addresses = addresses[1:]

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Watched:
    """What a process took, from /proc."""

    def __init__(self, process):
        self.process = process
        self.began, self.cpu, self.resident = time.monotonic(), self.cpu_seconds(), []

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def sample(self):
        lines = Path(f"/proc/{self.process}/status").read_text().splitlines()
        (line,) = (line for line in lines if line.startswith("VmRSS:"))
        self.resident.append(int(line.split()[1]) / 1024)

    def end(self):
        seconds = time.monotonic() - self.began
        cores = (self.cpu_seconds() - self.cpu) / seconds
        return {"seconds": seconds, "cores": cores, "resident_mib": max(self.resident)}


def summary(taken, frames, ages, cameras):
    """What one side did. `ages` are those of the frames that something was found in, in seconds."""
    ages = sorted(ages)
    return {
        "fps": frames / taken["seconds"],
        "cores": taken["cores"],
        "resident_mib": taken["resident_mib"],
        "age_median_ms": statistics.median(ages) * 1e3,
        "age_p95_ms": ages[int(0.95 * (len(ages) - 1))] * 1e3,
        "cameras": cameras,
    }


async def follow(port, addresses, seconds, process):
    """Subscribes to all cameras, and counts what comes."""
    import websockets

    began = time.monotonic()
    while True:
        try:
            client = await websockets.connect(f"ws://127.0.0.1:{port}/", max_queue=None)
            break
        except OSError:
            if time.monotonic() - began > PATIENCE:
                raise
            await asyncio.sleep(0.1)
    for number, address in enumerate(addresses):
        await client.send(json.dumps({"type": "subscribe", "payload": {
            "subscriptionIdentifier": f"wall;camera{number}", "rtspUrl": address,
            "modelUrl": "cameras.mpta", "modelId": 1, "modelName": "cameras",
        }}))  # fmt: skip

    async def message():
        told = json.loads(await asyncio.wait_for(client.recv(), PATIENCE))
        if told["type"] == "error":
            sys.exit(f"the worker refused: {told}")
        return told

    seen = set()
    while len(seen) < len(addresses):
        if time.monotonic() - began > PATIENCE:
            sys.exit(f"only {len(seen)} cameras gave a result")
        told = await message()
        if told["type"] == "imageDetection":
            seen.add(told["subscriptionIdentifier"])
    watched, ages, seen = Watched(process), [], set()
    before = passes(port)
    watched.sample()
    while time.monotonic() - watched.began < seconds:
        told = await message()
        if told["type"] == "stateReport":
            watched.sample()
        if told["type"] == "imageDetection":
            captured = datetime.fromisoformat(told["timestamp"].replace("Z", "+00:00"))
            ages.append(time.time() - captured.timestamp())
            seen.add(told["subscriptionIdentifier"])
    result = summary(watched.end(), passes(port) - before, ages, len(seen))
    await client.close()
    return result


def passes(port):
    """Frames that went through the network. Those that nothing was found in are not sent."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    name = "detector_passes_finished_total{"
    return sum(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def time_worker(options, addresses, checkpoint, folder):
    """This program, as it is out of the box, on the CPU."""
    models = folder / "models"
    models.mkdir()
    with zipfile.ZipFile(models / "cameras.mpta", "w") as archive:
        node = {"modelId": "network", "modelFile": "network.pt", "minConfidence": CONFIDENCE}
        pipeline = {"pipeline": node, "redis": {"host": "127.0.0.1", "port": 6379}}
        archive.writestr("pipeline.json", json.dumps(pipeline))
        archive.write(checkpoint, "network.pt")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        options.worker, "run", "--listen", f"127.0.0.1:{port}", "--device", "cpu",
        "--set", f"models_dir={models}",
    ]  # fmt: skip
    with open(folder / "worker.log", "w") as log:
        worker = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        return asyncio.run(follow(port, addresses, options.seconds, worker.pid))
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait()


class Reader(threading.Thread):
    """Reads a camera for ever and keeps its newest frame."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.newest = address, None

    def run(self):
        import cv2

        capture = cv2.VideoCapture(self.address)
        while (read := capture.read())[0]:
            self.newest = (read[1], time.time())

    def take(self):
        taken, self.newest = self.newest, None
        return taken


def be_python(addresses, checkpoint, seconds):
    """The usual Python: newest frames in turns through `YOLO.predict`."""
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
    from ultralytics import YOLO

    model = YOLO(checkpoint)
    readers = [Reader(address) for address in addresses]
    for reader in readers:
        reader.start()

    def turn():
        frames, ages = 0, []
        for number, reader in enumerate(readers):
            if (taken := reader.take()) is None:
                continue
            frame, captured = taken
            (found,) = model.predict(
                frame, imgsz=SIDE, conf=CONFIDENCE, device="cpu", verbose=False
            )
            if len(found):
                ages.append(time.time() - captured)
            seen.add(number)
            frames += 1
        if not frames:
            time.sleep(0.001)
        return frames, ages

    seen, began = set(), time.monotonic()
    while len(seen) < len(readers):
        if time.monotonic() - began > PATIENCE:
            sys.exit(f"only {len(seen)} cameras gave a frame")
        turn()
    watched, frames, ages = Watched(os.getpid()), 0, []
    seen.clear()
    while time.monotonic() - watched.began < seconds:
        more, their_ages = turn()
        frames, ages = frames + more, ages + their_ages
        watched.sample()
    return summary(watched.end(), frames, ages, len(seen))


def time_python(options, addresses, checkpoint):
    """The usual Python, in a process of its own."""
    command = [
        sys.executable, __file__, "--peer", str(checkpoint), "--seconds", str(options.seconds),
        *addresses,
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{result.stderr}")
    # What a peer says of itself comes before.
    return json.loads(result.stdout.splitlines()[-1])


def measure(side, options, clip, checkpoint):
    """What one side does with cameras of its own."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        cameras = Cameras(options.worker, clip, options.cameras, folder)
        try:
            if side == "worker":
                return time_worker(options, cameras.addresses, checkpoint, folder)
            return time_python(options, cameras.addresses, checkpoint)
        finally:
            cameras.close()


def print_table(results, options):
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    print(
        f"{options.cameras} cameras, H.264 {WIDTH}x{HEIGHT} at {FPS} fps, {options.model.stem} at "
        f"{SIDE}, {options.seconds} s; {platform.machine()}, {os.cpu_count()} cores, load {load}\n"
    )
    columns = {
        "fps": ("frames/s in all", "{:.1f}"),
        "cameras": ("cameras served", "{}"),
        "cores": ("cores busy", "{:.2f}"),
        "age_median_ms": ("median age, ms", "{:.0f}"),
        "age_p95_ms": ("95 % age, ms", "{:.0f}"),
        "resident_mib": ("resident, MiB", "{:.0f}"),
    }
    print("| | " + " | ".join(title for title, _ in columns.values()) + " |")
    print("| --- |" + " --- |" * len(columns))
    for side, result in results.items():
        cells = [form.format(result[key]) for key, (_, form) in columns.items()]
        print(f"| {side} | " + " | ".join(cells) + " |")
    worker, python = results["worker"], results["python"]
    print(
        f"\nframes: {worker['fps'] / python['fps']:.1f} times (goal: at least {GOAL_FRAMES:.0f}), "
        f"memory: {worker['resident_mib'] / python['resident_mib']:.2f} (goal: under {GOAL_MEMORY})"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("addresses", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--worker", help="the program that is compared")
    parser.add_argument("--cache", type=Path, help="where clip and network are kept")
    parser.add_argument("--video", type=Path, help="what the cameras see")
    parser.add_argument("--segmenter", type=Path, help="the YOLO11n with masks")
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--model", type=Path, help="rather than YOLO11n")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        result = be_python(options.addresses, options.peer, options.seconds)
        print(json.dumps(result), flush=True)
        # OpenCV's readers do not survive being ended with their process.
        os._exit(0)
    options.cache.mkdir(parents=True, exist_ok=True)
    clip = options.cache / "street.mp4"
    if not clip.exists():
        record(options.video, clip)
    if options.model is None:
        options.model = options.cache / "yolo11n.pt"
        if not options.model.exists():
            borrow(options.segmenter, options.model)
    results = {}
    for side in ["worker", "python"]:
        print(f"{side} ...", file=sys.stderr)
        results[side] = measure(side, options, clip.resolve(), options.model)
    print_table(results, options)


if __name__ == "__main__":
    main()

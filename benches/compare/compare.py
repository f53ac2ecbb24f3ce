"""Times the same networks in several runtimes and prints a table. `run` beside this calls it.

Weights are random: they do not change how long a network takes. Each runtime is timed in a process of
its own, several rounds in turns, so that what else the machine does meets all of them alike; of each the
best round counts.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

MODELS = {
    "yolov8n": 640,
    "yolo11n": 640,
    "yolov8n-cls": 224,
    "yolov8s": 640,
}
"""Names of Ultralytics' descriptions, and the side of the picture."""

PEERS = ["onnxruntime", "openvino", "openvino bf16", "torch"]
"""Runtimes that this is compared with."""

OURS = ["worker", "worker bf16"]
"""This program, in both precisions."""

WARM_UP = 3
"""Runs before the first that is timed."""

GOALS = [("worker", ["onnxruntime", "openvino"], 0.85), ("worker bf16", ["openvino bf16"], 1.0)]
"""Which runtime is to be how many times as slow as the faster of which others."""


def describe(name):
    """The network without what decodes its head's output, and a picture for it."""
    import torch
    from ultralytics import YOLO

    torch.manual_seed(0)
    model = YOLO(f"{name}.yaml", verbose=False)
    network = model.model.float().eval()

    class HeadOutput(torch.nn.Module):
        """Tensors in place of what a head returns in training: it then does not decode."""

        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, picture):
            output = self.network(picture)
            if isinstance(output, dict):
                return output["boxes"], output["scores"]
            return output

    module = HeadOutput().eval().requires_grad_(False)
    network.model[-1].training = True
    side = MODELS[name]
    return model, module, torch.rand(1, 3, side, side)


def export(name, folder):
    """Writes a network as a checkpoint and as ONNX, unless it was before."""
    import torch

    checkpoint, onnx = folder / f"{name}.pt", folder / f"{name}.onnx"
    if checkpoint.exists() and onnx.exists():
        return
    model, module, picture = describe(name)
    model.save(str(checkpoint))
    unfinished = onnx.with_suffix(".unfinished")
    torch.onnx.export(
        module, (picture,), str(unfinished), opset_version=17, dynamo=False,
        training=torch.onnx.TrainingMode.PRESERVE,
    )  # fmt: skip
    unfinished.rename(onnx)


def runner(runtime, name, folder, threads):
    """A function that runs a network once in a runtime."""
    import numpy

    side = MODELS[name]
    picture = numpy.random.default_rng(0).random((1, 3, side, side), dtype=numpy.float32)
    onnx = str(folder / f"{name}.onnx")
    if runtime == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(onnx, options, ["CPUExecutionProvider"])
        feed = {session.get_inputs()[0].name: picture}
        return lambda: session.run(None, feed)
    if runtime.startswith("openvino"):
        import openvino

        precision = "bf16" if runtime.endswith("bf16") else "f32"
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": precision,
            "PERFORMANCE_HINT": "LATENCY",
        }
        request = openvino.Core().compile_model(onnx, "CPU", settings).create_infer_request()
        return lambda: request.infer([picture], share_inputs=True)
    if runtime == "torch":
        import torch

        torch.set_num_threads(threads)
        _, module, _ = describe(name)
        tensor = torch.from_numpy(picture)

        def run():
            with torch.inference_mode():
                module(tensor)

        return run
    raise ValueError(f"no runtime {runtime!r}")


def time_peer(runtime, name, folder, threads, runs):
    """Milliseconds of a peer in this process: the median and the least."""
    run = runner(runtime, name, folder, threads)
    times = []
    for index in range(WARM_UP + runs):
        began = time.perf_counter()
        run()
        if index >= WARM_UP:
            times.append((time.perf_counter() - began) * 1e3)
    return {"median_ms": statistics.median(times), "min_ms": min(times)}


def measure(runtime, name, options):
    """Milliseconds of a runtime in a process of its own."""
    if runtime in OURS:
        precision = "bf16" if runtime.endswith("bf16") else "f32"
        command = [
            options.worker, "bench", "--model", str(options.cache / f"{name}.pt"),
            "--device", "cpu", "--precision", precision, "--imgsz", str(MODELS[name]),
            "--threads", str(options.threads), "--runs", str(options.runs), "--json",
        ]  # fmt: skip
        return json.loads(output(command))["network"]
    command = [
        sys.executable, __file__, "--cache", str(options.cache), "--threads", str(options.threads),
        "--runs", str(options.runs), "--peer", runtime, name,
    ]  # fmt: skip
    # What a peer says of itself comes before.
    return json.loads(output(command).splitlines()[-1])


def output(command):
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{result.stderr}")
    return result.stdout


def compare(name, options):
    """The best round of each runtime."""
    best = {}
    for _ in range(options.rounds):
        for runtime in OURS + PEERS:
            times = measure(runtime, name, options)
            known = best.setdefault(runtime, times)
            best[runtime] = {key: min(known[key], times[key]) for key in times}
    return best


def print_table(results, key, title):
    runtimes = OURS + PEERS
    print(f"\n{title}\n")
    print("| " + " | ".join(["", *runtimes]) + " |")
    print("| --- |" + " --- |" * len(runtimes))
    for name, best in results.items():
        times = [f"{best[runtime][key]:.2f}" for runtime in runtimes]
        print("| " + " | ".join([f"{name} {MODELS[name]}", *times]) + " |")
    for ours, peers, goal in GOALS:
        print(f"\n{ours} to the faster of {', '.join(peers)} (goal: at most {goal}):", end=" ")
        ratios = [
            f"{name} {best[ours][key] / min(best[peer][key] for peer in peers):.2f}"
            for name, best in results.items()
        ]
        print(", ".join(ratios))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=list(MODELS), help="default: all")
    parser.add_argument("--worker", help="the program that is compared")
    parser.add_argument("--cache", type=Path, required=True, help="where networks are kept")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=30, help="runs of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = [name for name in options.models if name not in MODELS]
    if unknown:
        parser.error(f"no model {unknown[0]!r}; there are {', '.join(MODELS)}")
    options.cache.mkdir(parents=True, exist_ok=True)
    if options.peer:
        (name,) = options.models
        times = time_peer(options.peer, name, options.cache, options.threads, options.runs)
        print(json.dumps(times))
        return
    results = {}
    for name in options.models:
        print(f"{name} ...", file=sys.stderr)
        export(name, options.cache)
        results[name] = compare(name, options)
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"{platform.machine()}, {options.threads} threads, {options.runs} runs, load {load}")
    print_table(results, "median_ms", "Median of the best round, milliseconds")
    print_table(results, "min_ms", "Shortest run, milliseconds")


if __name__ == "__main__":
    main()

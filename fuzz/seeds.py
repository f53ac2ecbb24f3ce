#!/usr/bin/env python3
"""Makes the checkpoints that the target `checkpoint` changes: small ones, since it runs a million times,
which together have each module and each head.

    venv/bin/python fuzz/seeds.py        # as tests/fixtures/models/families.py, which see
"""

import copy
import io
import pathlib
import sys

import torch
import ultralytics

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE.parent / "tests/fixtures/models"))
import families  # noqa: E402

UP = [-1, 1, "nn.Upsample", [None, 2, "nearest"]]
# Name: task and layers, after a first convolution. The last one is the head.
SEEDS = {
    "detect": ("detect", [[-1, 1, "C2f", [8, True]], [-1, 1, "SPPF", [8, 5]], [[2], 1, "Detect", ["nc"]]]),
    "masks": (
        "segment",
        [
            [-1, 1, "C3k2", [8, True]],
            [-1, 1, "C2PSA", [8]],
            [-1, 1, "Conv", [8, 3, 2]],
            [[2, 3], 1, "Segment26", ["nc", 4, 8]],
        ],
    ),
    "keypoints": ("pose", [[-1, 1, "C3k2", [8, True, 0.5, True]], [[1], 1, "Pose26", ["nc", [2, 3]]]]),
    "rotated": ("obb", [[-1, 1, "A2C2f", [32, True, 1, True, 1.2, 1.0]], [[1], 1, "OBB", ["nc", 1]]]),
    "once": (
        "detect",
        [
            [-1, 1, "SCDown", [8, 3, 2]],
            [-1, 1, "PSA", [8]],
            [-1, 1, "C2fCIB", [8, True, True]],
            [[3], 1, "v10Detect", ["nc"]],
        ],
    ),
    "classes": (
        "classify",
        [
            [-1, 1, "CBLinear", [[8, 16]]],
            [0, 1, "Conv", [16, 3, 2]],
            [[1, -1], 1, "CBFuse", [[1]]],
            [-1, 1, "ELAN1", [8, 8, 8]],
            UP,
            [[-1, 0], 1, "Concat", [1]],
            [-1, 1, "AConv", [8]],
            [-1, 1, "RepNCSPELAN4", [8, 8, 8, 1]],
            UP,
            [-1, 1, "ADown", [8]],
            [-1, 1, "SPPELAN", [8, 8]],
            [-1, 1, "Classify", ["nc"]],
        ],
    ),
    "ghosts": (
        "obb",
        [
            [-1, 1, "GhostConv", [8, 3, 1]],
            [-1, 1, "C3Ghost", [8, True]],
            [-1, 1, "SPP", [8, [3, 5]]],
            [-1, 1, "nn.ZeroPad2d", [[0, 1, 0, 1]]],
            [-1, 1, "nn.MaxPool2d", [2, 1, 0]],
            [[5], 1, "OBB26", ["nc", 1]],
        ],
    ),
}


def save(file, model):
    """Writes a checkpoint without what only training and torch itself need: most of so small a file."""
    model = copy.deepcopy(model).half()
    if hasattr(model.model[-1], "flow_model"):
        model.model[-1].flow_model = None
    for parameter in model.parameters():
        parameter.requires_grad = False
    for module in model.modules():
        for name in list(vars(module)):
            if name.startswith("_") and name not in ("_parameters", "_buffers", "_modules"):
                del vars(module)[name]
    buffer = io.BytesIO()
    torch.save({"model": model, "train_args": {"imgsz": 32}, "version": ultralytics.__version__}, buffer)
    file.write_bytes(families.smaller(buffer.getvalue()))


def main():
    (HERE / "seeds").mkdir(exist_ok=True)
    for name, (task, layers) in SEEDS.items():
        torch.manual_seed(1)
        plan = {"nc": 2, "reg_max": 1 if "26" in layers[-1][2] else 4, "end2end": "26" in layers[-1][2]}
        if task == "pose":
            plan["kpt_shape"] = [2, 3]
        first = [-1, 1, "Conv", [32 if name == "rotated" else 8, 3, 8]]
        model = families.build(task, plan | {"backbone": [first, *layers[:-1]], "head": layers[-1:]})
        save(HERE / "seeds" / f"{name}.pt", model)


if __name__ == "__main__":
    main()

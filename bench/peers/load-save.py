"""Reads a model with onnx.load and writes it with onnx.save; a peer of bench/suites/load-save.js, which starts it.

    python bench/peers/load-save.py FROM TO inline|external plain|synced

Prints times in milliseconds and the peak resident memory (VmHWM) in bytes as JSON; imports are not in the times.
"""

import json
import os
import re
import sys
import time

import onnx


def sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def main():
    source, target, external, synced = sys.argv[1:5]
    start = time.perf_counter()
    model = onnx.load(source)
    loaded = time.perf_counter()
    data = os.path.basename(target) + "_data"
    if external == "external":
        onnx.save(model, target, save_as_external_data=True, location=data, size_threshold=1024)
    else:
        onnx.save(model, target)
    if synced == "synced":
        sync(target)
        if external == "external":
            sync(os.path.join(os.path.dirname(target), data))
    saved = time.perf_counter()
    with open("/proc/self/status") as status:
        peak = int(re.search(r"^VmHWM:\s*(\d+)", status.read(), re.M).group(1)) * 1024
    print(json.dumps({"load": (loaded - start) * 1000, "save": (saved - loaded) * 1000, "peak": peak}))


main()

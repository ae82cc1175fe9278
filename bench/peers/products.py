"""How fast PyTorch multiplies large matrices of 32-bit floats here: `products.py THREADS SECONDS SIDE`."""

import json
import sys
import time

import torch

threads, seconds, side = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(0)
x, w, y = (torch.randn(side, side) for _ in range(3))
for _ in range(3):
    torch.mm(x, w, out=y)
start, runs = time.perf_counter(), 0
while time.perf_counter() - start < seconds:
    torch.mm(x, w, out=y)
    runs += 1
rate = runs * 2 * side**3 / (time.perf_counter() - start) / 1e9
print(json.dumps({"gflops": rate, "library": f"PyTorch {torch.__version__}"}))

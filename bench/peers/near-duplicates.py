"""Groups the texts of gzip-packed JSON lines by datasketch's MinHash LSH; prints rows, seconds, peak memory and candidate pairs.

Run by bench/suites/near-duplicates.js: near-duplicates.py ROWS FILE …
"""
import gzip
import json
import re
import resource
import sys
import time

from datasketch import MinHash, MinHashLSH

limit = float(sys.argv[1])
start = time.perf_counter()
words = re.compile(r"[^\W_]+")
lsh = MinHashLSH(threshold=0.8, num_perm=128)
rows = 0
candidates = 0
for name in sys.argv[2:]:
    with gzip.open(name, "rt", encoding="utf-8") as lines:
        for line in lines:
            if rows >= limit:
                break
            found = words.findall(json.loads(line)["text"].lower())
            shingles = {" ".join(found[i : i + 3]) for i in range(max(1, len(found) - 2))}
            signature = MinHash(num_perm=128)
            signature.update_batch([shingle.encode() for shingle in shingles])
            candidates += len(lsh.query(signature))
            lsh.insert(str(rows), signature)
            rows += 1
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"{rows} rows, {seconds:.1f} s, peak {peak:.0f} MiB, {candidates} candidate pairs, not compared")

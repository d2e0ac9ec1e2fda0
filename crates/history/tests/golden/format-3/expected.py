# expected.py RUN_DIR TICKETCD: prints expected.json of a golden run.
import json, subprocess, sys, collections
run, ticketcd = sys.argv[1:3]
result = json.load(open(f"{run}/result.json"))
lines = subprocess.run([ticketcd, "history", "cat", run], capture_output=True, check=True, text=True).stdout.splitlines()
events = collections.Counter(next(iter(json.loads(line))) for line in lines)
checks = {c["name"]: {"verdict": c["verdict"], "evidence": {k: v for k, v in c["evidence"].items() if v}} for c in result["checks"]}
print(json.dumps({"verdict": result["verdict"], "events": dict(sorted(events.items())), "checks": checks}, indent=2))

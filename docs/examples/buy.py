"""A purchase strategy of one's own: guarded, so it is safe. Run: strategy.command = { run = ["python3", "docs/examples/buy.py"] }"""
import json
import sys


def ask(request):
    """Tells the harness what to do and returns its answer."""
    print(json.dumps(request), flush=True)
    return json.loads(sys.stdin.readline())


def buy(order):
    prefix, event = order["prefix"], order["event"]
    mine = f"{prefix}purchase:{order['user']}:{event}"
    keys = [f"{prefix}ticket:{event}:{item['type']}" for item in order["items"]] + [f"{prefix}event:{event}", mine]
    reads = [{"range": {"key": key}} for key in keys]
    answer = ask({"txn": {"success": reads}})  # one transaction: everything is read at one revision
    for _ in range(10):
        if "error" in answer:
            return {"rejected": answer["error"]}
        found = {kv["key"]: kv for response in answer["responses"] for kv in response["kvs"]}
        values = {key: json.loads(found[key]["value"]) if key in found else [] for key in keys}
        lines = []
        for item, key in zip(order["items"], keys):
            if values[key]["current_quantity"] < item["quantity"]:
                return {"sold_out": True}
            values[key]["current_quantity"] -= item["quantity"]
            values[keys[-2]]["current_quantity"] -= item["quantity"]
            lines.append({**item, "price": values[key]["price"]})
        values[mine].append({"id": order["id"], "date": order["date"], "tickets": lines})
        guards = [{"key": key, "mod_revision": found[key]["mod_revision"] if key in found else 0} for key in keys]
        puts = [{"put": {"key": key, "value": json.dumps(values[key])}} for key in keys]
        answer = ask({"txn": {"guards": guards, "success": puts, "failure": reads}})
        if answer.get("succeeded"):
            return {"sold": True}
    return {"conflict": True}


for line in sys.stdin:
    print(json.dumps(buy(json.loads(line)["order"])), flush=True)

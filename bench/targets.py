# SPDX-License-Identifier: BSD-2-Clause
"""Ratios of two servers measured in the same round, and the project's targets."""
import statistics


def p50(s):
    return s["rtt_us"]["p50"]


def p99(s):
    return s["rtt_us"]["p99"]


def p999(s):
    return s["rtt_us"]["p99.9"]


def rate(s):
    return s["rate"]


def server_us(s):
    """CPU of the server's process; on veth its softirq runs in the client."""
    return s["cpu_seconds"]["watched"] / s["replies"] * 1e6 if s["replies"] else 0.0


def all_us(s):
    """CPU of both ends and everything else that ran, for each reply."""
    return s["cpu_seconds"]["all"] / s["replies"] * 1e6 if s["replies"] else 0.0


def per_cpu_second(s):
    return s["replies"] / s["cpu_seconds"]["all"] if s["cpu_seconds"]["all"] else 0.0


# A measurement is disturbed when server or client stood ready to run, and
# waited, for more of its time than this. On a quiet machine it is 1 %.
NOISE_MAX = 0.05


def noise(s):
    return s["cpu_seconds"]["waited"] / s["seconds"]


def disturbed(s):
    return noise(s) > NOISE_MAX


def throughput(s):
    return s.get("bytes_per_second", 0)


# mode, window, of each sample
METRICS = {"rtt_p50": ("echo", 1, p50), "rtt_p99": ("echo", 1, p99), "rate1": ("echo", 1, rate),
           "rate": ("echo", 64, rate), "connects": ("connect", 64, rate),
           "bulk": ("bulk", 8, throughput),
           "server_cpu": ("echo", 64, server_us), "all_cpu": ("echo", 64, all_us)}

# server, compared with
PAIRS = [
    ("bare-spin", "kernel-spin"), ("bare-sleep", "kernel-sleep"), ("bare-tx", "kernel-spin"),
    ("udp_echo-spin", "kernel-spin"), ("udp_echo-spin", "kernel-mmsg-spin"),
    ("udp_echo-spin", "bare-spin"),
    ("udp_echo-sleep", "kernel-sleep"), ("udp_echo-sleep", "kernel-mmsg-sleep"),
    ("udp_echo-sleep", "bare-sleep"),
    ("xdp-echo", "kernel-spin"), ("xdp-echo", "bare-tx"),
    ("xdp-kv", "kernel-kv"), ("xdp-kv", "bare-tx"),
    ("tcp_echo-spin", "kernel-tcp-spin"), ("tcp_echo-spin", "bare-spin"),
    ("tcp_echo-sleep", "kernel-tcp-sleep"),
    ("http_server-spin", "nginx"), ("http_server-sleep", "nginx"),
]

# The fast path at both ends, compared with the kernel at both.
BOTH_ENDS = [("tcp_echo-spin", "kernel-tcp-spin"), ("tcp_echo-sleep", "kernel-tcp-sleep")]

# client, server, compared with, metric, "<=" or ">=", bound. With two clients,
# ours/theirs, both ends change.
TARGETS = [
    ("kernel", "udp_echo-spin", "kernel-spin", "rtt_p50", "<=", 0.40),
    ("kernel", "udp_echo-spin", "kernel-spin", "rate", ">=", 1.15),
    ("af_xdp", "udp_echo-spin", "bare-spin", "rate", ">=", 0.85),
    ("af_xdp", "udp_echo-spin", "bare-spin", "rtt_p50", "<=", 1.15),
    ("af_xdp", "xdp-echo", "bare-tx", "rate", ">=", 0.90),
    ("af_xdp", "xdp-echo", "bare-tx", "rtt_p50", "<=", 1.10),
    ("af_xdp", "xdp-kv", "bare-tx", "rate", ">=", 0.90),
    ("af_xdp", "xdp-kv", "bare-tx", "rtt_p50", "<=", 1.10),
    ("kernel", "xdp-echo", "bare-tx", "rate", ">=", 0.90),
    ("kernel", "xdp-kv", "bare-tx", "rate", ">=", 0.90),
    ("kernel", "udp_echo-sleep", "kernel-sleep", "rtt_p50", "<=", 1.00),
    ("kernel", "udp_echo-sleep", "kernel-sleep", "rate", ">=", 1.00),
    ("kernel", "udp_echo-sleep", "kernel-sleep", "server_cpu", "<=", 1.00),
    ("kernel", "udp_echo-sleep", "kernel-sleep", "all_cpu", "<=", 1.00),
    ("kernel", "tcp_echo-spin", "kernel-tcp-spin", "rtt_p50", "<=", 0.45),
    ("kernel", "tcp_echo-spin", "kernel-tcp-spin", "rate", ">=", 1.20),
    ("kernel", "http_server-spin", "nginx", "rate1", ">=", 2.80),
    ("kernel", "http_server-spin", "nginx", "rate", ">=", 1.40),
    ("kernel", "http_server-spin", "nginx", "connects", ">=", 2.00),
    ("af_xdp", "tcp_echo-spin", "bare-spin", "rtt_p50", "<=", 1.40),
    ("af_xdp/kernel", "tcp_echo-spin", "kernel-tcp-spin", "rate", ">=", 3.00),
    ("af_xdp/kernel", "tcp_echo-spin", "kernel-tcp-spin", "connects", ">=", 4.00),
    ("kernel", "tcp_echo-sleep", "kernel-tcp-sleep", "rtt_p50", "<=", 1.00),
    ("kernel", "tcp_echo-sleep", "kernel-tcp-sleep", "rate", ">=", 1.30),
]
# Printed beside a target against the kernel: what the path itself allows, and
# the same ratio to a kernel server that takes and sends in batches.
LIMITS = {"udp_echo-spin": "bare-spin", "udp_echo-sleep": "bare-sleep"}
BATCHED = {"kernel-spin": "kernel-mmsg-spin", "kernel-sleep": "kernel-mmsg-sleep"}
IDLE_CPU_SECONDS = 0.001


def ratio(samples, client, server, other, metric):
    """Min, median, max over the rounds in which both were measured.

    Rounds in which either was disturbed count only when there is no other.
    """
    mode, window, get = METRICS[metric]
    my_client, _, their_client = client.partition("/")

    def by_round(name, client):
        return {s["round"]: s for s in samples
                if (s["server"], s["client"], s["mode"], s["window"]) ==
                (name, client, mode, window)}

    mine, theirs = by_round(server, my_client), by_round(other, their_client or my_client)
    both = [(mine[r], theirs[r]) for r in mine if r in theirs and get(theirs[r])]
    quiet = [pair for pair in both if not any(map(disturbed, pair))]
    values = [get(a) / get(b) for a, b in quiet or both]
    if not any(values):
        return None
    return {"client": client, "server": server, "to": other, "metric": metric,
            "rounds": len(values), "disturbed": not quiet, "min": min(values),
            "median": statistics.median(values), "max": max(values)}


def ratios(samples):
    asked = [(client, pair) for client in ("kernel", "af_xdp") for pair in PAIRS]
    asked += [("af_xdp/kernel", pair) for pair in BOTH_ENDS]
    found = (ratio(samples, client, server, other, metric)
             for client, (server, other) in asked for metric in METRICS
             if metric != "rate1" or other == "nginx")
    return [r for r in found if r]


def verdicts(samples, idle):
    out = []
    for client, server, other, metric, sense, bound in TARGETS:
        r = ratio(samples, client, server, other, metric)
        if not r:
            continue
        r.update(sense=sense, bound=bound)
        r["pass"] = r["median"] <= bound if sense == "<=" else r["median"] >= bound
        if other in BATCHED:
            limit = ratio(samples, client, LIMITS[server], other, metric)
            batched = ratio(samples, client, server, BATCHED[other], metric)
            r["limit"] = limit and limit["median"]
            r["to_batched"] = batched and batched["median"]
        out.append(r)
    for one in idle:
        out.append({"server": one["server"], "metric": "idle_cpu_seconds", "sense": "<=",
                    "bound": IDLE_CPU_SECONDS, "seconds": one["seconds"],
                    "conns": one["conns"], "value": one["cpu_seconds"],
                    "pass": one["cpu_seconds"] <= IDLE_CPU_SECONDS})
    return out


def spread(r):
    return f"({r['min']:.2f} .. {r['max']:.2f}){'~' if r['disturbed'] else ''}"


def show(all_ratios, all_verdicts):
    print("\nratios within a round: median (min .. max); ~ no round was undisturbed")
    for r in all_ratios:
        print(f"  {r['client']:<14}{r['server']:<17} / {r['to']:<16} {r['metric']:<11}"
              f"{r['median']:>7.2f}  {spread(r)}")
    print("\ntargets")
    for v in all_verdicts:
        word = "pass" if v["pass"] else "FAIL"
        if "value" in v:
            conns = f" with {v['conns']} connections" if v["conns"] else ""
            print(f"  {word}  {v['server']} asleep for {v['seconds']} s{conns} used "
                  f"{v['value'] * 1e3:.3f} ms of CPU (at most {v['bound'] * 1e3:.0f})")
            continue
        limit = f"; bare AF_XDP {v['limit']:.2f}" if v.get("limit") else ""
        limit += f"; to mmsg {v['to_batched']:.2f}" if v.get("to_batched") else ""
        print(f"  {word}  {v['client']} client: {v['server']} / {v['to']} {v['metric']} "
              f"{v['median']:.2f} {spread(v)}, wanted {v['sense']} {v['bound']:.2f}{limit}")

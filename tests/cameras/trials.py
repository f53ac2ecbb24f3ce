"""Watches the cameras of `servers`, and says what was seen. Called by `run`."""

import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import tempfile

import media
import servers

# Longest key picture interval, the wait of 2 s, and some pictures after that.
TRIAL_SECONDS = 23
# Counted over a connection that loses nothing: something is wrong.
NEVER_ON_TCP = ("packets_lost", "decoder_error", "truncated", "blocks", "smeared")
BUSY = "while :; do :; done"


def plays(camera):
    """Whether ffmpeg plays it, and what it says if not."""
    options = []
    if camera.address.startswith("rtsp:"):
        options = ["-rtsp_transport", "udp" if camera.transport in ("udp", "auto") else "tcp"]
    command = [*media.FFMPEG, *options, "-i", camera.address, "-frames:v", "3", "-f", "null", "-"]
    said = ""
    # A server may listen before it has something to show.
    for _ in range(3):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        except subprocess.TimeoutExpired:
            said = "no picture in 20 s"
            continue
        if done.returncode == 0:
            return None
        said = (done.stderr.strip().splitlines() or ["no reason"])[-1]
    return said


def watch(cameras):
    """Watches all of them at once. Returns one report for each."""
    wanted = []
    for camera in cameras:
        transport = "auto" if camera.transport == "http" else camera.transport
        one = {"name": camera.name, "address": camera.address, "transport": transport}
        one |= {"after": camera.after, "snapshot_ms": camera.snapshot_ms}
        wanted.append(json.dumps(one))
    done = subprocess.run(
        [os.environ["CAMERAS_WATCH"], str(TRIAL_SECONDS)],
        input="\n".join(wanted),
        stdout=subprocess.PIPE,
        text=True,
        timeout=TRIAL_SECONDS + 60,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def faults_of(camera, seen, busy):
    """What is not as expected."""
    if seen["wrong"]:
        yield "wrong: " + "; ".join(seen["examples"][:3])
    if seen["backwards"]:
        yield f"{seen['backwards']} pictures came after newer ones"
    if seen["first"] is None:
        yield f"no picture: {seen['state']}, {seen['reason']}"
        return
    longest = camera.key_interval + camera.patience + 2
    if seen["first"] > longest:
        yield f"the first picture after {seen['first']} s, at most {longest:g} expected"
    share = seen["given"] / max(1, camera.fps * seen["watched"])
    if share < camera.share[busy]:
        yield f"{share:.0%} of the pictures, at least {camera.share[busy]:.0%} expected"
    if share > 1.5:
        yield f"{share:.0%} of the pictures: it is not played in its own time"
    if seen["uncompared"]:
        yield f"{seen['uncompared']} pictures were not compared"
    if camera.transport == "tcp" and not camera.leaves_out:
        counted = {name: n for name, n in seen["faults"].items() if name in NEVER_ON_TCP}
        # The picture that was under way at PLAY comes without its beginning.
        if counted and counted != {"packets_lost": 1}:
            yield f"counted without reason: {counted}"


def row(camera, seen):
    faults = ", ".join(f"{name} {n}" for name, n in seen["faults"].items()) or "-"
    first = "never" if seen["first"] is None else f"{seen['first']:.2f}"
    age = f"{seen['age_median_ms']:.0f}/{seen['age_p95_ms']:.0f}"
    return (
        f"  {camera.server:<22}{camera.shows:<16}{seen['transport'] or camera.transport:<6}"
        f"{seen['codec'] or '-':<14}{seen['given']:>6}{seen['shown']:>6}{seen['wrong']:>6}{first:>7}"
        f"{seen['fps']:>6.1f}{age:>9}  {faults}"
    )


def trial(title, cameras, busy):
    """Watches them once. Returns how many were as expected, and how many were not."""
    loops = []
    if busy:
        for _ in range(os.cpu_count() or 1):
            # Ends by itself, whatever happens here.
            loop = ["timeout", str(TRIAL_SECONDS + 5), "sh", "-c", BUSY]
            loops.append(subprocess.Popen(loop))
    try:
        reports = watch(cameras)
    finally:
        for loop in loops:
            loop.terminate()
            loop.wait()
    print(f"\n{title}")
    print(
        f"  {'server':<22}{'shows':<16}{'over':<6}{'codec':<14}{'given':>6}{'shown':>6}{'wrong':>6}"
        f"{'first':>7}{'fps':>6}{'age ms':>9}  left out"
    )
    failed = 0
    for camera, seen in zip(cameras, reports, strict=True):
        print(row(camera, seen))
        found = list(faults_of(camera, seen, busy))
        failed += bool(found)
        for fault in found:
            print(f"    FAILED: {fault}")
        if found:
            print(f"    states: {seen['states']}, {seen['reason']}")
    return len(cameras) - failed, failed


def main(wanted):
    # What was started is ended, also when this is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="cameras-") as scratch:
        # A server that gives up root must still read there.
        os.chmod(scratch, 0o777)
        site = servers.Site(scratch)
        try:
            cameras = []
            foreign = set()
            for start in servers.ALL:
                found = list(start(site))
                if not found:
                    print(f"!!! SKIPPED: {start.__name__} is not here !!!", file=sys.stderr)
                if found and start in servers.RTSP:
                    foreign.add(start.__name__)
                cameras += [c for c in found if not wanted or any(w in c.name for w in wanted)]
            print("RTSP servers:", ", ".join(sorted(foreign)))
            judged = [camera for camera in cameras if camera.judged]
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                said = dict(zip((c.name for c in judged), pool.map(plays, judged)))
            playable = [camera for camera in cameras if not said.get(camera.name)]
            passed, failed = 0, 0
            for name, why in said.items():
                if why:
                    failed += 1
                    print(f"FAILED: {name}: not even ffmpeg plays it: {why}")
            for title, busy in (("at rest", False), ("with all cores busy", True)):
                good, bad = trial(title, playable, busy)
                passed += good
                failed += bad
        finally:
            site.stop()
    print(f"\n{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

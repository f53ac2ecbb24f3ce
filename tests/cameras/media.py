"""Numbered pictures, encoded by ffmpeg: made once, and kept in the cache."""

import hashlib
import os
import pathlib
import subprocess

NUMBERED = pathlib.Path(os.environ["CAMERAS_NUMBERED"])
FFMPEG = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
X264 = ["-c:v", "libx264", "-preset", "superfast", "-crf", "22"]
X265 = ["-c:v", "libx265", "-preset", "ultrafast", "-crf", "24"]
# Brightness keeps its numbers, as in the simulator's: JPEG has no range of 16 to 235.
JPEG = ["-vf", "setrange=pc,format=yuvj420p", "-q:v", "2", "-f", "mpjpeg"]
FPS = 10
SECONDS = 30


def x264(group, b_frames=0):
    params = f"keyint={group}:min-keyint={group}:scenecut=0:bframes={b_frames}:b-adapt=0:threads=1"
    return X264 + ["-x264-params", params]


def x265(group, b_frames, open_group):
    params = (
        f"keyint={group}:min-keyint={group}:scenecut=0:bframes={b_frames}:b-adapt=0"
        f":repeat-headers=1:open-gop={int(open_group)}:log-level=error"
    )
    return X265 + ["-x265-params", params]


# Name: size, options, file type.
RECIPES = {
    "g1": ("320x240", x264(FPS), "h264"),
    "g10": ("320x240", x264(10 * FPS), "h264"),
    "b2": ("320x240", x264(2 * FPS, b_frames=2), "h264"),
    "hevc-g1": ("320x240", x265(FPS, 0, False), "h265"),
    "hevc-g10": ("320x240", x265(10 * FPS, 2, True), "h265"),
    "hd": ("1920x1080", x264(2 * FPS, b_frames=2), "h264"),
}


def folder():
    """The folder of the media, whose name changes with what makes them."""
    with open(__file__, "rb") as source:
        made_by = source.read() + NUMBERED.read_bytes()
    return pathlib.Path(os.environ["CAMERAS_CACHE"], "media-" + hashlib.sha256(made_by).hexdigest()[:12])


def encode(name, into):
    size, options, kind = RECIPES[name]
    pictures = FPS * (SECONDS if size == "320x240" else SECONDS // 3)
    drawn = subprocess.Popen([NUMBERED, size, str(FPS), str(pictures)], stdout=subprocess.PIPE)
    mp4 = into / f"{name}.mp4"
    subprocess.run(FFMPEG + ["-i", "-", *options, mp4], stdin=drawn.stdout, check=True)
    drawn.stdout.close()
    if drawn.wait() != 0:
        raise RuntimeError(f"{NUMBERED} failed")
    subprocess.run(FFMPEG + ["-i", mp4, "-c", "copy", into / f"{name}.{kind}"], check=True)
    # Long enough for a whole trial.
    again = FFMPEG + ["-stream_loop", "9", "-i", mp4]
    copy = [*again, "-c", "copy"]
    subprocess.run([*copy, "-movflags", "+faststart", into / f"{name}.long.mp4"], check=True)
    if name == "g1":
        subprocess.run([*copy, into / "g1.long.ts"], check=True)
        subprocess.run([*copy, into / "g1.long.mkv"], check=True)
        subprocess.run([*again, *JPEG, into / "g1.mpjpeg"], check=True)


def make():
    """Makes what is missing, and returns its folder."""
    final = folder()
    if final.is_dir():
        return final
    scratch = final.with_name(f"{final.name}.{os.getpid()}")
    scratch.mkdir()
    for name in RECIPES:
        encode(name, scratch)
    for old in final.parent.glob("media-*"):
        if old != scratch:
            subprocess.run(["rm", "-rf", old], check=True)
    scratch.rename(final)
    return final


if __name__ == "__main__":
    print("media:", make())

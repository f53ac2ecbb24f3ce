"""Servers of others, each a function that starts it and yields the cameras it has."""

import dataclasses
import os
import pathlib
import shutil
import signal
import socket
import subprocess

import media

HOST = "127.0.0.1"
# Seconds after which a server ends by itself, whatever becomes of who started it.
LONGEST = "300"


@dataclasses.dataclass
class Camera:
    """A camera, and what is expected of it."""

    server: str
    shows: str
    address: str
    transport: str = "tcp"
    # Seconds between key pictures: the longest wait for the first picture, but for 2 s.
    key_interval: float = 1
    # Seconds that the server may take in addition.
    patience: float = 0
    fps: float = media.FPS
    # Seconds into a trial at which it is opened.
    after: float = 0
    snapshot_ms: int | None = None
    # The part of the pictures that must come, at rest and with busy cores.
    share: tuple[float, float] = (0.8, 0.6)
    # Whether it leaves packets out, though nothing is lost on the way.
    leaves_out: bool = False
    # What ffmpeg is asked whether it plays, unless the server admits one viewer.
    judged: bool = True

    @property
    def name(self):
        return f"{self.server} {self.shows} {self.transport}"


class Site:
    """What was started, and where it may write."""

    def __init__(self, scratch):
        self.scratch = pathlib.Path(scratch)
        self.media = media.folder()
        self.processes = []

    def start(self, name, *command, **options):
        with open(self.scratch / f"{name}.log", "ab") as log:
            process = subprocess.Popen(
                ["timeout", LONGEST, *(str(part) for part in command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **options,
            )
        self.processes.append(process)
        return process

    def publish(self, name, source, *target):
        """ffmpeg sends a video at the speed it was taken, for ever; when it ends, it begins anew."""
        playing = ["-re", "-stream_loop", "-1", "-i", self.media / source]
        again = ["sh", "-c", 'while :; do "$@"; done', "sh"]
        return self.start(f"publish-{name}", *again, *media.FFMPEG, *playing, *target)

    def stop(self):
        for process in self.processes:
            # With what it started itself.
            os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def free_port():
    """A port that nobody listens at. This network has no other programs."""
    while True:
        with socket.socket() as one:
            one.bind((HOST, 0))
            port = one.getsockname()[1]
        if port < 60000:
            return port


def wait_for_port(port, process):
    """Until somebody listens there."""
    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[2]} ended with {process.returncode}")
        with socket.socket() as one:
            one.settimeout(0.1)
            if one.connect_ex((HOST, port)) == 0:
                return
        # Refused at once: the next look is a moment later.
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            pass
    raise RuntimeError(f"{process.args[2]} does not listen")


# live555 leaves packets out when the buffer of its connection is full, so what comes depends on the load.
DROPS = {"leaves_out": True, "share": (0.4, 0.3)}


def live555(site):
    """A stream begins with its first viewer: a second one, later, joins between key pictures."""
    server = os.environ["CAMERAS_LIVE555"]
    if not server:
        return
    port = free_port()
    files = {
        "H264-g1": "g1.h264",
        "H264-g10": "g10.h264",
        "H264-b2": "b2.h264",
        "H265-g1": "hevc-g1.h265",
        "H265-g10": "hevc-g10.h265",
        "HD-b2": "hd.h264",
    }
    names = [f"{name}={site.media / file}" for name, file in files.items()]
    wait_for_port(port, site.start("live555", server, port, *names))
    address = f"rtsp://{HOST}:{port}/"
    yield Camera("live555", "H264-g1", address + "H264-g1", **DROPS)
    yield Camera("live555", "H264-g10", address + "H264-g10", key_interval=10, **DROPS)
    yield Camera("live555", "H264-g10 later", address + "H264-g10", key_interval=10, after=3.3, **DROPS)
    yield Camera("live555", "H264-b2", address + "H264-b2", key_interval=2, **DROPS)
    yield Camera("live555", "H264-b2", address + "H264-b2", "udp", key_interval=2, after=1.3)
    yield Camera("live555", "H265-g1", address + "H265-g1", "udp")
    yield Camera("live555", "H265-g10", address + "H265-g10", key_interval=10, **DROPS)
    yield Camera("live555", "H265-g10 later", address + "H265-g10", "udp", key_interval=10, after=4.7)
    # It leaves out what does not fit into its connection's buffer of 50 kB, as at the start of large pictures.
    yield Camera("live555", "HD-b2", address + "HD-b2", key_interval=2, **DROPS)


def vlc(site):
    """Runs from the start on, whether it is watched or not."""
    program = shutil.which("vlc")
    if program is None:
        return
    # It refuses to run as root.
    become = [] if os.geteuid() != 0 else ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    for name, file, interval in (("H264-g10", "g10", 10), ("H264-b2", "b2", 2), ("H265-g10", "hevc-g10", 10)):
        port = free_port()
        # Where anyone may read.
        copy = shutil.copy(site.media / f"{file}.long.mp4", site.scratch)
        home = {**os.environ, "HOME": str(site.scratch)}
        command = [program, "--intf", "dummy", "--no-audio", "--loop", copy, "--sout-keep"]
        process = site.start(
            f"vlc-{name}", *become, *command, "--sout", f"#rtp{{sdp=rtsp://{HOST}:{port}/camera}}", env=home
        )
        wait_for_port(port, process)
        address = f"rtsp://{HOST}:{port}/camera"
        # Over UDP only; the worker asks for TCP first where nothing else is wanted.
        yield Camera("VLC", name, address, "auto", key_interval=interval)
        yield Camera("VLC", name + " later", address, "udp", key_interval=interval, after=0.7)


def rtsp_server_perl(site):
    """ffmpeg sends to it over UDP; it passes on what comes, over UDP only."""
    has = subprocess.run(["perl", "-MRTSP::Server", "-e", "1"], stderr=subprocess.DEVNULL, check=False)
    if has.returncode != 0:
        return
    clients, sources, rtp = free_port(), free_port(), free_port() & ~1
    program = (
        "my $server = RTSP::Server->new(client_listen_address => '127.0.0.1', client_listen_port => shift,"
        "source_listen_address => '127.0.0.1', source_listen_port => shift, rtp_start_port => shift);"
        "$server->listen; AnyEvent->condvar->recv"
    )
    options = ["-MAnyEvent", "-MRTSP::Server", "-e", program]
    process = site.start("rtsp-server-perl", "perl", *options, clients, sources, rtp)
    wait_for_port(clients, process)
    to = f"rtsp://{HOST}:{sources}/"
    site.publish("perl-b2", "b2.mp4", "-c", "copy", "-f", "rtsp", "-rtsp_transport", "udp", to + "b2")
    yield Camera("rtsp-server-perl", "H264-b2", f"rtsp://{HOST}:{clients}/b2", "udp", key_interval=2)


def rtsp_streaming_server(site):
    """ffmpeg sends to it over UDP; it passes on what comes, over UDP only."""
    modules = os.environ["CAMERAS_NODE"]
    if not modules:
        return
    clients, sources, rtp = free_port(), free_port(), free_port() & ~1
    program = (
        "const [clientPort, serverPort, rtpPortStart] = process.argv.slice(1).map(Number);"
        "const Server = require('rtsp-streaming-server').default;"
        "new Server({ clientPort, serverPort, rtpPortStart, rtpPortCount: 200 }).start();"
    )
    env = {**os.environ, "NODE_PATH": modules + "/node_modules"}
    process = site.start("npm", "node", "-e", program, clients, sources, rtp, env=env)
    wait_for_port(sources, process)
    wait_for_port(clients, process)
    for name, file in (("H264-g10", "g10"), ("H265-g1", "hevc-g1")):
        to = f"rtsp://{HOST}:{sources}/{name}"
        site.publish(f"npm-{name}", f"{file}.mp4", "-c", "copy", "-f", "rtsp", "-rtsp_transport", "udp", to)
    address = f"rtsp://{HOST}:{clients}/"
    yield Camera("rtsp-streaming-server", "H264-g10", address + "H264-g10", "auto", key_interval=10)
    yield Camera("rtsp-streaming-server", "H265-g1", address + "H265-g1", "udp")


NGINX = """
daemon off; worker_processes 1; pid {scratch}/nginx.pid; error_log {scratch}/nginx.log; {user}
events {{}}
http {{
    access_log off; default_type video/mp4; root {scratch}/web;
    client_body_temp_path {scratch}/t1; proxy_temp_path {scratch}/t2; fastcgi_temp_path {scratch}/t3;
    uwsgi_temp_path {scratch}/t4; scgi_temp_path {scratch}/t5;
    types {{ image/jpeg jpg; application/vnd.apple.mpegurl m3u8; video/mp2t ts; video/x-matroska mkv; }}
    server {{
        listen 127.0.0.1:{port};
        location /mjpeg/ {{
            alias {media}/; types {{}} default_type "multipart/x-mixed-replace;boundary=ffmpeg";
            limit_rate {rate};
        }}
        location /files/ {{ alias {media}/; }}
    }}
}}
"""


def nginx(site):
    """Files at the speed of the network, motion JPEG once a second, live HLS and still pictures."""
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        return
    web = site.scratch / "web"
    web.mkdir()
    port = free_port()
    # What the motion JPEG takes a second.
    rate = (site.media / "g1.mpjpeg").stat().st_size // (media.SECONDS * 10)
    user = "user root;" if os.geteuid() == 0 else ""
    config = NGINX.format(scratch=site.scratch, user=user, media=site.media, port=port, rate=rate)
    (site.scratch / "nginx.conf").write_text(config)
    process = site.start("nginx", program, "-p", site.scratch, "-c", site.scratch / "nginx.conf")
    wait_for_port(port, process)
    segments = ["-f", "hls", "-hls_time", "2", "-hls_list_size", "5", "-hls_flags", "delete_segments"]
    site.publish("hls", "g1.mp4", "-c", "copy", *segments, web / "live.m3u8")
    still = ["-vf", "fps=2,setrange=pc,format=yuvj420p", "-q:v", "2", "-f", "image2"]
    still += ["-update", "1", "-atomic_writing", "1"]
    site.publish("stills", "g1.mp4", *still, web / "still.jpg")
    address = f"http://{HOST}:{port}/"
    yield Camera("nginx", "MP4", address + "files/g1.long.mp4", "http", patience=2)
    yield Camera("nginx", "MKV", address + "files/g1.long.mkv", "http", patience=2)
    yield Camera("nginx", "TS", address + "files/g1.long.ts", "http", patience=2)
    yield Camera("nginx", "MJPEG", address + "mjpeg/g1.mpjpeg", "http", patience=1)
    yield Camera("nginx", "HLS 2 s", address + "live.m3u8", "http", patience=6)
    yield Camera("nginx", "still pictures", address + "still.jpg", "http", fps=2, snapshot_ms=500)


def ffmpeg(site):
    """A web server for one viewer, in real time."""
    port = free_port()
    address = f"http://{HOST}:{port}/camera"
    site.publish("ffmpeg", "g1.mp4", *media.JPEG, "-listen", "1", address)
    # It begins anew after each viewer, which takes a moment.
    yield Camera("ffmpeg", "MJPEG", address, "http", patience=5, judged=False)


RTSP = [live555, vlc, rtsp_server_perl, rtsp_streaming_server]
ALL = [*RTSP, nginx, ffmpeg]

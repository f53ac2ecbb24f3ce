//! What to do about a camera that gives no frames.

use detector_ingest::{Failure, FailureKind, Measured};

use super::Probed;

/// What to do about a failure. `measured` is what came nevertheless.
pub fn advice(failure: &Failure, camera: &Probed, measured: &Measured) -> &'static str {
    match camera {
        Probed::Device(_) => of_device(failure.kind),
        Probed::Address(_) => of_address(failure.kind, camera.has_login(), measured),
    }
}

fn of_device(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::NotFound => {
            "plug the camera in, and look which devices there are: `ls /dev/video*`; in a container, \
             give it the device: `--device /dev/video0`"
        }
        FailureKind::Busy => {
            "close the program that has the camera: `fuser -v /dev/video0` tells which; only one at a \
             time is given its pictures"
        }
        FailureKind::Forbidden => {
            "its pictures are for the group that owns the device (`ls -l /dev/video0`), usually `video`: \
             `sudo usermod -aG video $USER`, then log in anew"
        }
        FailureKind::Silent => {
            "the camera is opened and sends nothing: plug it in anew, at a port of its own rather than \
             a hub with others"
        }
        _ => {
            "a camera often has several devices, of which only the first gives pictures: \
             `v4l2-ctl --list-devices` tells; GST_DEBUG=v4l2*:5 says more"
        }
    }
}

fn of_address(kind: FailureKind, has_login: bool, measured: &Measured) -> &'static str {
    let something_came = measured.first_packet.is_some();
    match kind {
        FailureKind::Unreachable => {
            "check the address and the port, that the camera has power and is in this network, and \
             that no firewall is between: `ping` and `nc -vz HOST PORT` tell"
        }
        FailureKind::Login if has_login => {
            "check user and password; characters such as @ : / in them are written %40 %3A %2F; \
             after several wrong ones some cameras refuse even the right one for a while"
        }
        FailureKind::Login => {
            "the camera wants a login: rtsp://USER:PASSWORD@HOST/path, with @ : / in them written \
             %40 %3A %2F"
        }
        FailureKind::NotFound => {
            "check the path: each maker has its own, and the camera's page or manual names it, for \
             instance /Streaming/Channels/101 or /cam/realmonitor?channel=1&subtype=0"
        }
        FailureKind::Silent if something_came && measured.frames == 0 => {
            "pictures come, but none that can be shown without one before it: set the camera's key \
             frame interval (also called GOP or I-frame interval) to one or two seconds"
        }
        FailureKind::Silent if measured.frames > 0 => {
            "the stream broke off: look at the network between, and at the camera's load"
        }
        FailureKind::Silent => {
            "the camera accepts the connection and sends nothing: it may serve only so many viewers \
             at once, or its encoder hangs; close other viewers, then restart it"
        }
        FailureKind::Ended => {
            "the camera ends its streams: it may serve only so many viewers at once, or record a \
             file that has an end"
        }
        FailureKind::Undecodable => {
            "`detector-worker doctor` lists the decoders that are missing here; H.264 and H.265 are the \
             surest, where the camera lets you choose"
        }
        FailureKind::TooManyViewers => {
            "close other viewers (recorders, apps, browsers), or use the camera's second stream"
        }
        FailureKind::Refused => {
            "the number says why; the camera's own page or log may say more. For 461 try another \
             `rtspTransport`"
        }
        FailureKind::Certificate => "give the camera a certificate that this machine trusts",
        FailureKind::TooLarge => {
            "lower the camera's resolution or bit rate, or raise `cameras.picture_bytes` or \
             `cameras.picture_pixels`"
        }
        FailureKind::Other | FailureKind::Busy | FailureKind::Forbidden => {
            "the same with DETECTOR_LOG_LEVEL=debug and GST_DEBUG=3 says more; another program, such \
             as ffprobe, tells whether the camera works at all"
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[track_caller]
    fn check(kind: FailureKind, has_login: bool, measured: &Measured, expected: &str) {
        let advice = of_address(kind, has_login, measured);
        assert!(advice.contains(expected), "{advice}");
    }

    #[test]
    fn a_camera_that_never_sends_a_key_frame_is_told_from_one_that_sends_nothing() {
        let came = Measured { first_packet: Some(Instant::now()), ..Measured::default() };
        check(FailureKind::Silent, false, &came, "key frame interval");
        check(FailureKind::Silent, false, &Measured::default(), "sends nothing");
        let shown = Measured { frames: 9, ..came };
        check(FailureKind::Silent, false, &shown, "broke off");
    }

    #[test]
    fn a_wrong_login_is_told_from_a_missing_one() {
        check(FailureKind::Login, true, &Measured::default(), "check user and password");
        check(FailureKind::Login, false, &Measured::default(), "wants a login");
    }

    #[test]
    fn a_device_has_neither_network_nor_login() {
        let device = Probed::Device("/dev/video0".into());
        for (kind, expected) in [
            (FailureKind::NotFound, "ls /dev/video*"),
            (FailureKind::Busy, "fuser"),
            (FailureKind::Forbidden, "usermod"),
            (FailureKind::Undecodable, "several devices"),
        ] {
            let failure = Failure::new(kind, "");
            let advice = advice(&failure, &device, &Measured::default());
            assert!(advice.contains(expected), "{advice}");
        }
    }
}

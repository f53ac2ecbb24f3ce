//! What to do about a camera that gives no frames.

use detector_ingest::{Failure, FailureKind, Measured};

use super::Probed;

/// What to do about a failure. `measured` is what came nevertheless.
pub fn advice(failure: &Failure, camera: &Probed, measured: &Measured) -> String {
    match camera {
        Probed::Device(_) => of_device(failure.kind).to_owned(),
        Probed::Address(_) => {
            of_address(failure.kind, camera.scheme(), camera.has_login(), measured)
        }
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

fn of_address(kind: FailureKind, scheme: &str, has_login: bool, measured: &Measured) -> String {
    let web = matches!(scheme, "http" | "https");
    let came = measured.first_packet.is_some();
    let text = match kind {
        FailureKind::Unreachable => {
            "check the address and the port, that the camera has power and is in this network, and \
             that no firewall is between: `ping` and `nc -vz HOST PORT` tell"
        }
        FailureKind::Login if has_login => {
            "check user and password; characters such as @ : / in them are written %40 %3A %2F; \
             after several wrong ones some cameras refuse even the right one for a while"
        }
        FailureKind::Login => {
            return format!(
                "the camera wants a login: {scheme}://USER:PASSWORD@HOST/path, with @ : / in them \
                 written %40 %3A %2F"
            );
        }
        FailureKind::Certificate => {
            "if this is the camera's own certificate, expect it: `tls: [\"HOST=pin:SHA-256\"]` in \
             `reach.cameras` of the configuration, with the SHA-256 that is shown here; if it has \
             expired or is not valid yet, look at the clocks of both; if it should be another one, \
             somebody may be between"
        }
        FailureKind::NotFound if web => {
            "check the path: each maker has its own, and the camera's page or manual names it, for \
             instance /ISAPI/Streaming/channels/101/picture or /cgi-bin/mjpg/video.cgi"
        }
        FailureKind::NotFound => {
            "check the path: each maker has its own, and the camera's page or manual names it, for \
             instance /Streaming/Channels/101 or /cam/realmonitor?channel=1&subtype=0"
        }
        FailureKind::Silent if came && measured.frames == 0 && !is_jpeg(measured) => {
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
        FailureKind::Ended if measured.frames == 1 && web => {
            "this address gives one picture at a time: subscribe to it as a snapshot, with an interval"
        }
        FailureKind::Ended => {
            "the camera ends its streams: it may serve only so many viewers at once, or record a \
             file that has an end"
        }
        FailureKind::TooManyViewers => {
            "close other viewers (recorders, apps, browsers), or use the camera's second stream"
        }
        FailureKind::Refused => {
            "the number says why; the camera's own page or log may say more. For 461 try another \
             `rtspTransport`"
        }
        FailureKind::TooLarge => {
            "lower the camera's resolution or bit rate, or raise `cameras.picture_bytes` or \
             `cameras.picture_pixels`"
        }
        FailureKind::Undecodable => return of_coding(web, measured),
        FailureKind::Other | FailureKind::Busy | FailureKind::Forbidden => {
            "the same with DETECTOR_LOG_LEVEL=debug and GST_DEBUG=3 says more; another program, such \
             as ffprobe, tells whether the camera works at all"
        }
    };
    text.to_owned()
}

/// What to do about pictures that cannot be decoded.
fn of_coding(web: bool, measured: &Measured) -> String {
    match &measured.codec {
        _ if is_jpeg(measured) => {
            "pictures come and are not whole: look at the network between, and at the camera's load"
                .to_owned()
        }
        Some(codec) if codec.starts_with("H.26") => {
            let name: String = codec.chars().take_while(|letter| *letter != ',').collect();
            format!(
                "the camera sends {name}, and it cannot be decoded here: `detector-worker doctor` tells \
                 whether a decoder is missing; of its profiles, Main at 8 bits and 4:2:0 is decoded \
                 everywhere"
            )
        }
        Some(_) => "set the camera to H.264, H.265 or JPEG; `detector-worker doctor` tells which \
                    decoders are missing here"
            .to_owned(),
        None if web => "what is at this address is no picture and no video: look at it with a browser; \
                        each maker has its own paths for snapshots and motion JPEG"
            .to_owned(),
        None => "nothing came that is known as video here: `detector-worker doctor` tells which decoders \
                 are missing, and ffprobe what the camera sends"
            .to_owned(),
    }
}

fn is_jpeg(measured: &Measured) -> bool {
    measured.codec.as_deref().is_some_and(|codec| codec.starts_with("JPEG"))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[track_caller]
    fn check(kind: FailureKind, has_login: bool, measured: &Measured, expected: &str) {
        let advice = of_address(kind, "rtsp", has_login, measured);
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
        check(FailureKind::Login, false, &Measured::default(), "rtsp://USER:PASSWORD@HOST");
        let web = of_address(FailureKind::Login, "https", false, &Measured::default());
        assert!(web.contains(" https://USER:PASSWORD@HOST") && !web.contains("rtsp"), "{web}");
    }

    #[test]
    fn a_certificate_needs_no_power() {
        let advice = of_address(FailureKind::Certificate, "https", true, &Measured::default());
        assert!(advice.contains("pin:SHA-256") && !advice.contains("power"), "{advice}");
    }

    #[test]
    fn nobody_is_sent_to_what_the_camera_has_already() {
        let sends = |codec: &str| Measured { codec: Some(codec.to_owned()), ..Measured::default() };
        check(
            FailureKind::Undecodable,
            true,
            &sends("H.264, profile high-4:4:4"),
            "sends H.264, and",
        );
        check(FailureKind::Undecodable, true, &sends("H.265"), "sends H.265, and");
        check(FailureKind::Undecodable, true, &sends("JPEG"), "not whole");
        check(FailureKind::Undecodable, true, &sends("MPEG"), "set the camera to H.264");
        let page = of_address(FailureKind::Undecodable, "http", true, &Measured::default());
        assert!(page.contains("browser"), "{page}");
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

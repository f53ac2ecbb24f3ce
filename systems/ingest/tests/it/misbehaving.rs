//! Cameras that misbehave: not one wrong picture is shown, whatever they do, and every loss is told
//! with its cause.

use std::collections::HashMap;

use bevy_ecs::entity::Entity;
use detector_components::integrity::PictureFault;
use detector_simulator::{Codec, NumberedScene, Script, ScriptedCamera};

use crate::stand::Engine;

/// One camera, and what is expected of it.
struct Case {
    codec: Codec,
    faults: &'static [&'static str],
    /// Pictures that are shown at least. 0: it is only opened.
    shown: usize,
    /// What must be counted.
    counted: &'static [PictureFault],
    /// What must not be counted.
    uncounted: &'static [PictureFault],
}

/// A camera from which every picture is shown.
const fn whole(codec: Codec, faults: &'static [&'static str]) -> Case {
    Case { codec, faults, shown: 40, counted: &[], uncounted: &PictureFault::ALL }
}

/// A camera that is joined anywhere, and from which every picture since the first key picture is shown.
const fn joined(codec: Codec, faults: &'static [&'static str]) -> Case {
    Case {
        codec,
        faults,
        shown: 30,
        counted: &[],
        uncounted: &[
            PictureFault::PacketsLost,
            PictureFault::DecoderError,
            PictureFault::Truncated,
            PictureFault::Skipped,
        ],
    }
}

/// A camera some of whose pictures are left out, and counted so.
const fn lossy(
    codec: Codec,
    faults: &'static [&'static str],
    counted: &'static [PictureFault],
) -> Case {
    Case { codec, faults, shown: 20, counted, uncounted: &[] }
}

struct Watched<'a> {
    case: &'a Case,
    camera: ScriptedCamera,
    entity: Entity,
    scene: NumberedScene,
    last: u64,
    shown: usize,
    wrong: Vec<String>,
}

impl Watched<'_> {
    /// Compares the newest picture with its source.
    fn look(&mut self, engine: &Engine) {
        let Some(frame) = engine.frame(self.entity).filter(|frame| frame.sequence > self.last)
        else {
            return;
        };
        self.last = frame.sequence;
        self.shown += 1;
        let pixels = &frame.pixels;
        let judged = NumberedScene::identify(pixels).map(|number| {
            let scene = self.scene.with_size(pixels.size().width, pixels.size().height);
            (number, scene.worst_psnr(pixels, number))
        });
        match judged {
            Some((_, psnr)) if psnr >= undamaged(self.case.codec) => {}
            Some((number, psnr)) => self.wrong.push(format!("picture {number}: {psnr:.1} dB")),
            None => self.wrong.push(format!("frame {}: no number", frame.sequence)),
        }
    }

    fn is_done(&self, engine: &Engine) -> bool {
        let counts = engine.faults(self.entity);
        self.shown >= self.case.shown && self.case.counted.iter().all(|fault| counts[*fault] > 0)
    }
}

/// The least PSNR of the worst part of a picture, in dB. This MPEG-4 is coarse.
fn undamaged(codec: Codec) -> f64 {
    match codec {
        Codec::Mpeg4 => 20.0,
        _ => NumberedScene::UNDAMAGED_PSNR,
    }
}

/// Watches all of them at once, in one engine.
#[track_caller]
fn check(cases: &[Case]) {
    let mut engine = Engine::patient();
    let mut watched: Vec<_> = cases
        .iter()
        .map(|case| {
            let script = Script::parse(case.codec, &[&["fps=20"], case.faults].concat()).unwrap();
            let scene = script.changed_encoding().scene;
            let camera = ScriptedCamera::start(script).unwrap();
            let entity = engine.open_stream(camera.url_with_login("/cam").as_str());
            Watched { case, camera, entity, scene, last: 0, shown: 0, wrong: Vec::new() }
        })
        .collect();
    let done = engine.try_until(|engine| {
        for one in &mut watched {
            one.look(engine);
        }
        watched.iter().all(|one| one.is_done(engine))
    });
    let mut failures = HashMap::new();
    for one in &watched {
        let name = one.case.faults.join(" ");
        let counts = engine.faults(one.entity);
        let told: Vec<_> =
            counts.iter().map(|(fault, n)| format!("{} {n}", fault.as_str())).collect();
        let context = format!(
            "{:?} {name}: {} shown, state {:?}, {}, {} packets sent",
            one.case.codec,
            one.shown,
            engine.state(one.entity),
            told.join(", "),
            one.camera.read(|record| record.packets_sent),
        );
        if !one.wrong.is_empty() {
            let wrong = one.wrong.join("; ");
            failures.insert(name.clone(), format!("{context}\n    wrong: {wrong}"));
        } else if !one.is_done(&engine) {
            failures.insert(name.clone(), format!("{context}\n    not all that was expected"));
        }
        let unexpected: Vec<_> =
            one.case.uncounted.iter().filter(|fault| counts[**fault] > 0).collect();
        if !unexpected.is_empty() {
            failures.insert(name, format!("{context}\n    counted without reason: {unexpected:?}"));
        }
    }
    let failures: Vec<_> = failures.into_values().collect();
    assert!(failures.is_empty() && done, "\n{}", failures.join("\n"));
}

#[test]
fn sessions_and_descriptions_of_every_form_are_understood() {
    check(&[
        whole(Codec::H264, &[]),
        whole(Codec::H264, &["control=absolute"]),
        whole(Codec::H264, &["control=query"]),
        whole(Codec::H264, &["control=none"]),
        whole(Codec::H264, &["control=other-host"]),
        whole(Codec::H264, &["content-base=missing"]),
        whole(Codec::H264, &["content-base=relative"]),
        whole(Codec::H264, &["content-base=other-host"]),
        whole(Codec::H264, &["sdp=lf", "lf-only"]),
        whole(Codec::H264, &["sdp=bare"]),
        whole(Codec::H264, &["sprop=start-codes", "parameter-sets=sdp"]),
        whole(Codec::H264, &["sprop=garbage"]),
        whole(Codec::H265, &["parameter-sets=sdp"]),
        whole(Codec::H264, &["tracks=aac,private,backchannel,video,metadata"]),
        whole(Codec::H264, &["rtp-info=zero"]),
        whole(Codec::H264, &["rtp-info=wrong"]),
        whole(Codec::H264, &["rtp-info=missing", "no-interleaved"]),
        whole(Codec::H264, &["wrong-ssrc", "early-rtp"]),
        whole(Codec::H264, &["channel=6"]),
        whole(Codec::H264, &["data-channel=4"]),
        whole(Codec::H264, &["junk=0.2", "aggregate", "extension"]),
        whole(Codec::H264, &["get-parameter=501", "timeout=4"]),
    ]);
}

#[test]
fn every_login_is_answered() {
    check(&[
        whole(Codec::H264, &["auth=basic"]),
        whole(Codec::H264, &["auth=md5"]),
        whole(Codec::H264, &["auth=md5-qop"]),
        whole(Codec::H264, &["auth=md5-sess"]),
        whole(Codec::H264, &["auth=sha256"]),
        whole(Codec::H264, &["auth=sha256-qop,md5,basic"]),
        whole(Codec::H264, &["auth=basic,md5,sha256-sess"]),
        whole(Codec::H264, &["auth=md5", "auth-options"]),
        whole(Codec::H264, &["auth=md5", "nonce-life=1"]),
        whole(Codec::H264, &["auth=md5-qop", "nonce-life=2"]),
    ]);
}

#[test]
fn a_connection_that_stands_still_costs_no_picture() {
    check(&[
        whole(Codec::H264, &["burst=0.3,1"]),
        whole(Codec::H265, &["burst=0.3,1"]),
        whole(Codec::H264, &["gop-cache", "key-interval=5"]),
        whole(Codec::H265, &["gop-cache", "key-interval=5"]),
        whole(Codec::H264, &["gop-cache=60", "key-interval=10", "b-frames=2"]),
    ]);
}

#[test]
fn nothing_is_shown_before_a_key_picture() {
    check(&[
        joined(Codec::H264, &["join=7", "key-interval=2"]),
        joined(Codec::H265, &["join=7", "key-interval=2"]),
        joined(Codec::H264, &["join=7", "key-interval=2", "b-frames=2"]),
        joined(Codec::H265, &["join=7", "key-interval=2", "b-frames=2"]),
        joined(Codec::H265, &["join=11", "key-interval=2", "open-gop"]),
        joined(Codec::H264, &["join=9", "key-interval=2", "parameter-sets=sdp"]),
        joined(Codec::H264, &["join=9", "key-interval=2", "slices=4"]),
        joined(Codec::Mpeg4, &["join=7", "key-interval=2"]),
        joined(Codec::Vp8, &["join=7", "key-interval=2"]),
        joined(Codec::Jpeg, &["join=7"]),
    ]);
}

#[test]
fn what_depends_on_a_missing_packet_is_not_shown() {
    use PictureFault::PacketsLost;
    check(&[
        lossy(Codec::H264, &["loss=0.02", "key-interval=1"], &[PacketsLost]),
        lossy(Codec::H265, &["loss=0.02", "key-interval=1"], &[PacketsLost]),
        lossy(Codec::H264, &["loss=0.01,4", "key-interval=1", "b-frames=2"], &[PacketsLost]),
        lossy(Codec::H265, &["loss=0.01,4", "key-interval=1", "open-gop"], &[PacketsLost]),
        lossy(Codec::H264, &["loss=0.02", "key-interval=1", "slices=4"], &[PacketsLost]),
        lossy(Codec::Jpeg, &["loss=0.02"], &[PacketsLost]),
        lossy(Codec::Mpeg4, &["loss=0.05", "key-interval=1"], &[PacketsLost]),
        lossy(Codec::Vp8, &["loss=0.05", "key-interval=1"], &[PacketsLost]),
        lossy(Codec::H264, &["cut=13", "slices=4", "key-interval=1"], &[]),
        lossy(Codec::H265, &["cut=13", "slices=4", "key-interval=1"], &[]),
        lossy(Codec::H264, &["broken-frame=2", "key-interval=1"], &[PacketsLost]),
        lossy(Codec::H264, &["transport=udp", "loss=0.02", "key-interval=1"], &[PacketsLost]),
    ]);
}

#[test]
fn udp_is_used_where_tcp_is_refused() {
    check(&[
        whole(Codec::H264, &["transport=udp"]),
        whole(Codec::H264, &["transport=udp406"]),
        whole(Codec::H264, &["transport=udp", "reorder=0.1", "duplicate=0.1"]),
        whole(Codec::H265, &["transport=udp", "reorder=0.1"]),
    ]);
}

#[test]
fn changes_in_mid_session_are_followed() {
    check(&[
        lossy(Codec::H264, &["new-ssrc=1", "key-interval=1"], &[]),
        lossy(Codec::H264, &["new-payload-type=1", "key-interval=1"], &[]),
        lossy(Codec::H264, &["new-size=1", "key-interval=1"], &[]),
        lossy(Codec::H264, &["new-codec=1", "key-interval=1"], &[]),
    ]);
}

#[test]
fn timestamps_are_not_needed() {
    check(&[
        whole(Codec::H264, &["timestamps=constant"]),
        whole(Codec::H264, &["timestamps=zero"]),
        whole(Codec::H264, &["timestamps=back,5"]),
        whole(Codec::H264, &["timestamps=forward,3600"]),
        whole(Codec::H264, &["timestamps=wrap"]),
        whole(Codec::H264, &["timestamps=random"]),
        whole(Codec::H264, &["timestamps=jitter"]),
        whole(Codec::H264, &["timestamps=saw"]),
        whole(Codec::H264, &["no-marker"]),
        whole(Codec::H264, &["b-frames=2", "timestamps=jitter"]),
    ]);
}

#[test]
fn an_intra_refresh_stream_is_shown_once_it_is_complete() {
    check(&[joined(Codec::H264, &["intra-refresh", "join=5", "key-interval=1"])]);
}

//! The two tables.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use detector_components::clock::Moment;
use detector_components::geometry::Size;
use detector_components::integrity::PictureFault;
use detector_integrity::{CheckConfig, PictureCheck, Verdict};

use crate::Options;
use crate::damage::Damage;
use crate::scene::{Footage, Frames, Scene};
use crate::stream::{Codec, Picture, decode, encode, pass, read};

/// How scenes are coded: starved, well, and as files.
const WAYS: [(Codec, &str); 3] = [
    (Codec::H264, "bitrate=80 key-int-max=100"),
    (Codec::H265, "key-int-max=50 option-string=crf=28:log-level=none"),
    (Codec::Jpeg, "quality=40"),
];

/// A picture counts as wrong below this PSNR, in dB, against what was sent.
const WRONG: f64 = 30.0;

/// Prints how often the check is wrong about pictures that are right.
pub fn false_alarms(options: &Options) {
    println!("| source | pictures | false alarms |");
    println!("| --- | --- | --- |");
    let count = options.seconds * 10;
    let (mut pictures, mut alarms) = (0, 0);
    for (name, footage, scene) in sources(options) {
        let mut faults: BTreeMap<PictureFault, u64> = BTreeMap::new();
        let mut shown = 0;
        for (way, (codec, quality)) in WAYS.into_iter().enumerate() {
            let frames = Frames::new(footage.clone(), scene, options.size, count);
            let mut check = PictureCheck::new(CheckConfig::default());
            pass(codec, quality, options.size, frames, |number, picture| {
                shown += 1;
                let (Verdict::Suspicious(fault) | Verdict::Broken(fault)) =
                    check.check(&picture.pixels(), moment(number))
                else {
                    return;
                };
                *faults.entry(fault).or_default() += 1;
                keep(options, &picture, &format!("alarm {name} {way} {number} {fault:?}"));
            });
        }
        let told: Vec<_> =
            faults.iter().map(|(fault, count)| format!("{count} {}", fault.as_str())).collect();
        let told = if told.is_empty() { "0".to_owned() } else { told.join(", ") };
        println!("| {name} | {shown} | {told} |");
        pictures += shown;
        alarms += faults.values().sum::<u64>();
    }
    println!("| all | {pictures} | {alarms} |");
}

/// Prints how much of really damaged streams the check finds.
pub fn damages(options: &Options) {
    const LOST: [Damage; 8] = [
        Damage::Join,
        Damage::IntraPictures,
        Damage::Pictures(3),
        Damage::IntraSlices(25),
        Damage::Slices(3),
        Damage::Cut(3),
        Damage::Flipped(3),
        Damage::CutFile,
    ];
    println!("\n| coded with | damage | wrong | found | missed | right | false alarms |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let count = (options.seconds * 10).min(100);
    let ways = [
        (Codec::H264, "H.264", "pass=qual quantizer=25 key-int-max=50 option-string=slices=4"),
        (Codec::H265, "H.265", "key-int-max=50 option-string=crf=26:slices=4:log-level=none"),
        (Codec::Jpeg, "JPEG", "quality=80"),
    ];
    let sources: Vec<_> =
        sources(options).into_iter().filter(|(.., scene)| damaged(*scene)).collect();
    for (codec, coded_with, quality) in ways {
        let damages: Vec<_> = LOST
            .into_iter()
            .filter(|damage| damage.is_of_files() == (codec == Codec::Jpeg))
            .collect();
        let mut scores = vec![Score::default(); damages.len()];
        for (name, footage, scene) in &sources {
            let frames = Frames::new(footage.clone(), *scene, options.size, count);
            let stream = encode(codec, quality, options.size, frames);
            let mut clean = BTreeMap::new();
            decode(&stream, |number, picture| {
                clean.insert(number, picture);
            });
            for (damage, score) in damages.iter().zip(&mut scores) {
                let mut damaged = stream.clone();
                damage.apply(&mut damaged, 1);
                let mut check = PictureCheck::new(CheckConfig::default());
                decode(&damaged, |number, picture| {
                    let Some(sent) = clean.get(&number) else { return };
                    let verdict = check.check(&picture.pixels(), moment(number));
                    let wrong = picture.psnr(sent) < WRONG;
                    let broken = matches!(verdict, Verdict::Broken(_));
                    score.count(wrong, broken);
                    if wrong != broken && number % 5 == 0 {
                        let what = if wrong { "missed" } else { "false" };
                        let name = format!("{what} {coded_with} {damage:?} {name} {number}");
                        keep(options, &picture, &name);
                    }
                });
            }
        }
        for (damage, Score { found, missed, right, alarms }) in damages.iter().zip(scores) {
            let (name, wrong) = (damage.name(), found + missed);
            println!(
                "| {coded_with} | {name} | {wrong} | {found} | {missed} | {right} | {alarms} |"
            );
        }
    }
}

#[derive(Clone, Default)]
struct Score {
    found: u64,
    missed: u64,
    right: u64,
    alarms: u64,
}

impl Score {
    fn count(&mut self, wrong: bool, broken: bool) {
        *match (wrong, broken) {
            (true, true) => &mut self.found,
            (true, false) => &mut self.missed,
            (false, false) => &mut self.right,
            (false, true) => {
                self.right += 1;
                &mut self.alarms
            }
        } += 1;
    }
}

/// Whether a scene is also damaged.
fn damaged(scene: Scene) -> bool {
    matches!(scene, Scene::Plain | Scene::Overlay | Scene::Gray | Scene::Night { lamps: 12, .. })
}

/// All that is looked at, by name.
fn sources(options: &Options) -> Vec<(String, Footage, Scene)> {
    let mut sources = Vec::new();
    let mut photos = Vec::new();
    for path in files(&options.folders) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let footage = match path.extension().and_then(|extension| extension.to_str()) {
            Some("mp4") => Footage::Video(Arc::new(read(&path, options.size))),
            Some("jpg" | "png") => {
                // Room for panning.
                let Size { width, height } = options.size;
                let large = Size { width: width * 3 / 2, height: height * 3 / 2 };
                let Some(photo) = read(&path, large).pop() else { continue };
                let photo = Footage::Photo(Arc::new(photo));
                photos.push((name.clone(), photo.clone()));
                photo
            }
            _ => continue,
        };
        sources.push((name, footage, Scene::Plain));
    }
    for (index, (scene, what)) in scenes().into_iter().enumerate() {
        let Some((photo, footage)) = photos.get(index % photos.len().max(1)) else { break };
        sources.push((format!("{what} ({photo})"), footage.clone(), scene));
    }
    sources.retain(|(name, ..)| {
        options.only.is_empty() || options.only.iter().any(|word| name.contains(word))
    });
    let [part, parts] = options.part;
    sources.into_iter().skip(part).step_by(parts).collect()
}

fn scenes() -> Vec<(Scene, &'static str)> {
    let truck = |color, noise, ribs| Scene::Truck { color, noise, ribs };
    vec![
        (Scene::Still { noise: 0.7 }, "still, little noise"),
        (Scene::Still { noise: 3.0 }, "still, noise"),
        (Scene::Night { gain: 0.12, noise: 4.0, lamps: 12 }, "night with lamps"),
        (Scene::Night { gain: 0.05, noise: 9.0, lamps: 5 }, "dark night with lamps, strong noise"),
        (Scene::Night { gain: 0.15, noise: 3.0, lamps: 0 }, "night without lamps"),
        (Scene::Snow, "snowfall"),
        (Scene::TextRain, "text all over"),
        (Scene::Overlay, "clock and name"),
        (Scene::Exposure, "exposure steps"),
        (Scene::Bands, "flicker in bands"),
        (Scene::Dawn, "from night to day"),
        (Scene::Sky { gradient: false }, "saturated sky"),
        (Scene::Sky { gradient: true }, "sky with a gradient"),
        (Scene::Fog { left: 40, gray: false }, "fog"),
        (Scene::Fog { left: 15, gray: false }, "thick fog"),
        (Scene::Fog { left: 15, gray: true }, "thick fog, black and white"),
        (truck([235, 128, 128], 0.0, false), "white truck without noise"),
        (truck([128, 128, 128], 0.0, false), "grey truck without noise"),
        (truck([128, 128, 128], 1.5, false), "grey truck"),
        (truck([90, 110, 170], 0.0, false), "red truck without noise"),
        (truck([110, 128, 128], 1.0, true), "ribbed truck"),
        (truck([128, 128, 128], 0.0, true), "ribbed truck without noise"),
        (Scene::Bars { sides: false }, "letterbox"),
        (Scene::Bars { sides: true }, "pillarbox"),
        (Scene::Masks { color: [128, 128, 128], text: false }, "grey masks"),
        (Scene::Masks { color: [128, 128, 128], text: true }, "grey masks with a clock"),
        (Scene::Masks { color: [16, 128, 128], text: true }, "black masks"),
        (Scene::Gray, "black and white"),
        (Scene::DayNight, "colour goes and comes"),
        (Scene::Cuts, "preset positions"),
        (Scene::Fence, "fence"),
    ]
}

/// The files of folders, by name.
fn files(folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut files: Vec<_> = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).expect("the folder can be read"))
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    files.sort();
    files.dedup_by(|a, b| a.file_name() == b.file_name());
    files
}

fn moment(number: u64) -> Moment {
    Moment::default() + Duration::from_millis(number * 100)
}

fn keep(options: &Options, picture: &Picture, name: &str) {
    let Some(folder) = &options.keep else { return };
    let file = folder.join(format!("{}.pgm", name.replace(['/', ' '], "_")));
    let mut bytes = format!("P5 {} {} 255\n", picture.size.width, picture.size.height).into_bytes();
    bytes.extend(picture.luma());
    write(&file, &bytes);
}

fn write(file: &Path, bytes: &[u8]) {
    fs::write(file, bytes).expect("the folder can be written");
}

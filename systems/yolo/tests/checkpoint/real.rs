//! Checkpoints that were really trained.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use detector_yolo::{Checkpoint, Value};

/// The folder that `script/assets` fills.
fn assets() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).unwrap_or_else(|| {
        PathBuf::from(std::env::var_os("HOME").expect("there is a home folder")).join(".cache")
    });
    cache.join("detector-worker/assets")
}

/// How many modules there are of each class, and how many trained numbers in all.
fn inventory(model: Value<'_>) -> (BTreeMap<&str, usize>, usize) {
    let (mut classes, mut numbers) = (BTreeMap::new(), 0);
    let (mut seen, mut open) = (HashSet::new(), vec![model]);
    while let Some(module) = open.pop() {
        if !seen.insert(module) {
            continue;
        }
        *classes.entry(module.class().unwrap()).or_default() += 1;
        for (_, parameter) in module.get("_parameters").unwrap().entries() {
            if let Some(tensor) = parameter.tensor() {
                numbers += tensor.to_f32().unwrap().len();
            }
        }
        open.extend(module.modules().into_iter().map(|(_, module)| module));
    }
    (classes, numbers)
}

/// Expected numbers of parameters are those that Ultralytics prints for these architectures.
#[track_caller]
fn check(file: &str, convolutions: usize, parameters: usize) {
    let checkpoint = Checkpoint::open(assets().join(file)).unwrap();
    let (classes, numbers) = inventory(checkpoint.root().get("model").unwrap());
    println!("{file} {checkpoint:?}: {numbers} numbers\n{classes:#?}");
    assert_eq!(classes["torch.nn.modules.conv.Conv2d"], convolutions);
    assert_eq!(numbers, parameters);
}

#[test]
#[ignore = "needs the assets: script/assets"]
fn the_segmenting_yolo11_is_read() {
    check("yolo11n-seg.pt", 100, 2_876_848);
}

/// Its model carries a loss, which is no module: it is kept as data.
#[test]
#[ignore = "needs the assets: script/assets"]
fn the_yolov8_of_plates_is_read_with_its_loss() {
    check("plates.pt", 64, 3_011_043);
    let checkpoint = Checkpoint::open(assets().join("plates.pt")).unwrap();
    let loss = checkpoint.root().get("model").unwrap().get("criterion").unwrap();
    assert!(loss.class().unwrap().ends_with("loss.v8DetectionLoss"));
}

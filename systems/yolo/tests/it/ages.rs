//! One network in checkpoints of all ages computes the same, and what is no network of this kind is
//! refused with what and where it is. `ages.py` beside the fixtures made the files.

use detector_yolo::{Checkpoint, Network, NetworkError, RawOutput, Task};

use crate::fixture::{self, Parts, Reference};

/// Half of the tolerance of one network against another implementation: these are the same.
const TOLERANCE: f32 = 5e-5;

fn load(name: &str) -> Result<Network, NetworkError> {
    let checkpoint = Checkpoint::open(fixture::path(&format!("ages/{name}.pt"))).unwrap();
    fixture::load(&checkpoint)
}

#[track_caller]
fn check(name: &str) {
    let network = load(name).unwrap();
    let info = network.info();
    assert_eq!((info.task, info.stride), (Task::Detect, 16));
    let classes: Vec<&str> = info.classes.iter().map(AsRef::as_ref).collect();
    assert_eq!(classes, ["first", "second"]);
    let RawOutput::Anchors { rows, .. } = network.forward(fixture::pictures()).unwrap() else {
        panic!("a classifier");
    };
    Reference::of("ages").expect("raw", rows, TOLERANCE);
}

#[track_caller]
fn check_refused(name: &str, expected: &str) {
    match load(&format!("refused-{name}")) {
        Ok(_) => panic!("the checkpoint was accepted"),
        Err(error) => assert_eq!(error.to_string(), expected),
    }
}

#[test]
fn numbers_of_16_bits_are_read() {
    check("now");
}

#[test]
fn numbers_of_32_bits_are_read() {
    check("in-32-bits");
}

#[test]
fn modules_of_one_file_are_known() {
    check("before-the-move");
}

#[test]
fn a_pickled_loss_does_not_matter() {
    check("with-its-loss");
    check("with-its-loss-before-the-move");
}

#[test]
fn parts_in_ordered_dicts_are_read() {
    check("with-ordered-states");
}

#[test]
fn attributes_that_came_later_have_defaults() {
    check("without-young-attributes");
    assert_eq!(load("without-young-attributes").unwrap().info().provenance, Default::default());
}

#[test]
fn a_fused_network_computes_the_same() {
    check("fused");
}

#[test]
fn the_moving_average_is_taken_amidst_a_training() {
    check("amidst-a-training");
    // The other model of this file computes something else.
    check("amidst-an-old-training");
}

#[test]
fn names_are_a_list_or_a_dict() {
    check("with-a-list-of-names");
    check("with-an-ordered-dict-of-names");
}

/// The authors of version 10 published it from a copy of Ultralytics with a class of its own.
#[test]
fn version_10_of_its_authors_runs() {
    let theirs = b"ultralytics.nn.tasks\nYOLOv10DetectionModel\n";
    let bytes = Parts::of("tiny-v10n").replaced(b"ultralytics.nn.tasks\nDetectionModel\n", theirs);
    let network = fixture::load(&Checkpoint::from_bytes(bytes).unwrap()).unwrap();
    assert_eq!(network.info().task, Task::Detect);
}

#[test]
fn the_original_yolov5_is_refused() {
    for (name, class) in [("yolov5", "DetectionModel"), ("yolov5-of-2020", "Model")] {
        let expected = format!(
            "the module \"models.yolo.{class}\" at model is not supported: it is of the original \
             YOLOv5 repository; version 5 of Ultralytics (yolov5nu.pt) is"
        );
        check_refused(name, &expected);
    }
}

#[test]
fn custom_modules_are_refused() {
    let custom = |class: &str, place: &str| {
        format!(
            "the module {class:?} at {place} is not supported: it is neither of Ultralytics nor \
             of torch"
        )
    };
    check_refused("custom-module", &custom("__main__.MySPPF", "model.model.1"));
    check_refused("custom-model", &custom("detector.nets.MyModel", "model"));
}

#[test]
fn quantised_weights_are_refused() {
    check_refused(
        "modelopt",
        "the checkpoint: its weights are quantised (modelopt), which is not supported",
    );
    check_refused(
        "modelopt-layers",
        "the module \"modelopt.torch.quantization.nn.modules.quant_conv.QuantConv2d\" at \
         model.model.0.conv is not supported: its weights are quantised",
    );
}

#[test]
fn other_architectures_are_refused() {
    for (name, model, head, what) in [
        ("rtdetr", "RTDETRDetectionModel", "RTDETRDecoder", "RT-DETR"),
        ("world", "WorldModel", "WorldDetect", "YOLO-World"),
        ("yoloe", "YOLOEModel", "YOLOEDetect", "YOLOE"),
    ] {
        let model = format!(
            "the module \"ultralytics.nn.tasks.{model}\" at model is not supported: it is of {what}"
        );
        check_refused(name, &model);
        let head = format!(
            "the module \"ultralytics.nn.modules.head.{head}\" at model.model.2 is not supported: \
             it is of {what}"
        );
        check_refused(&format!("{name}-head"), &head);
    }
}

#[test]
fn weights_without_their_modules_are_refused() {
    check_refused(
        "weights-alone",
        "model: it is a dict of weights, without the modules that they are of",
    );
}

#[test]
fn a_file_of_an_old_torch_is_refused() {
    let error = Checkpoint::open(fixture::path("ages/refused-before-1.6.pt")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file is a checkpoint of PyTorch before 1.6 (a bare pickle), not a ZIP archive of \
         PyTorch 1.6 or newer"
    );
}

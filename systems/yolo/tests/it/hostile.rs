//! What does not fit is refused with its place: it never panics, and never reaches the device.

use detector_yolo::{Checkpoint, Criteria, NetworkError, Pictures};

use crate::fixture::{self, Parts};

#[track_caller]
fn refused(bytes: Vec<u8>) -> String {
    let checkpoint = Checkpoint::from_bytes(bytes).unwrap();
    match fixture::load(&checkpoint) {
        Ok(_) => panic!("the checkpoint was accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn an_unknown_module_is_refused_by_its_name_and_place() {
    let parts = Parts::of("tiny-v8");
    let bytes = parts.replaced(b"block\nSPPF\n", b"block\nSPP9\n");
    let expected =
        "the module \"ultralytics.nn.modules.block.SPP9\" at model.model.9 is not supported";
    assert_eq!(refused(bytes), expected);
}

#[test]
fn a_known_name_of_another_package_is_refused() {
    let parts = Parts::of("tiny-v8");
    let bytes = parts.replaced(b"ultralytics.nn.modules.conv\nConv\n", b"mine.common\nConv\n");
    assert_eq!(
        refused(bytes),
        "the module \"mine.common.Conv\" at model.model.0 is not supported: it is neither of \
         Ultralytics nor of torch"
    );
}

#[test]
fn a_dict_that_is_no_model_is_refused() {
    let parts = Parts::of("tiny-v8");
    // The end of a pickle that is only an empty dict.
    assert_eq!(
        refused(parts.with_pickle(b"\x80\x02}.")),
        "the checkpoint has no \"model\" or \"ema\""
    );
}

/// What would run a command where Python reads it.
const COMMAND: &[u8] = b"cposix\nsystem\n(X\x0c\x00\x00\x00touch /tmp/xtR";

#[test]
fn a_command_beside_the_model_is_read_and_never_run() {
    let parts = Parts::of("ages/now");
    // The name of the architecture's file.
    let bytes = parts.replaced(b"X\x0a\x00\x00\x00small.yaml", COMMAND);
    let network = fixture::load(&Checkpoint::from_bytes(bytes).unwrap()).unwrap();
    assert_eq!(network.info().provenance.architecture, None);
}

#[test]
fn a_command_in_the_place_of_the_model_is_refused_by_its_name() {
    let body = [b"\x80\x02}X\x05\x00\x00\x00model", COMMAND, b"s."].concat();
    let expected = "the module \"posix.system\" at model is not supported: it is neither of \
                    Ultralytics nor of torch";
    assert_eq!(refused(Parts::of("ages/now").with_pickle(&body)), expected);
}

/// A text in a pickle.
fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

/// A module of torch that takes the layer before, and has these children.
fn module(class: &str, children: &[&[u8]]) -> Vec<u8> {
    let mut module = [b"ctorch.nn.modules.", class.as_bytes(), b"\n)\x81}("].concat();
    module.extend([text("f"), b"J\xff\xff\xff\xff".to_vec(), text("_modules")].concat());
    module.extend(b"}(");
    for (number, child) in children.iter().enumerate() {
        module.extend([&text(&number.to_string())[..], child].concat());
    }
    module.extend(b"uub");
    module
}

/// A checkpoint whose network begins with a layer.
fn beginning_with(layer: &[u8]) -> Vec<u8> {
    let layers = module("container\nSequential", &[layer, &module("linear\nIdentity", &[])]);
    let model = [
        &b"\x80\x02}"[..],
        &text("model"),
        b"cultralytics.nn.tasks\nDetectionModel\n)\x81}",
        &text("_modules"),
        b"}",
        &text("model"),
        &layers,
        b"ssbs.",
    ];
    Parts::of("ages/now").with_pickle(&model.concat())
}

/// Modules that each have the one before twice are as many as there are atoms, in a small file.
#[test]
fn a_tree_of_modules_that_grows_without_end_is_refused() {
    let leaf = module("linear\nIdentity", &[]);
    let tree = (0..25).fold(leaf, |tree, _| {
        module("container\nSequential", &[&[&tree[..], b"q\x00"].concat(), b"h\x00"])
    });
    let error = refused(beginning_with(&tree));
    assert!(error.ends_with("number of modules exceeds the limit of 20000"), "{error}");
}

#[test]
fn modules_nested_too_deep_are_refused() {
    let leaf = module("linear\nIdentity", &[]);
    let deep = (0..60).fold(leaf, |tree, _| module("container\nSequential", &[&tree]));
    let error = refused(beginning_with(&deep));
    assert!(error.ends_with("depth of modules exceeds the limit of 32"), "{error}");
}

/// Each short integer of the pickle in turn becomes another one: sizes of kernels, strides, groups,
/// shapes and strides of tensors, inputs of layers, numbers of bins and of classes.
#[track_caller]
fn no_changed_number_makes_it_panic(name: &str) {
    let parts = Parts::of(name);
    let pickle = parts.pickle();
    let zeros = |side: usize| Pictures::new(vec![0.0; 3 * side * side], [1, 3, side, side]);
    let (mut accepted, mut refused) = (0, 0);
    let places: Vec<usize> = (0..pickle.len() - 1).filter(|&at| pickle[at] == b'K').collect();
    // A sample that is the same at every run.
    let every = places.len().div_ceil(600);
    for (step, &at) in places.iter().enumerate().filter(|(step, _)| step % every == 0) {
        let mut changed = pickle.to_vec();
        changed[at + 1] = [0, 1, 2, 7, 64, 255][step / every % 6];
        let Ok(checkpoint) = Checkpoint::from_bytes(parts.with_pickle(&changed)) else {
            continue;
        };
        match fixture::load(&checkpoint) {
            Ok(network) => {
                accepted += 1;
                let stride = network.info().stride;
                let _ = network.predict(zeros(32), &[Criteria::default()]);
                let side = stride * 32_usize.div_ceil(stride);
                let _ = network.predict(zeros(side), &[Criteria::default()]);
            }
            Err(_) => refused += 1,
        }
    }
    assert!(accepted > 10 && refused > 10, "{accepted} accepted, {refused} refused");
}

#[test]
fn no_changed_number_makes_a_ghost_panic() {
    no_changed_number_makes_it_panic("tiny-v8-ghost");
}

#[test]
fn no_changed_number_makes_version_3_panic() {
    no_changed_number_makes_it_panic("tiny-v3-tiny");
}

#[test]
fn no_changed_number_makes_version_9_panic() {
    no_changed_number_makes_it_panic("tiny-v9e");
}

#[test]
fn no_changed_number_makes_version_10_panic() {
    no_changed_number_makes_it_panic("tiny-v10n");
}

#[test]
fn no_changed_number_makes_version_12_panic() {
    no_changed_number_makes_it_panic("tiny-12x");
}

#[test]
fn no_changed_number_makes_a_segmenter_panic() {
    no_changed_number_makes_it_panic("tiny-26-seg");
}

#[test]
fn no_changed_number_makes_a_pose_network_panic() {
    no_changed_number_makes_it_panic("tiny-26-pose");
}

#[test]
fn no_changed_number_makes_a_network_of_rotated_boxes_panic() {
    no_changed_number_makes_it_panic("tiny-v8-obb");
}

#[test]
fn an_input_that_does_not_fit_is_refused() {
    let network = fixture::network("tiny-v8");
    let stride = network.info().stride;
    assert_eq!(stride, 32);
    let input = |shape: [usize; 4]| Pictures::new(vec![0.0; shape.iter().product()], shape);
    for shape in [[1, 3, 40, 64], [1, 3, 64, 40], [1, 4, 64, 64], [1, 3, 0, 64]] {
        let result = network.predict(input(shape), &[Criteria::default()]);
        assert!(matches!(result, Err(NetworkError::Input { .. })), "{shape:?}: {result:?}");
    }
    let result = network.predict(input([2, 3, 64, 64]), &[Criteria::default()]);
    assert!(matches!(result, Err(NetworkError::CriteriaCount { criteria: 1, pictures: 2 })));
}

#[test]
fn a_picture_is_seen_the_same_alone_and_among_others() {
    let network = fixture::network("tiny-11");
    let pictures = fixture::pictures();
    let criteria = Criteria { min_confidence: 0.3, ..Criteria::default() };
    let both = network.predict(pictures.clone(), &[criteria.clone(), criteria.clone()]).unwrap();
    let Pictures::Values { values, shape: [_, channels, height, width] } = pictures else {
        panic!("they are in main memory");
    };
    let second = Pictures::new(&values[values.len() / 2..], [1, channels, height, width]);
    let second = network.predict(second, &[criteria]).unwrap();
    assert_eq!(both[1], second[0]);
}

//! What a checkpoint says of itself, as the rest of the worker is told it.

use std::sync::Arc;

use detector_components::geometry::Size;
use detector_components::network::{NetworkInfo, Provenance, Task};

/// What a network is, in the words of the world.
pub fn about(info: &detector_yolo::NetworkInfo) -> NetworkInfo {
    let [width, height] = info.input;
    NetworkInfo {
        task: match info.task {
            detector_yolo::Task::Detect => Task::Detect,
            detector_yolo::Task::Segment => Task::Segment,
            detector_yolo::Task::Pose => Task::Pose,
            detector_yolo::Task::Obb => Task::Obb,
            detector_yolo::Task::Classify => Task::Classify,
        },
        classes: info.classes.as_slice().into(),
        input: Size { width: width as u32, height: height as u32 },
        stride: info.stride as u32,
        provenance: provenance(info),
    }
}

fn provenance(info: &detector_yolo::NetworkInfo) -> Provenance {
    let told = &info.provenance;
    let text = |text: &Option<String>| text.as_deref().map(Arc::from);
    let name = |text: &Option<String>| text.as_deref().and_then(name).map(Arc::from);
    Provenance {
        family: text(&info.family),
        scale: text(&told.scale),
        version: text(&told.version),
        date: text(&told.date),
        licence: text(&told.licence),
        trained_from: name(&told.trained_from),
        trained_on: name(&told.trained_on),
    }
}

/// The last part of a path or of an address, without what follows its `?`. Whoever trained the
/// network did not mean to tell where on their machine, or with which key, its data lay.
fn name(place: &str) -> Option<&str> {
    let (path, has_host) = match place.split_once("://") {
        Some((_, rest)) => (rest.split(['?', '#']).next()?, true),
        None => (place, false),
    };
    let parts = path.split(['/', '\\']).skip(usize::from(has_host));
    parts.filter(|part| !part.is_empty()).last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(place: &str, expected: Option<&str>) {
        assert_eq!(name(place), expected);
    }

    #[test]
    fn of_a_place_its_name_is_told() {
        check("yolo11n.pt", Some("yolo11n.pt"));
        check("/home/ada/runs/train7/weights/last.pt", Some("last.pt"));
        check(r"C:\data\gate\data.yaml", Some("data.yaml"));
        check("datasets/gate/", Some("gate"));
    }

    #[test]
    fn of_an_address_neither_host_nor_key_is_told() {
        check("https://host/assets/coco8.zip?api_key=secret#secret", Some("coco8.zip"));
        check("https://ada:secret@host/", None);
        check("https://ada:secret@host", None);
        check("", None);
    }
}

//! Which of Ultralytics' families a network is of.

use super::info::LayerInfo;

/// Modules that stand in one family alone or, of those further down, in none further up.
const MARKS: [(&str, &str); 11] = [
    ("A2C2f", "YOLO12"),
    ("C3k2", "YOLO11"),
    ("SCDown", "YOLOv10"),
    ("RepNCSPELAN4", "YOLOv9"),
    ("ELAN1", "YOLOv9"),
    ("C2f", "YOLOv8"),
    ("C3Ghost", "YOLOv8"),
    ("C3", "YOLOv5"),
    ("ConvTranspose2d", "YOLOv6"),
    ("Bottleneck", "YOLOv3"),
    ("MaxPool2d", "YOLOv3"),
];

/// The family, as `YOLOv8` or `YOLO11`, and the letter of the scale, as far as the name of the
/// architecture's file tells them: `yolov8n-seg.yaml`.
pub(super) fn named(architecture: &str) -> Option<(String, Option<String>)> {
    let name = architecture.rsplit(['/', '\\']).next()?.to_ascii_lowercase();
    let rest = name.strip_prefix("yolo")?;
    let (version, rest) = match rest.strip_prefix('v') {
        Some(rest) => ("v", rest),
        None => ("", rest),
    };
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, rest) = rest.split_at(digits);
    if number.is_empty() {
        return None;
    }
    let scale = rest.find(['-', '.', 'u']).map_or(rest, |end| &rest[..end]);
    let scale = (scale.len() == 1).then(|| scale.to_owned());
    Some((format!("YOLO{version}{number}"), scale))
}

/// The family that the modules of a network are of.
///
/// - `bins`: numbers that describe one side of a box, of a detector
pub(super) fn marked(layers: &[LayerInfo], bins: Option<usize>) -> Option<&'static str> {
    let has = |name: &str| layers.iter().any(|layer| layer.class.rsplit('.').next() == Some(name));
    let (_, family) = MARKS.iter().find(|(module, _)| has(module))?;
    // Version 26 is made of the same modules as 11, and tells the distance to a side itself.
    Some(if *family == "YOLO11" && bins == Some(1) { "YOLO26" } else { *family })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, family: &str, scale: Option<&str>) {
        let expected = Some((family.to_owned(), scale.map(str::to_owned)));
        assert_eq!(named(file), expected, "{file}");
    }

    #[test]
    fn a_file_names_family_and_scale() {
        check("yolov8n-seg.yaml", "YOLOv8", Some("n"));
        check("yolo11.yaml", "YOLO11", None);
        check("ultralytics/cfg/models/26/yolo26x-p2.yaml", "YOLO26", Some("x"));
        check("C:\\models\\yolov9t.yaml", "YOLOv9", Some("t"));
        check("yolov5nu.yaml", "YOLOv5", Some("n"));
        check("yolov3-tiny.yaml", "YOLOv3", None);
        assert_eq!(named("mine.yaml"), None);
        assert_eq!(named("yolo.yaml"), None);
    }
}

//! GStreamer, and what of it cameras need.

use std::collections::BTreeMap;

use detector_ingest::missing;

use crate::findings::Finding;

const GROUP: &str = "Video";

/// Looks for the elements that cameras need.
pub fn look() -> Vec<Finding> {
    let missing = match missing() {
        Ok(missing) => missing,
        Err(error) => {
            let advice =
                "install the Debian packages libgstreamer1.0-0 and gstreamer1.0-plugins-base";
            let detail = format!("{:#}", anyhow::Error::from(error));
            return vec![Finding::bad(GROUP, "GStreamer", detail, advice)];
        }
    };
    let mut found: Vec<Finding> = [(true, "every camera"), (false, "some cameras")]
        .into_iter()
        .filter_map(|(needed, who)| {
            let mut lacking: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for element in missing.iter().filter(|element| element.needed == needed) {
                lacking.entry(element.package).or_default().push(element.element);
            }
            if lacking.is_empty() {
                return None;
            }
            let elements: Vec<_> = lacking.values().flatten().copied().collect();
            let detail = format!("{who} need what is missing: {}", elements.join(", "));
            let packages: Vec<_> = lacking.keys().copied().collect();
            let advice = format!("apt-get install {}", packages.join(" "));
            Some(match needed {
                true => Finding::bad(GROUP, "decoders", detail, advice),
                false => Finding::doubtful(GROUP, "decoders", detail, advice),
            })
        })
        .collect();
    if found.is_empty() {
        let detail = "RTSP, HTTP and files; H.264, H.265 and motion JPEG";
        found.push(Finding::good(GROUP, "decoders", detail));
    }
    found
}

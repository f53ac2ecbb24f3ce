//! `subscribe`: what is to be watched.

use std::sync::Arc;

use detector_components::command::{Crop, Refusal, Subscribe};
use detector_components::identity::SubscriptionId;

use super::fields::{Faults, Fields};
use super::source::{self, Allowed};

/// Reads the payload of a `subscribe`.
///
/// # Errors
/// One refusal that names everything that is wrong.
pub fn subscribe(payload: Fields, allowed: &Allowed) -> Result<Subscribe, Refusal> {
    let mut faults = Faults::default();
    let wish = wish(payload, allowed, &mut faults);
    let id = payload.name("subscriptionIdentifier", &mut Faults::default());
    faults.or(wish, id.map(SubscriptionId::new))
}

/// Reads the content of one subscription.
pub fn wish(payload: Fields, allowed: &Allowed, faults: &mut Faults) -> Option<Subscribe> {
    let faults_before = faults.count();
    let id = payload.name("subscriptionIdentifier", faults).map(SubscriptionId::new);
    let camera = source::camera(payload, allowed, faults);
    let model = source::model(payload, allowed, faults);
    let model_id = payload.id("modelId", faults);
    let model_name = payload.name("modelName", faults).map(Arc::<str>::from);
    let crop_in_frame = crop(payload, faults);
    if faults.count() > faults_before {
        return None;
    }
    Some(Subscribe {
        id: id?,
        camera: camera?,
        model: model?,
        model_name: model_name?,
        model_id: model_id?,
        crop_in_frame,
    })
}

/// The crop: all four of its fields, or none.
fn crop(payload: Fields, faults: &mut Faults) -> Option<Crop> {
    let names = ["cropX1", "cropY1", "cropX2", "cropY2"];
    let given = names.map(|name| payload.raw(name).is_some_and(|value| !value.is_null()));
    if !given.contains(&true) {
        return None;
    }
    for (name, _) in names.iter().zip(given).filter(|(_, given)| !given) {
        faults.invalid(&payload.path(name), "missing, expected all four of the crop or none");
    }
    // What is beyond every frame is cut to it anyway.
    let side = |value: i64| value.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
    let [x1, y1, x2, y2] = names.map(|name| payload.whole(name, faults).map(side));
    let crop = Crop { x1: x1?, y1: y1?, x2: x2?, y2: y2? };
    // Frames begin at 0: a crop that ends there or before shows nothing of any.
    if crop.x2 <= crop.x1.max(0) {
        let what = format_args!("{}, expected more than cropX1 and 0: the crop is empty", crop.x2);
        faults.invalid(&payload.path("cropX2"), what);
    }
    if crop.y2 <= crop.y1.max(0) {
        let what = format_args!("{}, expected more than cropY1 and 0: the crop is empty", crop.y2);
        faults.invalid(&payload.path("cropY2"), what);
    }
    Some(crop)
}

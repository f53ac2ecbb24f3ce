//! The actions of a node.

use std::time::Duration;

use detector_components::action::{Action, PictureFormat, Template};

use super::fields::Fields;

/// Quality of JPEG pictures when none is said.
const DEFAULT_QUALITY: i64 = 90;
/// The longest that Redis may be told to keep a picture: ten years.
const MAX_EXPIRE_SECS: i64 = 10 * 365 * 86_400;

/// Reads one action. None when it is wrong, or known and not executed by this version: the fields
/// say which.
pub fn read(fields: &mut Fields) -> Option<Action> {
    let kind = fields.required_text("type")?;
    match kind.as_str() {
        "redis_save_image" => save_image(fields),
        "redis_publish" => {
            let channel = fields.required_text("channel");
            let message = fields.required_text("message");
            waits(fields);
            Some(Action::RedisPublish {
                channel: Template::new(channel?),
                message: Template::new(message?),
            })
        }
        "redis_stream_add" => {
            fields.required_text("stream");
            fields.object("fields");
            fields.whole("max_len", 1, i64::MAX);
            later(fields, &kind)
        }
        "patch_session" => {
            fields.object("data");
            later(fields, &kind)
        }
        "postgresql_update_combined" => {
            for key in ["table", "key_field", "key_value", "fields"] {
                fields.take(key);
            }
            later(fields, &kind)
        }
        _ => {
            let path = fields.path("type");
            fields.fault(&format!(
                "{path}: expected redis_save_image, redis_publish, redis_stream_add, \
                 patch_session or postgresql_update_combined, found {kind:?}"
            ));
            None
        }
    }
}

fn save_image(fields: &mut Fields) -> Option<Action> {
    let key = fields.required_text("key");
    let region = fields.text("region");
    let format = fields.text("format");
    let quality = fields.whole("quality", 1, 100).unwrap_or(DEFAULT_QUALITY);
    let expire = fields.whole("expire_seconds", 1, MAX_EXPIRE_SECS);
    waits(fields);
    let format = match format.as_deref() {
        None | Some("jpeg" | "jpg") => PictureFormat::Jpeg { quality: quality as u8 },
        Some("png") => PictureFormat::Png,
        Some(other) => {
            let path = fields.path("format");
            fields.fault(&format!("{path}: expected \"jpeg\" or \"png\", found {other:?}"));
            return None;
        }
    };
    Some(Action::RedisSaveImage {
        key: Template::new(key?),
        region: region.map(Into::into),
        format,
        expire: expire.map(|secs| Duration::from_secs(secs.unsigned_abs())),
    })
}

/// Actions run when everything under their node has answered, so there is nothing to wait for; what
/// did not answer has no value in a template, and the action is skipped for that.
fn waits(fields: &mut Fields) {
    fields.texts("waitForBranches");
}

fn later(fields: &mut Fields, kind: &str) -> Option<Action> {
    waits(fields);
    let path = fields.path("type");
    fields.warn(&format!("{path}: {kind} is not executed by this version"));
    None
}

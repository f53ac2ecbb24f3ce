//! The actions of a node.

use std::sync::Arc;
use std::time::Duration;

use detector_components::action::{
    Action, ColumnValue, Deed, PictureFormat, Piece, RowUpdate, Template, names,
};
use indexmap::IndexMap;

use super::fields::Fields;

/// Quality of JPEG pictures when none is said.
const DEFAULT_QUALITY: i64 = 90;
/// The longest that Redis may be told to keep a picture: ten years.
const MAX_EXPIRE_SECS: i64 = 10 * 365 * 86_400;
/// Bytes of a name that PostgreSQL tells apart.
const MAX_NAME_BYTES: usize = 63;

/// Reads the actions of one node.
pub struct ActionReader<'a> {
    /// The node's name.
    pub own: &'a str,
    /// The names of all nodes below it.
    pub below: &'a [&'a str],
}

impl ActionReader<'_> {
    /// Reads one action. None when it is wrong: the fields say where.
    pub fn read(&self, fields: &mut Fields) -> Option<Action> {
        let kind = fields.required_text("type")?;
        let deed = match kind.as_str() {
            "redis_save_image" => self.save_image(fields),
            "redis_publish" => self.publish(fields),
            "redis_stream_add" => self.stream_add(fields),
            "patch_session" => {
                self.templates(fields, "data").map(|data| Deed::PatchSession { data })
            }
            "postgresql_update_combined" => self.update_row(fields).map(Deed::UpdateRow),
            _ => {
                let path = fields.path("type");
                fields.fault(&format!(
                    "{path}: expected redis_save_image, redis_publish, redis_stream_add, \
                     patch_session or postgresql_update_combined, found {kind:?}"
                ));
                None
            }
        };
        let wait_for = self.wait_for(fields);
        Some(Action { deed: deed?, wait_for })
    }

    fn save_image(&self, fields: &mut Fields) -> Option<Deed> {
        let key = self.template(fields, "key");
        let region = fields.text("region");
        let format = fields.text("format").map(|format| format.to_lowercase());
        let quality = fields.whole("quality", 1, 100).unwrap_or(DEFAULT_QUALITY);
        let expire = fields.whole("expire_seconds", 1, MAX_EXPIRE_SECS);
        let format = match format.as_deref() {
            None | Some("jpeg" | "jpg") => PictureFormat::Jpeg { quality: quality as u8 },
            Some("png") => PictureFormat::Png,
            Some(other) => {
                let path = fields.path("format");
                fields.fault(&format!("{path}: expected \"jpeg\" or \"png\", found {other:?}"));
                return None;
            }
        };
        Some(Deed::SaveImage {
            key: key?,
            region: region.map(Into::into),
            format,
            expire: expire.map(|secs| Duration::from_secs(secs.unsigned_abs())),
        })
    }

    fn publish(&self, fields: &mut Fields) -> Option<Deed> {
        let channel = self.template(fields, "channel");
        let message = self.template(fields, "message");
        Some(Deed::Publish { channel: channel?, message: message? })
    }

    fn stream_add(&self, fields: &mut Fields) -> Option<Deed> {
        let stream = self.template(fields, "stream");
        let entry = self.templates(fields, "fields");
        let max_len = fields.whole("max_len", 1, i64::MAX).map(i64::unsigned_abs);
        Some(Deed::StreamAdd { stream: stream?, fields: entry?, max_len })
    }

    fn update_row(&self, fields: &mut Fields) -> Option<RowUpdate> {
        let table = fields.required_text("table");
        let key_column = fields.required_text("key_field");
        let key = self.template(fields, "key_value");
        let columns = fields.required_texts_by_key("fields");
        let (table, key_column, columns) = (table?, key_column?, columns?);
        let (schema, table) = match table.split_once('.') {
            Some((schema, table)) => (Some(schema), table),
            None => (None, table.as_str()),
        };
        let named = [("table", schema), ("table", Some(table)), ("key_field", Some(&*key_column))];
        let named = named.into_iter().chain(columns.keys().map(|name| ("fields", Some(&**name))));
        let wrong: Vec<_> = named
            .filter_map(|(field, name)| Some((field, name?)))
            .filter(|(_, name)| !is_plain_name(name))
            .map(|(field, name)| (field, name.to_owned()))
            .collect();
        for (field, name) in &wrong {
            let path = fields.path(field);
            fields.fault(&format!(
                "{path}: expected a name of letters, digits and _, at most {MAX_NAME_BYTES} bytes, \
                 found {name:?}"
            ));
        }
        let values = columns.iter().map(|(column, text)| {
            let value = if text.trim().eq_ignore_ascii_case("NOW()") {
                ColumnValue::Now
            } else {
                ColumnValue::Text(self.checked(fields, "fields", text))
            };
            (column.clone(), value)
        });
        let columns = values.collect();
        if !wrong.is_empty() {
            return None;
        }
        Some(RowUpdate {
            schema: schema.map(Into::into),
            table: table.into(),
            key_column: key_column.into(),
            key: key?,
            columns,
        })
    }

    /// The nodes that must have found something: they lie below this one.
    fn wait_for(&self, fields: &mut Fields) -> Arc<[Arc<str>]> {
        let awaited = fields.texts("waitForBranches");
        for (index, name) in awaited.iter().enumerate() {
            if !self.below.contains(&&**name) {
                let path = fields.path("waitForBranches");
                let fault = match self.below {
                    [] => format!("{path}[{index}]: there is no node below this one"),
                    below => format!(
                        "{path}[{index}]: {name:?} is no node below this one, there are {}",
                        below.join(", ")
                    ),
                };
                fields.fault(&fault);
            }
        }
        awaited.into()
    }

    fn template(&self, fields: &mut Fields, key: &'static str) -> Option<Template> {
        let text = fields.required_text(key)?;
        Some(self.checked(fields, key, &text))
    }

    fn templates(
        &self,
        fields: &mut Fields,
        key: &'static str,
    ) -> Option<IndexMap<Arc<str>, Template>> {
        let texts = fields.required_texts_by_key(key)?;
        let checked = |(name, text): (Arc<str>, Arc<str>)| {
            let template = self.checked(fields, key, &text);
            (name, template)
        };
        Some(texts.into_iter().map(checked).collect())
    }

    /// A template; warns of places that look like names and are none, since they will stand in the
    /// text as they are.
    fn checked(&self, fields: &mut Fields, key: &'static str, text: &str) -> Template {
        let template = Template::new(text);
        for piece in template.pieces() {
            if let Piece::Name(name) = piece
                && !self.knows(name)
            {
                let path = fields.path(key);
                fields.warn(&format!("{path}: {{{name}}} is no known name, it stays as it is"));
            }
        }
        template
    }

    fn knows(&self, name: &str) -> bool {
        let of_node = |node: &str| {
            let part = name.strip_prefix(node).and_then(|rest| rest.strip_prefix('.'));
            name == node || part.is_some_and(|part| names::OF_BRANCH.contains(&part))
        };
        names::OF_DETECTION.contains(&name)
            || name.starts_with(names::SESSION_PREFIX)
            || of_node(self.own)
            || self.below.iter().any(|node| of_node(node))
    }
}

/// Whether it can stand in SQL as it is, quoted, without a surprise.
fn is_plain_name(name: &str) -> bool {
    let first = name.chars().next();
    first.is_some_and(|first| first == '_' || first.is_alphabetic())
        && name.chars().all(|char| char == '_' || char.is_alphanumeric())
        && name.len() <= MAX_NAME_BYTES
}

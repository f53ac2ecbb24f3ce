//! `pipeline.json`: what is in it, and everything that is wrong with it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use detector_components::geometry::Size;
use detector_components::model::{PostgresServer, RedisServer};
use detector_components::node::{
    Actions, BranchInput, Expected, Keep, Occasion, Tracking, Trigger,
};
use serde_json::{Map, Value};

mod actions;
mod fields;
mod servers;
mod tracking;

use self::actions::ActionReader;
use self::fields::Fields;

/// How deep branches may be nested.
const MAX_DEPTH: usize = 16;
/// How many nodes a pipeline may have.
const MAX_NODES: usize = 256;
/// The longest that a list of actions may rest: a year.
const MAX_COOLDOWN_SECS: f64 = 31_536_000.0;

/// A pipeline as it stands in an archive.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pipeline {
    /// The root first, each node before its branches.
    pub nodes: Vec<NodeSpec>,
    /// Where its actions go.
    pub redis: Option<RedisServer>,
    /// Where its rows go.
    pub postgres: Option<PostgresServer>,
    /// What is accepted and not as it seems, each with its place.
    pub warnings: Vec<String>,
}

/// A node as it stands in an archive.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeSpec {
    /// Its `modelId`.
    pub name: Arc<str>,
    /// The entry with its checkpoint.
    pub file: String,
    /// The node that it is a branch of, by its place in [`Pipeline::nodes`].
    pub parent: Option<usize>,
    /// When it runs.
    pub trigger: Trigger,
    /// What is kept of its answer.
    pub keep: Keep,
    /// The size that its network is to run at.
    pub size: Option<Size>,
    /// How its detections are followed; none when they are not.
    pub tracking: Option<Tracking>,
    /// What happens then.
    pub actions: Actions,
}

/// Everything that is wrong with a pipeline, each with its JSON path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// Reads `pipeline.json`. `has_file` says whether the archive has an entry of a name beside it.
///
/// # Errors
/// When anything is missing, of the wrong type or refers to nothing: all of it at once.
pub fn read(text: &str, has_file: impl Fn(&str) -> bool) -> Result<Pipeline, Faults> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| Faults(vec![format!("pipeline.json is no JSON: {error}")]))?;
    let mut reader = Reader {
        has_file: &has_file,
        pipeline: Pipeline::default(),
        names: BTreeSet::new(),
        faults: Vec::new(),
    };
    reader.top(&value);
    if reader.faults.is_empty() { Ok(reader.pipeline) } else { Err(Faults(reader.faults)) }
}

struct Reader<'a> {
    has_file: &'a dyn Fn(&str) -> bool,
    pipeline: Pipeline,
    names: BTreeSet<String>,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn top(&mut self, value: &Value) {
        let Some(top) = value.as_object() else {
            self.faults.push("pipeline.json: expected an object".to_owned());
            return;
        };
        let mut fields = Fields::new("", top);
        let root = fields.object("pipeline");
        let redis = fields.object("redis");
        let postgres = fields.object("postgresql");
        if root.is_none() && !top.contains_key("pipeline") {
            fields.fault("pipeline: missing");
        }
        self.absorb(fields);
        if let Some(redis) = redis {
            let mut fields = Fields::new("redis", redis);
            self.pipeline.redis = servers::redis(&mut fields);
            self.absorb(fields);
        }
        if let Some(postgres) = postgres {
            let mut fields = Fields::new("postgresql", postgres);
            self.pipeline.postgres = servers::postgres(&mut fields);
            self.absorb(fields);
        }
        if let Some(root) = root {
            self.node(root, "pipeline", None, 0);
        }
    }

    fn absorb(&mut self, fields: Fields) {
        let (faults, warnings) = fields.done();
        self.faults.extend(faults);
        self.pipeline.warnings.extend(warnings);
    }

    fn node(&mut self, node: &Map<String, Value>, path: &str, parent: Option<usize>, depth: usize) {
        if depth > MAX_DEPTH || self.pipeline.nodes.len() >= MAX_NODES {
            self.faults.push(format!(
                "{path}: expected at most {MAX_NODES} nodes, nested at most {MAX_DEPTH} deep"
            ));
            return;
        }
        let mut fields = Fields::new(path, node);
        let name = fields.required_text("modelId");
        if let Some(name) = &name
            && !self.names.insert(name.clone())
        {
            fields.fault(&format!("{path}.modelId: {name:?} names another node already"));
        }
        let file = fields.required_text("modelFile");
        if let Some(file) = &file
            && !(self.has_file)(file)
        {
            fields.fault(&format!(
                "{path}.modelFile: the archive has no {file:?} beside pipeline.json"
            ));
        }
        let classes: Vec<Arc<str>> = fields.texts("triggerClasses");
        let confidence = fields.fraction("minConfidence");
        let crop = fields.flag("crop").unwrap_or(false);
        let crop_class = fields.text("cropClass");
        let size = fields.size("resizeTarget");
        let multi_class = fields.flag("multiClass").unwrap_or(false);
        let expected_classes = fields.texts("expectedClasses");
        let all = fields.flag("expectedAll").unwrap_or(false);
        // Branches always run in parallel.
        fields.flag("parallel");
        let tracking = fields.object("tracking");
        let cooldown = fields.number("cooldownSeconds", 0.0, MAX_COOLDOWN_SECS).unwrap_or(0.0);
        let actions = fields.objects("actions");
        let parallel_actions = fields.objects("parallelActions");
        let branches = fields.objects("branches");
        for (set, key, needed, needs) in [
            (!expected_classes.is_empty(), "expectedClasses", multi_class, "multiClass"),
            (crop_class.is_some(), "cropClass", crop, "crop"),
        ] {
            if set && !needed {
                fields.warn(&format!("{path}.{key}: has no effect without \"{needs}\": true"));
            }
        }
        self.absorb(fields);

        let tracking = tracking.and_then(|tracking| {
            let mut fields = Fields::new(&format!("{path}.tracking"), tracking);
            let read = tracking::read(&mut fields);
            self.absorb(fields);
            read
        });
        let below = names_below(node);
        let reader = ActionReader { own: name.as_deref().unwrap_or_default(), below: &below };
        let mut list = Vec::new();
        for (actions, key) in [(actions, "actions"), (parallel_actions, "parallelActions")] {
            for (index, action) in actions {
                let path = format!("{path}.{key}[{index}]");
                let mut fields = Fields::new(&path, action);
                list.extend(reader.read(&mut fields));
                self.absorb(fields);
            }
        }
        let actions = Actions {
            list: list.into(),
            occasion: if multi_class { Occasion::Answer } else { Occasion::Detection },
            cooldown: (cooldown > 0.0).then(|| Duration::from_secs_f64(cooldown)),
        };

        let input = match (crop, crop_class) {
            (true, Some(class)) => BranchInput::BestBoxOf(class.into()),
            (true, None) => BranchInput::TriggeringBox,
            (false, _) => BranchInput::ParentImage,
        };
        let trigger = Trigger {
            classes: if parent.is_some() { classes.clone() } else { Vec::new() },
            // On a branch the threshold is also the parent's; without one everything fires.
            min_confidence: confidence.filter(|_| parent.is_some()).unwrap_or(0.0),
            input,
        };
        let expected = match (!multi_class || expected_classes.is_empty(), all) {
            (true, _) => Expected::Nothing,
            (false, false) => Expected::AnyOf(expected_classes),
            (false, true) => Expected::AllOf(expected_classes),
        };
        let default = Keep::default();
        let keep = Keep {
            min_confidence: confidence.unwrap_or(default.min_confidence),
            classes: if parent.is_none() { classes } else { Vec::new() },
            expected,
            ..default
        };
        let place = self.pipeline.nodes.len();
        self.pipeline.nodes.push(NodeSpec {
            name: name.unwrap_or_default().into(),
            file: file.unwrap_or_default(),
            parent,
            trigger,
            keep,
            size,
            tracking,
            actions,
        });
        for (index, branch) in branches {
            self.node(branch, &format!("{path}.branches[{index}]"), Some(place), depth + 1);
        }
    }
}

/// The names of all nodes below one, faulty ones included.
fn names_below(node: &Map<String, Value>) -> Vec<&str> {
    let mut names = Vec::new();
    let mut pending = vec![node];
    while let Some(node) = pending.pop() {
        let branches = node.get("branches").and_then(Value::as_array);
        for branch in branches.into_iter().flatten().filter_map(Value::as_object) {
            names.extend(branch.get("modelId").and_then(Value::as_str));
            pending.push(branch);
        }
    }
    names
}

#[cfg(test)]
mod tests;

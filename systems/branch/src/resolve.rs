//! Class names of an archive, looked up in the networks that they are about.

use std::sync::Arc;

use detector_components::geometry::Size;
use detector_components::network::NetworkInfo;
use detector_components::node::{
    BranchInput, Expected, InputShape, Keep, Node, ResolvedClasses, Trigger,
};

/// What a node says, and the networks it is about.
pub struct Claim<'a> {
    pub node: &'a Node,
    pub keep: &'a Keep,
    pub trigger: &'a Trigger,
    pub shape: Option<&'a InputShape>,
    pub own: &'a NetworkInfo,
    /// Absent on the root.
    pub parent: Option<&'a NetworkInfo>,
}

/// The numbers behind a node's class names, or every fault that was found.
///
/// Names compare exactly first, then without case.
pub fn resolve(claim: &Claim) -> Result<ResolvedClasses, Vec<String>> {
    let mut faults = Vec::new();
    let name = &claim.node.name;
    let mut all = |key: &str, names: &[Arc<str>], network: &NetworkInfo| -> Vec<u32> {
        let numbers = names.iter().filter_map(|class| {
            let number = number_of(class, &network.classes);
            if number.is_none() {
                faults.push(format!("{name}: {key}: {}", unknown(class, &network.classes)));
            }
            number
        });
        numbers.collect()
    };

    let kept = all("triggerClasses", &claim.keep.classes, claim.own);
    let expected = match &claim.keep.expected {
        Expected::Nothing => Vec::new(),
        Expected::AnyOf(names) | Expected::AllOf(names) => all("expectedClasses", names, claim.own),
    };
    let mut triggers = Vec::new();
    let mut crop = None;
    if let Some(parent) = claim.parent {
        triggers = all("triggerClasses", &claim.trigger.classes, parent);
        if let BranchInput::BestBoxOf(class) = &claim.trigger.input {
            crop = all("cropClass", std::slice::from_ref(class), parent).first().copied();
        }
    }
    if let Some(InputShape::Fixed(size)) = claim.shape
        && claim.own.task.finds_boxes()
        && !fits(*size, claim.own.stride)
    {
        faults.push(format!(
            "{name}: resizeTarget: {} x {}, both sides must be a multiple of {}",
            size.width, size.height, claim.own.stride
        ));
    }

    if !faults.is_empty() {
        return Err(faults);
    }
    let unless_any = |numbers: Vec<u32>| (!numbers.is_empty()).then(|| numbers.into());
    Ok(ResolvedClasses { kept: unless_any(kept), triggers: unless_any(triggers), crop, expected })
}

fn fits(size: Size, stride: u32) -> bool {
    size.width.is_multiple_of(stride) && size.height.is_multiple_of(stride)
}

fn number_of(name: &str, classes: &[Arc<str>]) -> Option<u32> {
    let exact = classes.iter().position(|class| **class == *name);
    let folded = || {
        let name = name.to_lowercase();
        classes.iter().position(|class| class.to_lowercase() == name)
    };
    exact.or_else(folded).and_then(|index| u32::try_from(index).ok())
}

/// A list of every class would be unreadable for a model of a thousand.
const LISTED_CLASSES: usize = 100;

fn unknown(name: &str, classes: &[Arc<str>]) -> String {
    let listed: Vec<_> = classes.iter().take(LISTED_CLASSES).map(|class| &**class).collect();
    let rest = classes.len().saturating_sub(LISTED_CLASSES);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("the model has no class {name:?}, it has {}{more}", listed.join(", "))
}

#[cfg(test)]
mod tests {
    use detector_components::network::{Provenance, Task};

    use super::*;

    fn network(classes: &[&str]) -> NetworkInfo {
        NetworkInfo {
            task: Task::Detect,
            classes: classes.iter().map(|class| Arc::from(*class)).collect(),
            input: Size { width: 640, height: 640 },
            stride: 32,
            provenance: Provenance::default(),
        }
    }

    fn names(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    fn root(classes: &[&str]) -> Result<ResolvedClasses, Vec<String>> {
        resolve(&Claim {
            node: &Node { name: "vehicles".into() },
            keep: &Keep { classes: names(classes), ..Keep::default() },
            trigger: &Trigger::default(),
            shape: None,
            own: &network(&["person", "Car", "car"]),
            parent: None,
        })
    }

    #[test]
    fn names_compare_exactly_first_then_without_case() {
        assert_eq!(root(&["car", "PERSON"]).unwrap().kept.as_deref(), Some(&[2, 0][..]));
    }

    #[test]
    fn no_names_mean_all() {
        assert_eq!(root(&[]).unwrap(), ResolvedClasses::default());
    }

    #[test]
    fn every_unknown_name_is_reported_with_those_that_exist() {
        let faults = root(&["lorry", "car", "boat"]).unwrap_err();
        assert_eq!(
            faults,
            [
                "vehicles: triggerClasses: the model has no class \"lorry\", it has person, Car, car",
                "vehicles: triggerClasses: the model has no class \"boat\", it has person, Car, car",
            ]
        );
    }

    #[test]
    fn a_branch_names_classes_of_its_parent() {
        let resolved = resolve(&Claim {
            node: &Node { name: "plates".into() },
            keep: &Keep::default(),
            trigger: &Trigger {
                classes: names(&["car"]),
                min_confidence: 0.5,
                input: BranchInput::BestBoxOf("person".into()),
            },
            shape: None,
            own: &network(&["plate"]),
            parent: Some(&network(&["person", "car"])),
        })
        .unwrap();
        assert_eq!(resolved.triggers.as_deref(), Some(&[1][..]));
        assert_eq!(resolved.crop, Some(0));
    }

    #[test]
    fn a_size_off_the_stride_is_refused() {
        let faults = resolve(&Claim {
            node: &Node { name: "vehicles".into() },
            keep: &Keep::default(),
            trigger: &Trigger::default(),
            shape: Some(&InputShape::Fixed(Size { width: 640, height: 360 })),
            own: &network(&["car"]),
            parent: None,
        })
        .unwrap_err();
        assert_eq!(
            faults,
            ["vehicles: resizeTarget: 640 x 360, both sides must be a multiple of 32"]
        );
    }
}

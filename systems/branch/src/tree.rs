//! The findings of a pass, merged into a tree.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use detector_components::results::{BranchFindings, Finding};

/// A finding, and where in the tree it belongs.
pub struct Leaf {
    /// Its entity.
    pub id: Entity,
    /// The node that found it, and that node's name.
    pub node: (Entity, Arc<str>),
    /// The finding whose branch found it; none for the root's.
    pub found_in: Option<Entity>,
    /// What was found. Its branches are added here.
    pub finding: Finding,
}

/// Builds the tree from its leaves, which come in the order they were found: parents before their
/// branches, and best first within an answer.
///
/// `order` ranks the nodes as the archive lists them: branches are given in that order, whichever
/// answered first.
pub fn tree(leaves: Vec<Leaf>, order: impl Fn(Entity) -> usize) -> Vec<Finding> {
    let mut roots = Vec::new();
    let mut pending = leaves;
    // Children come after their parents: taking from the end meets every child before its parent.
    while let Some(mut leaf) = pending.pop() {
        leaf.finding.branches.sort_by_key(|branch| order(branch.node));
        let parent = match leaf.found_in {
            None => {
                roots.push(leaf.finding);
                continue;
            }
            Some(parent) => pending.iter_mut().find(|other| other.id == parent),
        };
        // A leaf whose parent is not among the leaves cannot be shown anywhere.
        if let Some(parent) = parent {
            attach(&mut parent.finding.branches, leaf.node, leaf.finding);
        }
    }
    roots.reverse();
    roots
}

fn attach(branches: &mut Vec<BranchFindings>, (node, name): (Entity, Arc<str>), finding: Finding) {
    match branches.iter_mut().find(|branch| branch.node == node) {
        // Taken from the end, so earlier and better ones come later.
        Some(branch) => branch.findings.insert(0, finding),
        None => branches.push(BranchFindings { node, name, findings: vec![finding] }),
    }
}

#[cfg(test)]
mod tests {
    use detector_components::geometry::BBox;

    use super::*;

    fn leaf(id: Entity, node: Entity, found_in: Option<Entity>, class: &str) -> Leaf {
        let finding = Finding {
            class: class.into(),
            class_id: 0,
            confidence: 0.5,
            bbox_in_frame: BBox::default(),
            outline_in_frame: None,
            track: None,
            top: Vec::new(),
            branches: Vec::new(),
        };
        Leaf { id, node: (node, "node".into()), found_in, finding }
    }

    fn shape(findings: &[Finding]) -> String {
        let mut text = String::new();
        for finding in findings {
            text.push_str(&finding.class);
            for branch in &finding.branches {
                text.push_str(&format!("({})", shape(&branch.findings)));
            }
            text.push(' ');
        }
        text.trim_end().to_owned()
    }

    #[test]
    fn branches_hang_under_what_started_them_in_the_archives_order() {
        let mut world = World::new();
        let [root, early, late] = [(); 3].map(|()| world.spawn_empty().id());
        let [car, bus, plate, second, brand, letter] = [(); 6].map(|()| world.spawn_empty().id());
        let leaves = vec![
            leaf(car, root, None, "car"),
            leaf(bus, root, None, "bus"),
            // The branch listed second answered first.
            leaf(brand, late, Some(car), "honda"),
            leaf(plate, early, Some(car), "plate"),
            leaf(second, early, Some(car), "plate2"),
            leaf(letter, late, Some(plate), "A"),
        ];
        let rank = |node| [root, early, late].iter().position(|other| *other == node).unwrap();
        assert_eq!(shape(&tree(leaves, rank)), "car(plate(A) plate2)(honda) bus");
    }
}

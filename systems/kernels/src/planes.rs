//! Where each plane of each tensor lies, so that as little memory as possible is used.

use std::collections::HashMap;

use crate::grid::Grid;

/// A plane of a tensor, before it has a place.
pub(crate) type PlaneId = usize;

/// All planes that a program needs, each from when it is first written to when it is last used.
#[derive(Default)]
pub(crate) struct Planes {
    grids: Vec<Grid>,
}

impl Planes {
    /// Planes for a tensor of so many blocks.
    pub fn add(&mut self, grid: Grid, blocks: usize) -> Vec<PlaneId> {
        let first = self.grids.len();
        self.grids.extend(std::iter::repeat_n(grid, blocks));
        (first..first + blocks).collect()
    }

    /// Places for all planes that `steps` use. A step's planes are all in use at the same time.
    ///
    /// A plane takes over only what a plane of the same grid had: so margins stay zero for ever.
    pub fn place(&self, steps: &[Vec<PlaneId>]) -> Places {
        let mut last_use = vec![0; self.grids.len()];
        for (step, planes) in steps.iter().enumerate() {
            planes.iter().for_each(|&plane| last_use[plane] = step);
        }
        let mut starts = vec![None; self.grids.len()];
        let mut free: HashMap<Grid, Vec<usize>> = HashMap::new();
        let mut numbers = 0;
        for (step, planes) in steps.iter().enumerate() {
            for &plane in planes {
                let grid = self.grids[plane];
                starts[plane].get_or_insert_with(|| {
                    free.get_mut(&grid).and_then(Vec::pop).unwrap_or_else(|| {
                        numbers += grid.plane();
                        numbers - grid.plane()
                    })
                });
            }
            let mut ended: Vec<PlaneId> =
                planes.iter().copied().filter(|&plane| last_use[plane] == step).collect();
            ended.sort_unstable();
            ended.dedup();
            for plane in ended {
                let start = starts[plane].expect("it was placed before it was used");
                free.entry(self.grids[plane]).or_default().push(start);
            }
        }
        Places { starts, numbers }
    }
}

/// Where planes lie.
pub(crate) struct Places {
    starts: Vec<Option<usize>>,
    /// How many numbers all of them need.
    pub numbers: usize,
}

impl Places {
    pub fn of(&self, planes: &[PlaneId]) -> Vec<usize> {
        planes
            .iter()
            .map(|&plane| self.starts[plane].expect("a step told that it uses it"))
            .collect()
    }
}

//! What the masks of a segmenter are sums of.

use crate::network::block::Block;
use crate::network::container::Sequential;
use crate::network::error::NetworkError;
use crate::network::place::Place;
use crate::network::plan::{PlanBuilder, Value};
use crate::network::shape::unfit;
use crate::network::source::Source;

/// `Proto` and `Proto26`: convolutions of the finest features, made twice as large. The second one
/// adds the coarser features first.
pub(super) struct Prototypes {
    place: Place,
    refinement: Option<Refinement>,
    convolutions: Sequential,
}

struct Refinement {
    /// For each but the finest features.
    coarser: Vec<Box<dyn Block>>,
    fuse: Box<dyn Block>,
}

impl Prototypes {
    pub fn read(source: &Source) -> Result<Self, NetworkError> {
        let refinement = match source.class().rsplit('.').next() {
            Some("Proto") => None,
            Some("Proto26") => Some(Refinement {
                coarser: source.child("feat_refine")?.blocks()?,
                fuse: source.block("feat_fuse")?,
            }),
            _ => return Err(source.unknown()),
        };
        let convolutions = ["cv1", "upsample", "cv2", "cv3"]
            .into_iter()
            .map(|name| source.block(name))
            .collect::<Result<_, _>>()?;
        let place = source.place.clone();
        Ok(Self { place, refinement, convolutions: Sequential(convolutions) })
    }

    pub fn emit(&self, plan: &mut PlanBuilder, features: &[Value]) -> Result<Value, NetworkError> {
        let [finest, coarser @ ..] = features else {
            return Err(unfit(&self.place, "it has no input"));
        };
        let Some(refinement) = &self.refinement else {
            return self.convolutions.emit(plan, *finest);
        };
        if refinement.coarser.len() != coarser.len() {
            let (want, got) = (refinement.coarser.len() + 1, features.len());
            return Err(unfit(&self.place, format!("takes {want} inputs but gets {got}")));
        }
        let size = [finest.shape.height, finest.shape.width];
        let mut sum = *finest;
        for (block, &feature) in refinement.coarser.iter().zip(coarser) {
            let feature = block.emit(plan, feature)?;
            let feature = plan.resize(feature, size, &self.place)?;
            sum = plan.add(sum, feature, &self.place)?;
        }
        let fused = refinement.fuse.emit(plan, sum)?;
        self.convolutions.emit(plan, fused)
    }
}

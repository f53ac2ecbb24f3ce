//! What the masks of a segmenter are sums of.

use burn::tensor::Tensor;
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};

use crate::network::block::Block;
use crate::network::container::Sequential;
use crate::network::error::NetworkError;
use crate::network::place::Place;
use crate::network::shape::{Shape, unfit};
use crate::network::source::Source;
use crate::network::tally::Tally;

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

    pub fn shape(&self, features: &[Shape], tally: &mut Tally) -> Result<Shape, NetworkError> {
        let [finest, coarser @ ..] = features else {
            return Err(unfit(&self.place, "it has no input"));
        };
        let Some(refinement) = &self.refinement else {
            return self.convolutions.shape(*finest, tally);
        };
        if refinement.coarser.len() != coarser.len() {
            let (want, got) = (refinement.coarser.len() + 1, features.len());
            return Err(unfit(&self.place, format!("takes {want} inputs but gets {got}")));
        }
        for (block, &feature) in refinement.coarser.iter().zip(coarser) {
            block.shape(feature, tally)?.expect_channels(finest.channels, &self.place)?;
        }
        self.convolutions.shape(refinement.fuse.shape(*finest, tally)?, tally)
    }

    /// # Shapes
    ///
    /// - `features`: at least one, as [`Prototypes::shape`] was asked about
    pub fn run(&self, features: &[Tensor<4>]) -> Tensor<4> {
        let finest = features[0].clone();
        let Some(refinement) = &self.refinement else {
            return self.convolutions.run(finest);
        };
        let [_, _, height, width] = finest.dims();
        let sum = refinement.coarser.iter().zip(&features[1..]).fold(finest, |sum, (block, x)| {
            let options =
                InterpolateOptions::new(InterpolateMode::Nearest).with_output_size([height, width]);
            sum + interpolate(block.run(x.clone()), options)
        });
        self.convolutions.run(refinement.fuse.run(sum))
    }
}

//! The head of a classifier.

use burn::tensor::Tensor;

use super::{Head, Layout, RawOutput};
use crate::network::block::Block;
use crate::network::error::NetworkError;
use crate::network::place::Place;
use crate::network::shape::{Shape, unfit};
use crate::network::source::{Array, Source};
use crate::network::tally::Tally;

/// `Classify`: features averaged over the picture, then a weighted sum for each class.
struct Classify {
    place: Place,
    features: Box<dyn Block>,
    /// `[inputs, classes]`.
    weight: Tensor<2>,
    /// `[1, classes]`.
    bias: Tensor<2>,
    inputs: usize,
    classes: usize,
}

pub(crate) fn classify(source: &Source) -> Result<Box<dyn Head>, NetworkError> {
    let linear = source.child("linear")?;
    if !linear.class().starts_with("torch.nn.modules.") || !linear.class().ends_with(".Linear") {
        return Err(linear.unknown());
    }
    let Some(Array { shape, values }) = linear.parameter("weight")? else {
        return Err(linear.missing("parameter \"weight\""));
    };
    let &[classes, inputs] = shape.as_slice() else {
        let problem = format!("its weight has {} dimensions, not 2", shape.len());
        return Err(unfit(&linear.place, problem));
    };
    if classes == 0 || inputs == 0 {
        return Err(unfit(&linear.place, "its weight is empty"));
    }
    let bias = linear.parameter("bias")?.map_or_else(|| vec![0.0; classes], |array| array.values);
    if bias.len() != classes {
        return Err(unfit(&linear.place, format!("its bias does not have {classes} values")));
    }
    Ok(Box::new(Classify {
        place: source.place.clone(),
        features: source.block("conv")?,
        weight: source.site.tensor(values, [classes, inputs]).transpose(),
        bias: source.site.tensor(bias, [1, classes]),
        inputs,
        classes,
    }))
}

impl Head for Classify {
    fn layout(
        &self,
        features: &[Shape],
        _: usize,
        _: usize,
        tally: &mut Tally,
    ) -> Result<Layout, NetworkError> {
        let &[feature] = features else {
            let got = features.len();
            return Err(unfit(&self.place, format!("takes one input but gets {got}")));
        };
        self.features.shape(feature, tally)?.expect_channels(self.inputs, &self.place)?;
        tally.add(&[self.inputs, self.classes]);
        Ok(Layout::Classes { count: self.classes })
    }

    fn run(&self, features: Vec<Tensor<4>>) -> RawOutput {
        let feature = features.into_iter().next().expect("the layout was asked with one feature");
        let feature = self.features.run(feature);
        let average = feature.flatten::<3>(2, 3).mean_dim(2).flatten::<2>(1, 2);
        RawOutput::Classes(average.matmul(self.weight.clone()) + self.bias.clone())
    }
}

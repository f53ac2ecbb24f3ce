//! The head of a classifier.

use super::Head;
use crate::network::block::Block;
use crate::network::error::NetworkError;
use crate::network::place::Place;
use crate::network::plan::{Output, PlanBuilder, Value};
use crate::network::shape::unfit;
use crate::network::source::{Array, Source};
use crate::network::weights::{Role, Weights, WeightsId};

/// `Classify`: features averaged over the picture, then a weighted sum for each class.
struct Classify {
    place: Place,
    features: Box<dyn Block>,
    weights: WeightsId,
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
    let weights = source.site.keep(Weights {
        role: Role::Linear,
        shape: [classes, inputs, 1, 1],
        values: values.into(),
        bias: Some(bias),
    });
    let (place, features) = (source.place.clone(), source.block("conv")?);
    Ok(Box::new(Classify { place, features, weights, inputs, classes }))
}

impl Head for Classify {
    fn emit(&self, plan: &mut PlanBuilder, features: &[Value]) -> Result<Output, NetworkError> {
        let &[feature] = features else {
            let got = features.len();
            return Err(unfit(&self.place, format!("takes one input but gets {got}")));
        };
        let feature = self.features.emit(plan, feature)?;
        let average = plan.mean(feature);
        let channels = [self.inputs, self.classes];
        Ok(Output::Classes(plan.linear(average, self.weights, channels, &self.place)?))
    }
}

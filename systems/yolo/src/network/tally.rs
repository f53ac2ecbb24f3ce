//! What a network costs.

/// Counts what a network computes while its shapes are worked out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Multiplications, each with an addition, of convolutions and matrices for one picture.
    pub multiplications: u64,
}

impl Tally {
    /// Counts the product of `factors`.
    pub fn add(&mut self, factors: &[usize]) {
        let product =
            factors.iter().fold(1_u64, |product, &factor| product.saturating_mul(factor as u64));
        self.multiplications = self.multiplications.saturating_add(product);
    }
}

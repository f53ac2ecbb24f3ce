//! Who belongs to whom, so that the sum of all costs is least.

/// A cost that nothing pays while there is another way.
const FORBIDDEN: f64 = 1e6;

/// Gives as many rows as it can a column, no column twice, at the least cost in all. A pair without a
/// cost is none.
///
/// This is the Hungarian method by shortest augmenting paths, as Jonker and Volgenant describe it ("A
/// shortest augmenting path algorithm for dense and sparse linear assignment problems", 1987). Equal
/// costs always give the same pairs.
pub fn assign(
    rows: usize,
    columns: usize,
    cost: impl Fn(usize, usize) -> Option<f64>,
) -> Vec<(usize, usize)> {
    let price = |row: usize, column: usize| cost(row, column).unwrap_or(FORBIDDEN);
    let mut pairs = if rows <= columns {
        cheapest(rows, columns, price)
    } else {
        let turned = cheapest(columns, rows, |column, row| price(row, column));
        turned.into_iter().map(|(column, row)| (row, column)).collect()
    };
    pairs.retain(|(row, column)| cost(*row, *column).is_some());
    pairs.sort_unstable();
    pairs
}

/// A column for every row; there are at least as many columns.
fn cheapest(
    rows: usize,
    columns: usize,
    price: impl Fn(usize, usize) -> f64,
) -> Vec<(usize, usize)> {
    // Rows and columns count from one here: column zero stands for the row that looks for a place.
    let (mut row_potential, mut potential) = (vec![0.0; rows + 1], vec![0.0; columns + 1]);
    let mut row_of = vec![0; columns + 1];
    for row in 1..=rows {
        row_of[0] = row;
        let mut from = vec![0; columns + 1];
        let mut least = vec![f64::INFINITY; columns + 1];
        let mut reached = vec![false; columns + 1];
        let mut column = 0;
        while row_of[column] != 0 {
            reached[column] = true;
            let row = row_of[column];
            let mut step = f64::INFINITY;
            let mut next = 0;
            for other in 1..=columns {
                if reached[other] {
                    continue;
                }
                let reduced = price(row - 1, other - 1) - row_potential[row] - potential[other];
                if reduced < least[other] {
                    least[other] = reduced;
                    from[other] = column;
                }
                if least[other] < step {
                    step = least[other];
                    next = other;
                }
            }
            for other in 0..=columns {
                if reached[other] {
                    row_potential[row_of[other]] += step;
                    potential[other] -= step;
                } else {
                    least[other] -= step;
                }
            }
            column = next;
        }
        // The path is walked back; each row on it moves to the next column.
        while column != 0 {
            row_of[column] = row_of[from[column]];
            column = from[column];
        }
    }
    (1..=columns)
        .filter(|column| row_of[*column] != 0)
        .map(|column| (row_of[column] - 1, column - 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(costs: &[&[f64]], most: f64) -> Vec<(usize, usize)> {
        let columns = costs.first().map_or(0, |row| row.len());
        let cost =
            |row: usize, column: usize| Some(costs[row][column]).filter(|cost| *cost <= most);
        assign(costs.len(), columns, cost)
    }

    #[test]
    fn the_sum_is_least_though_a_pair_is_not() {
        // The cheapest pair of all (0, 0) would leave 1 with 0.9.
        assert_eq!(pairs(&[&[0.1, 0.2], &[0.2, 0.9]], 1.0), [(0, 1), (1, 0)]);
    }

    #[test]
    fn what_costs_too_much_stays_apart() {
        assert_eq!(pairs(&[&[0.1, 0.2], &[0.2, 0.9]], 0.15), [(0, 0)]);
        assert_eq!(pairs(&[&[0.5]], 0.4), []);
    }

    #[test]
    fn there_may_be_more_of_either() {
        assert_eq!(pairs(&[&[0.3, 0.1, 0.2]], 1.0), [(0, 1)]);
        assert_eq!(pairs(&[&[0.3], &[0.1], &[0.2]], 1.0), [(1, 0)]);
        assert_eq!(pairs(&[], 1.0), []);
        assert_eq!(pairs(&[&[], &[]], 1.0), []);
    }

    /// Every way to pair three with four, tried out.
    #[test]
    fn no_other_way_is_cheaper() {
        let mut seed = 7_u64;
        for _ in 0..200 {
            let costs: Vec<Vec<f64>> = (0..3)
                .map(|_| {
                    let mut next = || {
                        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        (seed >> 40) as f64 / f64::from(1 << 24)
                    };
                    (0..4).map(|_| next()).collect()
                })
                .collect();
            let rows: Vec<&[f64]> = costs.iter().map(Vec::as_slice).collect();
            let found: f64 =
                pairs(&rows, 1.0).iter().map(|&(row, column)| costs[row][column]).sum();
            let mut best = f64::INFINITY;
            for (a, b, c) in (0..64).map(|way| (way / 16, way / 4 % 4, way % 4)) {
                if a != b && b != c && a != c {
                    best = best.min(costs[0][a] + costs[1][b] + costs[2][c]);
                }
            }
            assert!((found - best).abs() < 1e-12, "{found} {best}");
        }
    }
}

//! Ratios of two things measured side by side: interleaved A B B A …, so that what drifts, drifts for both.

use std::time::Instant;

/// A median ratio with its spread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ratio {
    /// Median over the pairs.
    pub(crate) median: f64,
    /// Least ratio of a pair.
    pub(crate) low: f64,
    /// Greatest ratio of a pair.
    pub(crate) high: f64,
    /// Median nanoseconds of one operation of A and of B.
    pub(crate) nanos: (f64, f64),
}

/// Runs `a` and `b`, each of which does `operations` operations, `pairs` times each in the order A B B A, after one
/// warm-up of each, and gives the ratio A to B.
pub(crate) fn measure(pairs: usize, operations: u64, mut a: impl FnMut(), mut b: impl FnMut()) -> Ratio {
    a();
    b();
    let time = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed().as_nanos() as f64 / operations as f64
    };
    let taken: Vec<(f64, f64)> = (0..pairs)
        .map(|pair| {
            if pair % 2 == 0 {
                let a = time(&mut a);
                (a, time(&mut b))
            } else {
                let b = time(&mut b);
                (time(&mut a), b)
            }
        })
        .collect();
    of_pairs(&taken)
}

/// The ratio of pairs that were measured elsewhere.
pub(crate) fn of_pairs(taken: &[(f64, f64)]) -> Ratio {
    let mut ratios: Vec<f64> = taken.iter().map(|(a, b)| a / b).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    Ratio {
        median: median(ratios.clone()),
        low: ratios.first().copied().unwrap_or(f64::NAN),
        high: ratios.last().copied().unwrap_or(f64::NAN),
        nanos: (
            median(taken.iter().map(|pair| pair.0).collect()),
            median(taken.iter().map(|pair| pair.1).collect()),
        ),
    }
}

/// The median of `values`.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => values[len / 2],
        len => (values[len / 2 - 1] + values[len / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_of_the_pairs_ratios() {
        let ratio = of_pairs(&[(2.0, 1.0), (9.0, 3.0), (8.0, 2.0)]);
        assert!(
            (ratio.median - 3.0).abs() < 1e-9
                && (ratio.low - 2.0).abs() < 1e-9
                && (ratio.high - 4.0).abs() < 1e-9
        );
        assert!((median(vec![4.0, 1.0]) - 2.5).abs() < 1e-9);
    }
}

//! When requests are due and what they ask for, from a seed: the same seed gives the same schedule, whatever the target.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Exp1, Zipf};
use serde::Deserialize;

use crate::customers;

/// How the customers are chosen that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Choice {
    /// Which customers are asked for how often.
    pub(crate) spread: Spread,
    /// Exponent of the Zipf distribution, above 0 and at most 5: 1 asks for the second customer half as often as for the
    /// first.
    pub(crate) exponent: f64,
    /// Requests for numbers that nobody has, in percent: 0 to 100.
    pub(crate) misses_percent: f64,
}

/// Which customers are asked for how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Spread {
    /// All alike.
    Uniform,
    /// A few very often, by Zipf's law.
    Zipf,
}

impl Default for Choice {
    fn default() -> Choice {
        Choice {
            spread: Spread::Uniform,
            exponent: 1.0,
            misses_percent: 0.0,
        }
    }
}

/// What is asked for: a customer by number, or a number that nobody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// Which customer, or which of the numbers that nobody has.
    pub(crate) nth: u64,
    /// Whether a customer has it.
    pub(crate) is_hit: bool,
}

impl Key {
    /// The number, as digits of E.164.
    pub(crate) fn number(self) -> u64 {
        if self.is_hit {
            customers::number(self.nth)
        } else {
            customers::absent(self.nth)
        }
    }
}

/// A request that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Nanoseconds from the beginning of the phase.
    pub(crate) at_ns: u64,
    /// What is asked for.
    pub(crate) key: Key,
}

/// Keys without end, from a seed. Nothing is allocated by the next one.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    random: StdRng,
    customers: u64,
    choice: Choice,
    zipf: Option<Zipf<f64>>,
}

/// A prime beyond the customers there are, so that the ranks of Zipf's law are strewn over all of them.
const STREW: u64 = 2_654_435_761;

impl Keys {
    /// Keys of `customers` customers, at least 1, as `choice` says, which was checked.
    pub(crate) fn new(seed: u64, customers: u64, choice: Choice) -> Keys {
        let zipf = match choice.spread {
            Spread::Uniform => None,
            Spread::Zipf => Zipf::new(customers as f64, choice.exponent).ok(),
        };
        Keys {
            random: StdRng::seed_from_u64(seed ^ 0x6b65_7973),
            customers,
            choice,
            zipf,
        }
    }

    /// The next one.
    pub(crate) fn draw(&mut self) -> Key {
        let is_hit = self.choice.misses_percent <= 0.0
            || self.random.random_range(0.0..100.0) >= self.choice.misses_percent;
        let nth = match &self.zipf {
            None => self.random.random_range(0..self.customers),
            Some(zipf) => {
                let rank = zipf.sample(&mut self.random) as u64 - 1;
                rank.wrapping_mul(STREW) % self.customers
            }
        };
        Key { nth, is_hit }
    }
}

/// The arrivals of one phase: a Poisson process, so that requests come as those of callers do, who know nothing of each
/// other. Nothing is allocated by the next one.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    random: StdRng,
    keys: Keys,
    mean_gap_ns: f64,
    end_ns: u64,
    at_ns: f64,
}

impl Schedule {
    /// `rate` requests a second, above 0, for `length_ns`.
    pub(crate) fn new(seed: u64, rate: f64, length_ns: u64, keys: Keys) -> Schedule {
        Schedule {
            random: StdRng::seed_from_u64(seed),
            keys,
            mean_gap_ns: 1e9 / rate,
            end_ns: length_ns,
            at_ns: 0.0,
        }
    }
}

impl Iterator for Schedule {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let gap: f64 = Exp1.sample(&mut self.random);
        self.at_ns += gap * self.mean_gap_ns;
        let at_ns = self.at_ns as u64;
        (at_ns < self.end_ns).then(|| Arrival {
            at_ns,
            key: self.keys.draw(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn keys(seed: u64, choice: Choice) -> Keys {
        Keys::new(seed, 1000, choice)
    }

    proptest! {
        #[test]
        fn the_same_seed_gives_the_same_schedule_and_another_one_another(seed: u64, rate in 100.0..10_000.0_f64) {
            let schedule = |seed| -> Vec<Arrival> {
                Schedule::new(seed, rate, SECOND, keys(seed, Choice::default())).collect()
            };
            prop_assert_eq!(schedule(seed), schedule(seed));
            prop_assert_ne!(schedule(seed), schedule(seed.wrapping_add(1)));
        }

        #[test]
        fn arrivals_are_in_order_and_as_many_as_the_rate_says(seed: u64, rate in 1000.0..50_000.0_f64) {
            let taken: Vec<Arrival> = Schedule::new(seed, rate, SECOND, keys(seed, Choice::default())).collect();
            prop_assert!(taken.windows(2).all(|two| two[0].at_ns <= two[1].at_ns));
            prop_assert!(taken.iter().all(|arrival| arrival.at_ns < SECOND && arrival.key.nth < 1000));
            // The number of arrivals has a standard deviation of its mean's root.
            prop_assert!((taken.len() as f64 - rate).abs() < 6.0 * rate.sqrt(), "{} at {}", taken.len(), rate);
        }

        #[test]
        fn gaps_are_exponential(seed: u64) {
            let rate = 20_000.0;
            let taken: Vec<Arrival> = Schedule::new(seed, rate, SECOND, keys(seed, Choice::default())).collect();
            let longer = taken.windows(2).filter(|two| (two[1].at_ns - two[0].at_ns) as f64 > 1e9 / rate).count();
            // Of an exponential distribution 1 in e is above the mean.
            prop_assert!((longer as f64 / taken.len() as f64 - 0.368).abs() < 0.025);
        }

        #[test]
        fn misses_are_the_share_that_was_asked_for(seed: u64, misses_percent in 0.0..100.0_f64) {
            let mut keys = keys(seed, Choice { misses_percent, ..Choice::default() });
            let misses = (0..10_000).filter(|_| !keys.draw().is_hit).count();
            prop_assert!((misses as f64 / 100.0 - misses_percent).abs() < 3.0, "{misses} for {misses_percent}");
        }
    }

    #[test]
    fn zipf_prefers_few_and_uniform_nobody() {
        let most = |spread| {
            let mut keys = keys(
                7,
                Choice {
                    spread,
                    ..Choice::default()
                },
            );
            let mut times: HashMap<u64, u32> = HashMap::new();
            for _ in 0..20_000 {
                *times.entry(keys.draw().nth).or_default() += 1;
            }
            times.into_values().max().unwrap_or_default()
        };
        // Of 1,000 customers the first has 1 in 7.5 of the requests at an exponent of 1.
        assert!(
            (2_300..3_100).contains(&most(Spread::Zipf)),
            "{}",
            most(Spread::Zipf)
        );
        assert!(most(Spread::Uniform) < 60);
    }
}

//! Chance at the door: how many of those who have not made their handshakes yet may come in.

use std::cell::Cell;

use sockeye_core::limits::Pending;

/// Draws lots, the same ones for the same seed (SplitMix64, Steele et al. 2014).
#[derive(Debug)]
pub(crate) struct Lots(Cell<u64>);

impl Lots {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// Begins anew.
    pub(crate) fn begin_at(&self, seed: u64) {
        self.0.set(seed);
    }

    /// A number from 0 to 99.
    fn draw(&self) -> usize {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % 100).unwrap_or_default()
    }
}

/// Whether one more may come while there are so many: all up to `start`, then ever fewer, and none from `full` on.
pub(crate) fn admits(bound: &Pending, there: usize, lots: &Lots) -> bool {
    if there < bound.start {
        return true;
    }
    if there >= bound.full {
        return false;
    }
    let percent = usize::from(bound.percent);
    let refused = percent + (100 - percent) * (there - bound.start) / (bound.full - bound.start);
    lots.draw() >= refused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_a_thousand(bound: &str, there: usize) -> usize {
        let (bound, lots) = (bound.parse().unwrap(), Lots::new(7));
        (0..1000).filter(|_| admits(&bound, there, &lots)).count()
    }

    #[test]
    fn ever_fewer_come_in_from_start_to_full() {
        assert_eq!(of_a_thousand("10:30:100", 9), 1000);
        let at_start = of_a_thousand("10:30:100", 10);
        assert!((650..750).contains(&at_start), "{at_start}");
        let halfway = of_a_thousand("10:30:100", 55);
        assert!((300..400).contains(&halfway), "{halfway}");
        assert_eq!(of_a_thousand("10:30:100", 100), 0);
        assert_eq!(of_a_thousand("5", 4), 1000);
        assert_eq!(of_a_thousand("5", 5), 0);
        assert_eq!(of_a_thousand("5:100:10", 5), 0);
    }

    #[test]
    fn lots_repeat_with_their_seed() {
        let draws = |seed| {
            let lots = Lots::new(seed);
            (0..20).map(|_| lots.draw()).collect::<Vec<_>>()
        };
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
    }
}

//! Chance at the door: how many of those who have not made their handshakes yet may come in.

use sockeye_core::limits::Pending;

use crate::chance::Chance;

/// Draws lots, the same ones for the same seed.
#[derive(Debug)]
pub(crate) struct Lots(Chance);

impl Lots {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(Chance::new(seed))
    }

    /// Begins anew.
    pub(crate) fn begin_at(&mut self, seed: u64) {
        self.0 = Chance::new(seed);
    }

    /// A number from 0 to 99.
    fn draw(&mut self) -> usize {
        usize::try_from(self.0.bits() % 100).unwrap_or_default()
    }
}

/// Whether one more may come while there are so many: all up to `start`, then ever fewer, and none from `full` on.
pub(crate) fn admits(bound: &Pending, there: usize, lots: &mut Lots) -> bool {
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
        let (bound, mut lots) = (bound.parse().unwrap(), Lots::new(7));
        (0..1000).filter(|_| admits(&bound, there, &mut lots)).count()
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
            let mut lots = Lots::new(seed);
            (0..20).map(|_| lots.draw()).collect::<Vec<_>>()
        };
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
    }
}

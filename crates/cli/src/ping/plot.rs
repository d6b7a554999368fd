//! Round trips over time as one line of blocks: each column the longest of its probes, `×` where one was lost.

use std::time::Duration;

/// Columns of the line.
pub(super) const WIDTH: usize = 60;

/// Probes that a plot has at the most: later ones are not drawn.
const MOST: usize = 1_000_000;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What became of each probe, in order.
#[derive(Debug, Default)]
pub(super) struct Plot {
    probes: Vec<Fate>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    /// Nothing is known of it yet.
    #[default]
    Open,
    Missed,
    Answered(Duration),
}

/// A line to show.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    /// The columns.
    pub(super) line: String,
    /// How many probes share one.
    pub(super) each: usize,
}

impl Plot {
    /// A probe was answered; the first answer counts.
    pub(super) fn answered(&mut self, number: u64, trip: Duration) {
        if let Some(fate) = self.fate(number)
            && !matches!(fate, Fate::Answered(_))
        {
            *fate = Fate::Answered(trip);
        }
    }

    /// A probe was given up.
    pub(super) fn missed(&mut self, number: u64) {
        if let Some(fate) = self.fate(number)
            && *fate == Fate::Open
        {
            *fate = Fate::Missed;
        }
    }

    fn fate(&mut self, number: u64) -> Option<&mut Fate> {
        let at = usize::try_from(number.checked_sub(1)?).ok().filter(|at| *at < MOST)?;
        if at >= self.probes.len() {
            self.probes.resize(at + 1, Fate::Open);
        }
        self.probes.get_mut(at)
    }

    /// The line, between the shortest and the longest round trip; `None` for fewer than two answers.
    pub(super) fn drawn(&self, min: Duration, max: Duration) -> Option<Drawn> {
        let answers = self.probes.iter().filter(|fate| matches!(fate, Fate::Answered(_))).count();
        if answers < 2 {
            return None;
        }
        let each = self.probes.len().div_ceil(WIDTH).max(1);
        let line = self.probes.chunks(each).map(|probes| column(probes, min, max)).collect();
        Some(Drawn { line, each })
    }
}

/// The character of some probes.
fn column(probes: &[Fate], min: Duration, max: Duration) -> char {
    if probes.contains(&Fate::Missed) {
        return '×';
    }
    let longest = probes.iter().filter_map(|fate| match fate {
        Fate::Answered(trip) => Some(*trip),
        Fate::Open | Fate::Missed => None,
    });
    let Some(longest) = longest.max() else { return ' ' };
    let (above, range) = (longest.saturating_sub(min).as_nanos(), max.saturating_sub(min).as_nanos());
    // Without a range all are as short as the shortest.
    let step = (above * 8).checked_div(range).unwrap_or(0).min(7);
    usize::try_from(step).ok().and_then(|step| BLOCKS.get(step)).copied().unwrap_or(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn each_probe_has_its_column_while_there_is_room() {
        let mut plot = Plot::default();
        plot.answered(1, ms(1));
        assert_eq!(plot.drawn(ms(1), ms(1)), None);
        plot.missed(2);
        plot.answered(4, ms(9));
        plot.answered(3, ms(5));
        plot.missed(4);
        plot.answered(4, ms(1));
        plot.answered(0, ms(1));
        let drawn = plot.drawn(ms(1), ms(9)).unwrap();
        assert_eq!((drawn.line.as_str(), drawn.each), ("▁×▅█", 1));
        assert_eq!(plot.drawn(ms(1), ms(1)).unwrap().line, "▁×▁▁");
    }

    #[test]
    fn many_probes_share_columns() {
        let mut plot = Plot::default();
        for number in 1..=121 {
            plot.answered(number, ms(number));
        }
        plot.missed(125);
        let drawn = plot.drawn(ms(1), ms(121)).unwrap();
        assert_eq!((drawn.each, drawn.line.chars().count()), (3, 42));
        assert!(drawn.line.starts_with('▁') && drawn.line.ends_with("█×"), "{}", drawn.line);
        plot.answered(u64::MAX, ms(1));
        assert_eq!(plot.probes.len(), 125);
    }
}

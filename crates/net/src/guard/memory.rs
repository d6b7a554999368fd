//! What is remembered of sources, within a bound: two generations, of which the older is forgotten when the younger is
//! full. No flood makes it grow or makes a look-up slow; at worst it makes the guard forget, and so forgive, others.

use std::collections::HashMap;

use crate::guard::source::Source;

/// Something remembered for each of the last sources; at least `each` of them, at most twice as many.
#[derive(Debug)]
pub(crate) struct Memory<T> {
    each: usize,
    young: HashMap<Source, T>,
    old: HashMap<Source, T>,
}

impl<T: Copy + Default> Memory<T> {
    pub(crate) fn new(each: usize) -> Self {
        Self { each, young: HashMap::new(), old: HashMap::new() }
    }

    /// What is known; the default of a stranger.
    pub(crate) fn get(&self, source: Source) -> T {
        self.young.get(&source).or_else(|| self.old.get(&source)).copied().unwrap_or_default()
    }

    /// Remembers.
    pub(crate) fn set(&mut self, source: Source, value: T) {
        if self.young.len() >= self.each && !self.young.contains_key(&source) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(source, value);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye_core::Address;
    use std::net::{Ipv4Addr, SocketAddr};

    fn source(number: u32) -> Source {
        Source::of(&Address::Ip(SocketAddr::from((Ipv4Addr::from(number), 1)))).unwrap()
    }

    #[test]
    fn the_last_are_remembered_and_a_flood_does_not_make_it_grow() {
        let mut memory = Memory::new(100);
        for number in 0..10_000 {
            memory.set(source(number), number);
            assert!(memory.len() <= 200);
        }
        for number in 9_900..10_000 {
            assert_eq!(memory.get(source(number)), number);
        }
        assert_eq!(memory.get(source(1)), 0);
    }

    #[test]
    fn what_is_set_again_has_its_last_value() {
        let mut memory = Memory::new(2);
        memory.set(source(1), 1);
        for number in 2..4 {
            memory.set(source(number), number);
        }
        memory.set(source(1), 5);
        assert_eq!(memory.get(source(1)), 5);
    }
}

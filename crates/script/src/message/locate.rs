//! Where in a JSON text the value at a path stands, for people: serde_json says what a text means, and not where. The
//! text is known to be JSON.

use std::ops::Range;

use super::json::Hop;

/// The bytes of the value at `path`; of names that are given twice, the last counts.
pub(super) fn value(text: &[u8], path: &[Hop]) -> Option<Range<usize>> {
    let mut at = blank(text, 0);
    for hop in path {
        at = match hop {
            Hop::Member(name) => member(text, at, name)?,
            Hop::Item(number) => item(text, at, *number)?,
        };
    }
    Some(at..end(text, at))
}

/// Where the value of a member of the object at `at` begins.
fn member(text: &[u8], at: usize, wanted: &str) -> Option<usize> {
    let mut at = open(text, at, b'{')?;
    let mut found = None;
    while text.get(at) == Some(&b'"') {
        let behind = end(text, at);
        let name: String = serde_json::from_slice(&text[at..behind]).ok()?;
        let value = blank(text, blank(text, behind) + 1);
        if name == wanted {
            found = Some(value);
        }
        at = next(text, value);
    }
    found
}

/// Where an item of the array at `at` begins.
fn item(text: &[u8], at: usize, number: usize) -> Option<usize> {
    let mut at = open(text, at, b'[')?;
    for _ in 0..number {
        if text.get(at) == Some(&b']') {
            return None;
        }
        at = next(text, at);
    }
    text.get(at).filter(|byte| **byte != b']').map(|_| at)
}

fn open(text: &[u8], at: usize, bracket: u8) -> Option<usize> {
    (text.get(at) == Some(&bracket)).then(|| blank(text, at + 1))
}

/// Behind the value at `at` and the comma after it.
fn next(text: &[u8], at: usize) -> usize {
    let at = blank(text, end(text, at));
    if text.get(at) == Some(&b',') { blank(text, at + 1) } else { at }
}

fn blank(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    (at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()).min(text.len())
}

/// Where the value that begins at `at` ends.
fn end(text: &[u8], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = at;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at = string_end(text, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => return if depth == 0 { at } else { at + 1 },
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return at,
            byte if depth == 0 && byte.is_ascii_whitespace() => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

fn string_end(text: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_where_they_stand() {
        let text = br#" {"a": {"b": [1, "x\"]", {"c":true}]}, "d" : 12.5 , "a2":{}, "d":[]}"#;
        let hop = |name: &str| match name.parse() {
            Ok(number) => Hop::Item(number),
            Err(_) => Hop::Member(name.into()),
        };
        for (path, wanted) in [
            (&["a", "b", "0"][..], Some("1")),
            (&["a", "b", "1"], Some(r#""x\"]""#)),
            (&["a", "b", "2", "c"], Some("true")),
            (&["a2"], Some("{}")),
            (&["d"], Some("[]")),
            (&["a", "b", "3"], None),
            (&["d", "0"], None),
            (&["e"], None),
        ] {
            let path: Vec<_> = path.iter().copied().map(hop).collect();
            let found = value(text, &path).map(|range| std::str::from_utf8(&text[range]).unwrap());
            assert_eq!(found, wanted, "{path:?}");
        }
    }
}

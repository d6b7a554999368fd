//! `list`: the registries as text.

use sockeye::core::Fault;
use sockeye::list::{Row, Topic, class, rows};

use crate::exit;
use crate::grammar::verbs;
use crate::words::Words;

/// Where sentences begin, in columns; below what is longer.
const COLUMN: usize = 20;

/// The text of a topic; without one, the topics.
pub(crate) fn text(words: &Words, topic: Option<&str>) -> Result<String, Fault> {
    let mut text = String::new();
    let Some(topic) = topic else {
        for (name, _) in Topic::ALL {
            line(&mut text, name, &words.plain(&format!("topic-{name}")));
        }
        return Ok(text);
    };
    for row in all(Topic::parse(topic)?) {
        let sentence = sentence(words, &row);
        line(&mut text, &row.name, &sentence);
        for example in &row.examples {
            text.push_str("    ");
            text.push_str(example);
            text.push('\n');
        }
    }
    Ok(text)
}

fn all(topic: Topic) -> Vec<Row> {
    if topic != Topic::Verbs {
        return rows(topic);
    }
    let rows = verbs::every().into_iter().map(|(path, verb)| Row {
        key: verbs::key(&path),
        name: path,
        examples: verb.examples.iter().map(|example| (*example).to_owned()).collect(),
    });
    rows.collect()
}

/// A row's sentence. A code has the exit code it leads to: its own sentence needs what happened.
fn sentence(words: &Words, row: &Row) -> String {
    match (class(&row.name), row.key.as_str()) {
        (_, "") => String::new(),
        (Some(class), key) if key.starts_with("error-") => exit::of_class(class).to_string(),
        (_, key) => words.plain(key),
    }
}

fn line(text: &mut String, name: &str, sentence: &str) {
    let width = name.chars().count();
    let gap =
        if width + 2 > COLUMN { format!("\n{}", " ".repeat(COLUMN)) } else { " ".repeat(COLUMN - width) };
    let line = format!("{name}{gap}{sentence}");
    text.push_str(line.trim_end());
    text.push('\n');
}

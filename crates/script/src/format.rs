//! The canonical spelling of a conversation file: one space between words, text and hex spelt in one way, what stands
//! between `repeat` and `end` indented. Comments, lines that go on after a backslash and single blank lines are kept.

use std::fmt::{Display, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::Errors;
use crate::syntax::tree::{
    Amount, Arrow, Bound, Gap, Item, Line, Modifier, Node, NodeKind, Op, Piece, Setting, Step, TakeNode,
    Term, Value, WishNode, Word,
};
use crate::syntax::{self, DEEPEST};
use crate::write;

/// Writes a file anew. What it means stays as it is, and what is written is written as it is.
pub fn format(text: &str) -> Result<String, Errors> {
    let lines = syntax::lines(text)?;
    let mut page = Page { out: String::with_capacity(text.len()), depth: 0 };
    let mut is_blank = true;
    for line in &lines {
        let is_empty = matches!(line.item, Item::Blank) && line.comment.is_none();
        if !is_empty {
            page.line(line);
        } else if !is_blank {
            page.out.push('\n');
        }
        is_blank = is_empty;
    }
    if page.out.ends_with("\n\n") {
        page.out.pop();
    }
    Ok(page.out)
}

/// What is written so far.
struct Page {
    out: String,
    /// How many `repeat`s are open.
    depth: usize,
}

impl Page {
    fn line(&mut self, line: &Line) {
        let step = if let Item::Step(step) = &line.item { Some(&step.op) } else { None };
        if matches!(step, Some(Op::End)) {
            self.depth = self.depth.saturating_sub(1);
        }
        self.indent();
        self.item(&line.item);
        if let Some(comment) = &line.comment {
            if !matches!(line.item, Item::Blank) {
                self.out.push(' ');
            }
            self.out.push_str(comment);
        }
        self.out.push('\n');
        if matches!(step, Some(Op::Repeat { .. })) {
            self.depth += 1;
        }
    }

    fn indent(&mut self) {
        // What nests deeper is refused when it is read.
        for _ in 0..self.depth.min(DEEPEST) {
            self.out.push_str("  ");
        }
    }

    fn item(&mut self, item: &Item) {
        match item {
            Item::Blank | Item::Broken => {}
            Item::Setting(setting) => self.setting(setting),
            Item::Peer { name, role, endpoint } => {
                self.put(format_args!("peer {} {} ", name.text, role.text));
                self.word(endpoint);
            }
            Item::Include(path) => {
                self.out.push_str("include ");
                self.quoted(path);
            }
            Item::Step(step) => self.step(step),
        }
    }

    fn setting(&mut self, setting: &Setting) {
        let (key, value) = match setting {
            Setting::Frame(value) => ("frame", value),
            Setting::Enc(value) => ("enc", value),
            Setting::Timeout(value) => ("timeout", value),
            Setting::Settle(value) => ("settle", value),
            Setting::Seed(value) => ("seed", value),
            Setting::Var(name, value) => {
                self.put(format_args!("@var {}", name.text));
                match value {
                    Value::Data(nodes) => self.nodes(nodes),
                    Value::Bare(word) => {
                        self.out.push(' ');
                        self.word(word);
                    }
                }
                return;
            }
            Setting::Ignore(peer, nodes) => {
                self.out.push_str("@ignore");
                if let Some(peer) = peer {
                    self.put(format_args!(" {}", peer.text));
                }
                return self.nodes(nodes);
            }
        };
        self.put(format_args!("@{key} "));
        self.word(value);
    }

    fn step(&mut self, step: &Step) {
        if let Some(peer) = &step.peer {
            self.put(format_args!("{} ", peer.text));
        }
        match &step.op {
            Op::Send(nodes) => {
                self.out.push('>');
                self.nodes(nodes);
            }
            Op::Match(arrow, nodes) => {
                self.out.push_str(match arrow {
                    Arrow::Expect => "<",
                    Arrow::Skip => "<~",
                    Arrow::Maybe => "<?",
                    Arrow::Never => "<never",
                });
                self.nodes(nodes);
            }
            Op::Eof => self.out.push_str("<eof"),
            Op::Reset => self.out.push_str("<reset"),
            Op::Connect => self.out.push_str("connect"),
            Op::Close => self.out.push_str("close"),
            Op::Fin => self.out.push_str("fin"),
            Op::Abort => self.out.push_str("reset"),
            Op::End => self.out.push_str("end"),
            Op::StartTls(parameters) => {
                self.out.push_str("starttls");
                for parameter in parameters {
                    self.out.push(' ');
                    self.word(parameter);
                }
            }
            Op::Sleep(duration) => {
                self.out.push_str("sleep ");
                self.word(duration);
            }
            Op::Repeat { times, every } => {
                self.put(format_args!("repeat {}", times.text));
                if let Some(every) = every {
                    self.out.push_str(" every ");
                    self.word(every);
                }
            }
        }
        for modifier in &step.modifiers {
            self.modifier(modifier);
        }
    }

    fn modifier(&mut self, modifier: &Modifier) {
        let (name, word) = match modifier {
            Modifier::Within(word) => ("within", word),
            Modifier::After(word) => ("after", word),
            Modifier::As(word) => ("as", word),
            Modifier::Like(_, nodes) => {
                self.out.push_str(" like");
                return self.nodes(nodes);
            }
        };
        self.put(format_args!(" {name} "));
        self.word(word);
    }

    fn put(&mut self, words: impl Display) {
        // Writing to a String cannot fail.
        let _ = write!(self.out, "{words}");
    }

    /// A space, or the break that was there.
    fn gap(&mut self, gap: Gap) {
        if gap == Gap::Break {
            self.out.push_str(" \\\n    ");
            self.indent();
        } else {
            self.out.push(' ');
        }
    }

    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            self.gap(node.gap);
            self.node(&node.kind);
        }
    }

    fn node(&mut self, kind: &NodeKind) {
        match kind {
            NodeKind::Text(pieces) => self.text(pieces),
            NodeKind::Hex(groups, _) => match &groups[..] {
                [group] => self.put(format_args!("hex:{group}")),
                groups => self.put(format_args!("hex:\"{}\"", groups.join(" "))),
            },
            NodeKind::Base64(bytes) if bytes.is_empty() => self.out.push_str("b64:\"\""),
            NodeKind::Base64(bytes) => self.put(format_args!("b64:{}", STANDARD.encode(bytes))),
            NodeKind::File(path) => {
                self.out.push_str("file:");
                self.quoted(path);
            }
            NodeKind::Variable(name) => self.put(format_args!("{{{{{}}}}}", name.text)),
            NodeKind::Number(kind, amount) => {
                self.put(format_args!("{kind}("));
                self.amount(amount);
                self.out.push(')');
            }
            NodeKind::Sum(sum, None) => self.put(sum),
            NodeKind::Sum(sum, Some(group)) => self.put(format_args!("{sum}({})", group.text)),
            NodeKind::Group(name, nodes) => {
                self.put(format_args!("{}=(", name.text));
                self.nodes(nodes);
                self.out.push_str(if nodes.is_empty() { ")" } else { " )" });
            }
            NodeKind::Wild => self.out.push_str("??"),
            NodeKind::Any(None) => self.out.push_str("any"),
            NodeKind::Any(Some(count)) => self.put(format_args!("any({})", count.text)),
            NodeKind::Regex { source, flags } => self.put(format_args!("/{source}/{flags}")),
            NodeKind::Take(name, take) => self.take(name, take),
            NodeKind::Json(clauses) => {
                self.out.push_str("json(");
                for (number, clause) in clauses.iter().enumerate() {
                    if number > 0 {
                        self.out.push(',');
                    }
                    if number > 0 || clause.gap == Gap::Break {
                        self.gap(clause.gap);
                    }
                    self.put(&clause.path);
                    match &clause.wish {
                        WishNode::There => {}
                        WishNode::Is(json) => self.put(format_args!(" == {}", json.text)),
                        WishNode::Variable(name) => self.put(format_args!(" == {{{{{}}}}}", name.text)),
                        WishNode::Take(name) => self.put(format_args!(" as {}", name.text)),
                    }
                }
                self.out.push(')');
            }
        }
    }

    fn take(&mut self, name: &Word, take: &TakeNode) {
        self.put(format_args!("{}:", name.text));
        match take {
            TakeNode::Text => self.out.push_str("text"),
            TakeNode::Bytes(None) => self.out.push_str("bytes"),
            TakeNode::Bytes(Some(count)) => {
                self.out.push_str("bytes(");
                self.amount(count);
                self.out.push(')');
            }
            TakeNode::Number(kind, Bound::None) => self.put(kind),
            TakeNode::Number(kind, Bound::Is(value)) => {
                self.put(format_args!("{kind}("));
                self.amount(value);
                self.out.push(')');
            }
            TakeNode::Number(kind, Bound::Between(low, high)) => {
                self.put(format_args!("{kind}({}..{})", low.text, high.text));
            }
        }
    }

    fn amount(&mut self, amount: &Amount) {
        match &amount.base {
            Term::Number(number) => self.out.push_str(&number.text),
            Term::Variable(name) => self.put(format_args!("{{{{{}}}}}", name.text)),
            Term::Rest => self.out.push_str("len"),
            Term::Group(group) => self.put(format_args!("len({})", group.text)),
        }
        if amount.plus != 0 {
            let sign = if amount.plus < 0 { '-' } else { '+' };
            self.put(format_args!(" {sign} {}", amount.plus.unsigned_abs()));
        }
    }

    fn text(&mut self, pieces: &[Piece]) {
        self.out.push('"');
        for (number, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Byte(byte) => write::byte(*byte, &mut self.out),
                Piece::Variable(name) => self.put(format_args!("{{{{{}}}}}", name.text)),
                Piece::Text(text) => {
                    let is_before_brace = matches!(pieces.get(number + 1), Some(Piece::Variable(_)));
                    match text.strip_suffix('{') {
                        Some(rest) if is_before_brace => {
                            // Not `{{` and a brace: the one before a variable is escaped.
                            write::text(rest, &mut self.out);
                            if rest.ends_with('{') {
                                self.out.pop();
                                write::brace(&mut self.out);
                            }
                            write::brace(&mut self.out);
                        }
                        _ => write::text(text, &mut self.out),
                    }
                }
            }
        }
        self.out.push('"');
    }

    /// A word, quoted where it could not stand without.
    fn word(&mut self, word: &Word) {
        let is_plain = !word.text.is_empty()
            && !word.text.starts_with(['"', '#', '\\'])
            && !word.text.contains([' ', '\t', '\n', '\r']);
        if is_plain { self.out.push_str(&word.text) } else { self.quoted(word) }
    }

    /// A word in quotation marks; what looks like a variable in it stays one.
    fn quoted(&mut self, word: &Word) {
        self.out.push('"');
        let mut rest = &*word.text;
        while let Some((before, after)) = rest.split_once("{{") {
            let name =
                after.split_once("}}").map(|(name, _)| name).filter(|name| syntax::is_variable_name(name));
            let Some(name) = name.filter(|_| !before.ends_with('{')) else { break };
            write::text(before, &mut self.out);
            self.put(format_args!("{{{{{name}}}}}"));
            rest = &after[name.len() + 2..];
        }
        write::text(rest, &mut self.out);
        self.out.push('"');
    }
}

//! Settings and peers: what holds for all of a conversation, and who takes part. Steps follow in `steps`.

use std::collections::{BTreeSet, HashMap};

use sockeye_core::{Endpoint, Framing, quantity};
use sockeye_wire::Charset;

use super::cursor::{is_variable_name, near};
use super::gather::Gathered;
use super::message::Library;
use super::tree::{Item, Setting, Value, Word};
use super::{Loader, MOST_PEERS};
use crate::error::{Noun, What};
use crate::message::Span;
use crate::program::{Cast, Place, Program, Role, Settings};
use crate::vars::Vars;

/// What is known while a conversation is read.
pub(super) struct Reader<'a, 'l> {
    pub(super) gathered: &'a mut Gathered,
    pub(super) loader: &'a mut Loader<'l>,
    pub(super) library: Library,
    pub(super) given: &'a Vars,
    pub(super) program: Program,
    /// Of each peer, how its text is written.
    pub(super) charsets: Vec<Charset>,
    pub(super) names: HashMap<Box<str>, u16>,
    /// Variables that have a value: set, told by listeners, captured so far.
    pub(super) set: BTreeSet<Box<str>>,
    /// Where settings that stand once were given.
    first: HashMap<Box<str>, Place>,
}

pub(super) fn cast(gathered: &mut Gathered, given: &Vars, loader: &mut Loader<'_>) -> Program {
    let lines = std::mem::take(&mut gathered.lines);
    let mut reader = Reader {
        gathered,
        loader,
        library: Library::default(),
        given,
        program: Program::default(),
        charsets: Vec::new(),
        names: HashMap::new(),
        set: given.iter().map(|(name, _)| name.into()).collect(),
        first: HashMap::new(),
    };
    // The charset comes first: values of variables are written in it.
    for (source, line) in &lines {
        if let Item::Setting(setting) = &line.item
            && !matches!(setting, Setting::Var(..) | Setting::Ignore(..))
        {
            reader.setting(*source, line.span, setting);
        }
    }
    for (source, line) in &lines {
        match &line.item {
            Item::Setting(Setting::Var(name, value)) => reader.var(*source, name, value),
            Item::Peer { name, role, endpoint } => reader.peer(*source, line.span, name, role, endpoint),
            _ => {}
        }
    }
    reader.implied(&lines);
    reader.charsets = (0..reader.program.peers.len()).map(|peer| reader.charset(peer)).collect();
    reader.steps(&lines);
    for (source, line) in &lines {
        match &line.item {
            Item::Setting(Setting::Ignore(peer, nodes)) => reader.ignore(*source, peer.as_ref(), nodes),
            Item::Peer { endpoint, .. } => reader.endpoint(*source, endpoint),
            _ => {}
        }
    }
    reader.program
}

impl Reader<'_, '_> {
    pub(super) fn error(&mut self, source: u16, span: Span, what: What) {
        self.gathered.error(source, span, what);
    }

    /// What stands once is given; `true` if it is the first time.
    fn once(&mut self, source: u16, span: Span, noun: Noun, word: &str) -> bool {
        let key: Box<str> = format!("{} {word}", noun.word()).into();
        let place = Place { source, start: span.start, end: span.end };
        let Some(first) = self.first.get(&key).copied() else {
            self.first.insert(key, place);
            return true;
        };
        self.error(source, span, What::Duplicate { noun, word: word.into(), first });
        false
    }

    fn setting(&mut self, source: u16, span: Span, setting: &Setting) {
        let (key, value) = match setting {
            Setting::Frame(value) => ("frame", value),
            Setting::Enc(value) => ("enc", value),
            Setting::Timeout(value) => ("timeout", value),
            Setting::Settle(value) => ("settle", value),
            Setting::Seed(value) => ("seed", value),
            Setting::Var(..) | Setting::Ignore(..) => return,
        };
        if !self.once(source, span, Noun::Setting, key) {
            return;
        }
        let Settings { frame, charset, timeout, settle, seed, .. } = &mut self.program.settings;
        let read = match key {
            "frame" => Framing::parse(&value.text).map(|framing| *frame = Some(framing)),
            "enc" => Charset::parse(&value.text).map(|set| *charset = set),
            "timeout" => quantity::duration(key, &value.text).map(|span| *timeout = span),
            "settle" => quantity::duration(key, &value.text).map(|span| *settle = span),
            _ => {
                let Ok(number) = value.text.parse() else {
                    let what = What::Range { value: value.text.clone(), kind: "u64".into() };
                    return self.error(source, value.span, what);
                };
                *seed = Some(number);
                Ok(())
            }
        };
        if let Err(fault) = read {
            self.error(source, value.span, What::Fault(Box::new(fault)));
        }
    }

    fn var(&mut self, source: u16, name: &Word, value: &Value) {
        if !self.once(source, name.span, Noun::Variable, &name.text) {
            return;
        }
        self.set.insert(name.text.clone());
        let charset = self.program.settings.charset;
        let bytes = match value {
            Value::Bare(word) if word.text.contains("{{") => {
                return self.error(source, word.span, What::Misplaced("{{".into()));
            }
            Value::Bare(word) => match charset.encode(&word.text) {
                Ok(bytes) => bytes.into_owned(),
                Err(fault) => return self.error(source, word.span, What::Charset(Box::new(fault))),
            },
            Value::Data(nodes) => {
                if let Some(node) = nodes.iter().find(|node| node.has_variable()) {
                    return self.error(source, node.span, What::Misplaced("{{".into()));
                }
                let Some(message) = self.message(source, nodes, charset, Noun::Data) else { return };
                let mut bytes = Vec::new();
                if message.build(&Vars::default(), &mut bytes).is_err() {
                    let span = nodes.first().map_or_else(Span::default, |node| node.span);
                    return self.error(source, span, What::Misplaced("{{".into()));
                }
                bytes
            }
        };
        self.program.settings.vars.push((name.text.clone(), bytes.into()));
    }

    fn peer(&mut self, source: u16, span: Span, name: &Word, role: &Word, endpoint: &Word) {
        if self.program.peers.len() >= MOST_PEERS {
            let what = What::Limit { noun: Noun::Peer, most: MOST_PEERS as u64 };
            return self.error(source, name.span, what);
        }
        if !self.once(source, name.span, Noun::Peer, &name.text) {
            return;
        }
        let role = if &*role.text == "listen" { Role::Listen } else { Role::Connect };
        if role == Role::Listen {
            for part in ["url", "port", "host"] {
                self.set.insert(format!("{}.{part}", name.text).into());
            }
        }
        let place = Place { source, start: span.start, end: span.end };
        let index = u16::try_from(self.program.peers.len()).unwrap_or(u16::MAX);
        self.names.insert(name.text.clone(), index);
        self.program.peers.push(Cast {
            name: name.text.clone(),
            role,
            endpoint: endpoint.text.clone(),
            place,
        });
    }

    /// Where nobody is named, steps without a name are those of one peer.
    fn implied(&mut self, lines: &[(u16, super::Line)]) {
        if !self.program.peers.is_empty() {
            return;
        }
        let nameless =
            lines.iter().find(|(_, line)| matches!(&line.item, Item::Step(step) if step.peer.is_none()));
        if let Some((source, line)) = nameless {
            let place = Place { source: *source, start: line.span.start, end: line.span.end };
            self.names.insert("peer".into(), 0);
            self.program.peers.push(Cast {
                name: "peer".into(),
                role: Role::Connect,
                endpoint: "".into(),
                place,
            });
        }
    }

    /// How the text of a peer is written: as its endpoint says, else as `@enc` does.
    fn charset(&self, peer: usize) -> Charset {
        let endpoint = self.expanded(&self.program.peers[peer].endpoint);
        let said = match endpoint.parse::<Endpoint>() {
            Ok(endpoint) => endpoint.params.enc,
            // A part of it is known only when it runs.
            Err(_) => endpoint.split_once('?').and_then(|(_, query)| {
                query.split('&').find_map(|param| param.strip_prefix("enc=")).map(str::to_owned)
            }),
        };
        let said = said.and_then(|label| Charset::parse(&label).ok());
        said.unwrap_or(self.program.settings.charset)
    }

    /// An endpoint with the variables that are set in it.
    fn expanded(&self, endpoint: &str) -> String {
        let mut whole = String::with_capacity(endpoint.len());
        let mut rest = endpoint;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, behind)) = after.split_once("}}") else { break };
            whole.push_str(before);
            let own = self.program.settings.vars.iter().find(|(known, _)| **known == *name.trim());
            if let Some(value) = self.given.get(name.trim()).or(own.map(|(_, value)| &**value)) {
                whole.push_str(&String::from_utf8_lossy(value));
            } else {
                whole.push_str("{{");
                whole.push_str(name);
                whole.push_str("}}");
            }
            rest = behind;
        }
        whole.push_str(rest);
        whole
    }

    /// Checks an endpoint, as far as it is known.
    fn endpoint(&mut self, source: u16, endpoint: &Word) {
        let mut rest = &*endpoint.text;
        while let Some((_, after)) = rest.split_once("{{") {
            let Some((name, behind)) = after.split_once("}}") else {
                return self.error(source, endpoint.span, What::Unclosed(Noun::Variable));
            };
            let name = name.trim();
            if !is_variable_name(name) {
                return self.error(source, endpoint.span, What::Unclosed(Noun::Variable));
            }
            self.uses(source, endpoint.span, name);
            rest = behind;
        }
        let expanded = self.expanded(&endpoint.text);
        if !expanded.contains("{{")
            && let Err(fault) = expanded.parse::<Endpoint>()
        {
            self.error(source, endpoint.span, What::Fault(Box::new(fault)));
        }
    }

    /// A variable is used: it must have a value by now.
    pub(super) fn uses(&mut self, source: u16, span: Span, name: &str) {
        if !self.set.contains(name) {
            let near = near(name, self.set.iter().map(|known| &**known));
            self.error(source, span, What::Unknown { noun: Noun::Variable, word: name.into(), near });
        }
    }

    /// The peer of this name.
    pub(super) fn named(&mut self, source: u16, name: &Word) -> Option<u16> {
        let peer = self.names.get(&name.text).copied();
        if peer.is_none() {
            let near = near(&name.text, self.names.keys().map(|known| &**known));
            self.error(source, name.span, What::Unknown { noun: Noun::Peer, word: name.text.clone(), near });
        }
        peer
    }
}

//! `cert`: from its words to the use case, and certificates as text and as JSON.
//!
//! Whatever a certificate says may be a stranger's: on its way to the screen it passes the escaping function.

use clap::ArgMatches;
use serde_json::{Value, json};
use sockeye::Views;
use sockeye::cert::make::{self, Signer, What};
use sockeye::cert::show::{self, Item, Listed};
use sockeye::cert::{Overwrite, make::Request};
use sockeye::core::{Fault, Note, SessionId};
use sockeye::wire::certificate::pem::Kind;
use sockeye::wire::certificate::{Authority, Certificate, Name, Purpose, Standing, moment};
use sockeye::wire::notation::to_hex;

use crate::fault::safe;
use crate::grammar::{read, refuse, verbs};
use crate::ui::columns::columns;
use crate::ui::output::Output;
use crate::words::Words;
use sockeye::json;

/// How certificates are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// For people.
    Text,
    /// For programs, one object a line.
    Json,
}

/// Where a listing goes, and how.
pub(crate) struct Sink<'a> {
    /// The sentences.
    pub(crate) words: &'a Words,
    /// Where the listing goes.
    pub(crate) stdout: &'a Output,
    /// Where notes go.
    pub(crate) views: &'a Views,
    /// How it is listed.
    pub(crate) shape: Shape,
}

/// Runs `cert` as it was typed.
pub(crate) fn run(sink: &Sink<'_>, matches: &ArgMatches) -> Result<(), Fault> {
    let Some((word, own)) = matches.subcommand() else {
        let choices = verbs::find("cert").map(verbs::Verb::choices).unwrap_or_default();
        return Err(refuse::usage("cert", "missing", &choices));
    };
    let text = |id| read::value(own, id).map(str::to_owned);
    let signer = Signer { certificate: text("ca"), key: text("ca-key") };
    let what = match word {
        "ca" => What::Authority { name: text("name") },
        "server" => What::Server { names: read::values(own, "NAME"), signer },
        "client" => What::Client { name: text("NAME").unwrap_or_default(), signer },
        "all" => What::All { names: read::values(own, "NAME"), name: text("name") },
        _ => return sink.show(&read::values(own, "PLACE")),
    };
    let request = Request {
        what,
        directory: text("dir").unwrap_or_default(),
        days: text("days"),
        overwrite: if read::has(own, "force") { Overwrite::Always } else { Overwrite::Never },
    };
    let made = make::run(&request)?;
    for listed in &made.listed {
        sink.list(listed, made.now);
    }
    for note in &made.notes {
        sink.note(note);
    }
    Ok(())
}

impl Sink<'_> {
    /// Shows every place. One that cannot be shown keeps no other from it: its fault is told, and the last of them ends
    /// the program.
    fn show(&self, places: &[String]) -> Result<(), Fault> {
        let now = show::now();
        let mut failed = None;
        for place in places {
            match show::run(place) {
                Ok(listed) => {
                    self.list(&listed, now);
                    if !listed.is_ordered() {
                        self.note(&Note::new("cert-order").arg("path", &listed.source));
                    }
                }
                Err(fault) => {
                    if let Some(before) = failed.replace(fault) {
                        self.views.watcher.fault(SessionId::default(), &before);
                    }
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn note(&self, note: &Note) {
        self.views.watcher.note(SessionId::default(), note);
    }

    fn list(&self, listed: &Listed, now: i64) {
        let text = match self.shape {
            Shape::Text => Page { words: self.words, now, text: String::new() }.of(listed),
            Shape::Json => objects(listed, now),
        };
        self.stdout.push(text.as_bytes());
    }
}

/// A listing for people, under construction.
struct Page<'a> {
    words: &'a Words,
    now: i64,
    text: String,
}

impl Page<'_> {
    fn of(mut self, listed: &Listed) -> String {
        self.line(&safe(&listed.source));
        let mut number = 0;
        for item in &listed.items {
            match item {
                Item::Certificate(certificate) => {
                    self.certificate(certificate, number, listed.issuer(number));
                    number += 1;
                }
                Item::Section { kind, label, line } => {
                    let key = section_key(*kind);
                    let args = [("label", safe(label)), ("line", line.to_string())];
                    let args = args.each_ref().map(|(name, value)| (*name, value.as_str()));
                    let sentence = self.words.say(key, &args);
                    self.line(&format!("  -  {sentence}"));
                }
            }
        }
        self.text
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn certificate(&mut self, certificate: &Certificate, number: usize, issuer: Option<usize>) {
        let words = self.words;
        self.line(&format!("  {}  {}", number + 1, self.named(&certificate.subject.to_string())));
        let rows = [
            ("cert-names", self.names(certificate)),
            ("cert-issuer", self.issuer(certificate, issuer)),
            ("cert-valid", self.valid(certificate)),
            ("cert-use", self.uses(certificate)),
            ("cert-key", safe(&certificate.key.to_string())),
            ("cert-key-usages", certificate.key_usages.join(", ")),
            ("cert-signature", safe(&certificate.signature)),
            ("cert-serial", certificate.serial.clone()),
            ("cert-pin", certificate.pin.clone()),
            ("cert-fingerprint", certificate.fingerprint.to_string()),
        ];
        let rows = rows.map(|(key, value)| (words.plain(key), value));
        let column = rows.iter().map(|(label, _)| columns(label)).max().unwrap_or_default() + 2;
        for (label, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
            let gap = " ".repeat(column - columns(label));
            self.line(&format!("     {label}{gap}{value}"));
        }
    }

    /// A distinguished name; an empty one is told as such.
    fn named(&self, name: &str) -> String {
        if name.is_empty() { self.words.plain("cert-nameless") } else { safe(name) }
    }

    fn names(&self, certificate: &Certificate) -> String {
        // An authority's common name is no name that it is good for.
        if certificate.is_ca() && matches!(certificate.names[..], [Name::CommonName(_)]) {
            return String::new();
        }
        let shown = |name: &Name| match name {
            Name::CommonName(name) => self.words.say("cert-common-name", &[("name", &safe(name))]),
            name => safe(&name.to_string()),
        };
        let mut names: Vec<String> = certificate.names.iter().map(shown).collect();
        if certificate.names_left_out > 0 {
            let count = certificate.names_left_out.to_string();
            names.push(self.words.say("cert-more", &[("count", &count)]));
        }
        names.join(", ")
    }

    fn issuer(&self, certificate: &Certificate, issuer: Option<usize>) -> String {
        if certificate.self_signed {
            return self.words.plain("cert-itself");
        }
        let name = self.named(&certificate.issuer.to_string());
        match issuer {
            Some(number) => {
                let number = (number + 1).to_string();
                self.words.say("cert-numbered", &[("name", &name), ("number", &number)])
            }
            None => name,
        }
    }

    fn valid(&self, certificate: &Certificate) -> String {
        let days = certificate.days_left(self.now);
        let (key, days) = match certificate.standing(self.now) {
            Standing::Valid => ("cert-left", days),
            Standing::Expired => ("cert-expired", -days),
            Standing::NotYet => ("cert-early", days),
        };
        let (from, to) = (moment(certificate.not_before), moment(certificate.not_after));
        self.words.say(key, &[("from", &from), ("to", &to), ("days", &days.to_string())])
    }

    fn uses(&self, certificate: &Certificate) -> String {
        let mut uses = Vec::new();
        match certificate.authority {
            Authority::None => {}
            Authority::Signs { path: None } => uses.push(self.words.plain("cert-signs")),
            Authority::Signs { path: Some(path) } => {
                uses.push(self.words.say("cert-signs-path", &[("path", &path.to_string())]));
            }
        }
        match &certificate.purposes {
            Some(purposes) => uses.extend(purposes.iter().map(|purpose| match purpose {
                Purpose::Server => self.words.plain("cert-use-server"),
                Purpose::Client => self.words.plain("cert-use-client"),
                Purpose::Any => self.words.plain("cert-use-any"),
                Purpose::Other(name) => safe(name),
            })),
            None if uses.is_empty() => uses.push(self.words.plain("cert-use-unsaid")),
            None => {}
        }
        uses.join(", ")
    }
}

const fn section_key(kind: Kind) -> &'static str {
    match kind {
        Kind::PrivateKey(_) => "cert-private-key",
        Kind::LockedKey => "cert-locked-key",
        Kind::PublicKey | Kind::Certificate | Kind::Other => "cert-section",
    }
}

/// A listing as JSON, one object a line.
pub(crate) fn objects(listed: &Listed, now: i64) -> String {
    let mut text = String::new();
    let mut number = 0;
    for item in &listed.items {
        text.push_str(&match item {
            Item::Certificate(certificate) => {
                let issuer = listed.issuer(number).map(|issuer| issuer + 1);
                number += 1;
                object(&listed.source, number, issuer, certificate, now)
            }
            Item::Section { label, line, .. } => {
                let fields =
                    [("source", json!(listed.source)), ("label", json!(label)), ("line", json!(line))];
                json::thing("pem-section", &fields)
            }
        });
    }
    text
}

fn object(source: &str, number: usize, issuer: Option<usize>, certificate: &Certificate, now: i64) -> String {
    let names =
        certificate.names.iter().map(|name| json!({ "kind": name.kind(), "value": name.to_string() }));
    let mut fields = vec![
        ("source", json!(source)),
        ("number", json!(number)),
        ("subject", json!(certificate.subject.rfc4514())),
        ("issuer", json!(certificate.issuer.rfc4514())),
        ("self_signed", json!(certificate.self_signed)),
        ("names", Value::Array(names.collect())),
        ("names_left_out", json!(certificate.names_left_out)),
        ("serial", json!(certificate.serial)),
        ("not_before", json!(moment(certificate.not_before))),
        ("not_after", json!(moment(certificate.not_after))),
        ("days_left", json!(certificate.days_left(now))),
        ("ca", json!(certificate.is_ca())),
        ("key_usages", json!(certificate.key_usages)),
        ("key", json!(certificate.key.to_string())),
        ("signature", json!(certificate.signature)),
        ("pin", json!(certificate.pin)),
        ("sha256", json!(to_hex(&certificate.fingerprint.0))),
    ];
    if let Some(name) = certificate.subject.common_name() {
        fields.push(("common_name", json!(name)));
    }
    if let Some(issuer) = issuer {
        fields.push(("issuer_number", json!(issuer)));
    }
    if let Authority::Signs { path: Some(path) } = certificate.authority {
        fields.push(("path_length", json!(path)));
    }
    if let Some(purposes) = &certificate.purposes {
        let purposes = purposes.iter().map(|purpose| match purpose {
            Purpose::Server => "server",
            Purpose::Client => "client",
            Purpose::Any => "any",
            Purpose::Other(name) => name,
        });
        fields.push(("purposes", json!(purposes.collect::<Vec<_>>())));
    }
    json::thing("certificate", &fields)
}

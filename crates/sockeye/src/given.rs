//! What flags and words give: endpoints with the parameters that flags set, and services with their own arguments.

use sockeye_core::endpoint::{Endpoint, PARAMS};
use sockeye_core::fault::nearest;
use sockeye_core::{Code, Fault, Lane};
use sockeye_net::transport::{self, Role};
use sockeye_service::{Choice, Entry, Given};
use sockeye_wire::charset::Charset;

/// Endpoint parameters given as flags: name and value. They win over the URL.
pub type Params = Vec<(String, String)>;

/// Reads an endpoint; flags win over its own parameters.
pub fn endpoint(text: &str, flags: &[(String, String)]) -> Result<Endpoint, Fault> {
    let mut endpoint: Endpoint = text.parse()?;
    for (name, value) in flags {
        endpoint.params.set(name, value)?;
    }
    charset(&endpoint)?;
    Ok(endpoint)
}

/// Whether a flag of this name is an endpoint parameter.
pub fn is_param(name: &str) -> bool {
    PARAMS.contains(&name)
}

/// The character set of an endpoint.
pub fn charset(endpoint: &Endpoint) -> Result<Charset, Fault> {
    endpoint.params.enc.as_deref().map_or_else(|| Ok(Charset::default()), Charset::parse)
}

/// How messages travel to and from an endpoint. Whatever the endpoint says must mean something on its transport, for a
/// side that connects or listens.
pub(crate) fn lane(endpoint: &Endpoint, role: Role) -> Result<Lane, Fault> {
    let lane = endpoint.lane(transport::fit(endpoint, role)?.medium);
    if lane.framing.is_dgram() && !lane.medium.has_bounds() {
        let fault = Fault::new(Code::UnfitFraming, "");
        return Err(fault.arg("framing", lane.framing.spec()).arg("scheme", endpoint.front()));
    }
    Ok(lane)
}

/// Whether something marks where a message ends: a framing, a datagram, a WebSocket's frames.
pub(crate) const fn is_marked(lane: Lane) -> bool {
    lane.medium.has_bounds() || !lane.framing.is_raw()
}

/// The service of this name.
pub fn service(name: &str) -> Result<&'static Entry, Fault> {
    sockeye_service::find(name).ok_or_else(|| {
        let near = nearest(name, sockeye_service::ALL.iter().map(|entry| entry.name)).unwrap_or_default();
        Fault::new(Code::UnknownService, "").arg("name", name).arg("near", near)
    })
}

/// Reads a service's flags and words as a command line would give them.
pub fn arguments(entry: &Entry, args: &[String]) -> Result<Given, Fault> {
    let mut given = Given::default();
    if entry.takes_rest {
        given.words = args.to_vec();
        return Ok(given);
    }
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg == "--" {
            given.words.extend(rest.cloned());
            break;
        }
        let Some(flag) = arg.strip_prefix("--") else {
            given.words.push(arg.clone());
            continue;
        };
        let (long, inline) = match flag.split_once('=') {
            Some((long, value)) => (long, Some(value.to_owned())),
            None => (flag, None),
        };
        let value = value_of(entry, long, inline, &mut rest)?;
        given.options.push((long.to_owned(), value));
    }
    Ok(given)
}

/// The value of one flag: the one after `=`, the next argument, or none.
fn value_of<'a>(
    entry: &Entry,
    long: &str,
    inline: Option<String>,
    rest: &mut impl Iterator<Item = &'a String>,
) -> Result<String, Fault> {
    let subject = || format!("serve {}", entry.name);
    let Some(option) = entry.options.iter().find(|option| option.long == long) else {
        let near = nearest(long, entry.options.iter().map(|option| option.long));
        let near = near.map(|near| format!("--{near}")).unwrap_or_default();
        let name = format!("--{long}");
        return Err(Fault::new(Code::UnknownFlag, subject()).arg("name", name).arg("near", near));
    };
    let usage =
        |what: &str| Fault::new(Code::Usage, subject()).arg("what", what).arg("name", format!("--{long}"));
    if option.choice == Choice::Flag {
        return if inline.is_some() { Err(usage("no-value")) } else { Ok(String::new()) };
    }
    let value = inline.or_else(|| rest.next().cloned()).ok_or_else(|| usage("value"))?;
    match option.choice {
        Choice::OneOf(words) if !words.contains(&value.as_str()) => {
            Err(crate::bounds::bad_value(&format!("--{long}"), &value).detail(words.join(", ")))
        }
        _ => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: Entry = Entry {
        name: "sample",
        options: &[
            sockeye_service::Opt { long: "keep", choice: Choice::Flag },
            sockeye_service::Opt { long: "on", choice: Choice::Many("PATTERN=ANSWER") },
            sockeye_service::Opt { long: "first", choice: Choice::OneOf(&["server", "client"]) },
        ],
        words: "[TEXT]",
        takes_rest: false,
        loads: None,
        welcome: &[],
        examples: &[],
        build: |_| Err(Fault::new(Code::Internal, "")),
    };

    fn read(args: &[&str]) -> Result<Given, Fault> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        arguments(&ENTRY, &args)
    }

    #[test]
    fn flags_and_words_are_told_apart() {
        let given = read(&["--on", "a=b", "word", "--keep", "--on=c=d", "--", "--last"]).unwrap();
        assert_eq!(given.values("on").collect::<Vec<_>>(), ["a=b", "c=d"]);
        assert!(given.has("keep"));
        assert_eq!(given.words, ["word", "--last"]);
    }

    #[test]
    fn slips_are_named() {
        assert_eq!(read(&["--kep"]).unwrap_err().value("near"), "--keep");
        assert_eq!(read(&["--on"]).unwrap_err().value("what"), "value");
        assert_eq!(read(&["--keep=yes"]).unwrap_err().value("what"), "no-value");
        assert_eq!(read(&["--first", "me"]).unwrap_err().code, Code::BadValue);
    }

    #[test]
    fn a_service_that_takes_the_rest_takes_all_of_it() {
        let entry = Entry { takes_rest: true, ..ENTRY };
        let args = ["sh".to_owned(), "-c".to_owned(), "--once".to_owned()];
        assert_eq!(arguments(&entry, &args).unwrap().words, args);
    }
}

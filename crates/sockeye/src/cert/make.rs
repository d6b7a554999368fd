//! Development certificates as files: an authority (CA), and what it signs for servers and clients.

use std::path::{Path, PathBuf};

use sockeye_core::{Code, Fault, Note};
use sockeye_wire::certificate::moment;
use sockeye_wire::escape::is_safe;

use super::files::{self, File, Overwrite, Readers};
use super::name::{self, MAX_COMMON, ServerName};
use super::show::{self, Item, Listed};
use super::sign::{self, Authority, Days, Role, Signed};

/// What a client is called that nobody named.
const CLIENT: &str = "client";

/// Days beyond which Apple's systems take no server's certificate, whoever signed it
/// (<https://support.apple.com/en-us/103769>).
const APPLE: i64 = 825;

/// Seconds of a day.
const DAY: i64 = 24 * 3600;

/// What to make, and where.
#[derive(Clone, Debug)]
pub struct Request {
    /// What.
    pub what: What,
    /// The directory of the files, made with mode 0700 if it is not there; empty for the current one.
    pub directory: String,
    /// The value of `--days`, 1 to 3650; 825 for an authority and 397 for what it signs unless given.
    pub days: Option<String>,
    /// What happens to files that are there.
    pub overwrite: Overwrite,
}

/// What to make.
#[derive(Clone, Debug)]
pub enum What {
    /// An authority: `ca.pem` and `ca.key`.
    Authority {
        /// What it is called; who made it and when, unless given.
        name: Option<String>,
    },
    /// A server's: `server.pem` and `server.key`.
    Server {
        /// Names, wildcard names and addresses; localhost and its addresses if there are none.
        names: Vec<String>,
        /// Who signs.
        signer: Signer,
    },
    /// A client's: `client.pem` and `client.key`.
    Client {
        /// What it is called.
        name: String,
        /// Who signs.
        signer: Signer,
    },
    /// All three, with a new authority.
    All {
        /// The server's names, as above.
        names: Vec<String>,
        /// What the authority is called, as above.
        name: Option<String>,
    },
}

/// The files of the authority that signs: `ca.pem` and `ca.key` of the directory unless given. One is not given without
/// the other.
#[derive(Clone, Debug, Default)]
pub struct Signer {
    /// The path of its certificate.
    pub certificate: Option<String>,
    /// The path of its key.
    pub key: Option<String>,
}

/// What was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// What the certificates say, each by the path of its file.
    pub listed: Vec<Listed>,
    /// The moment they were made, in Unix seconds.
    pub now: i64,
    /// What was written, and what can be done with it next.
    pub notes: Vec<Note>,
}

/// What somebody with these files can do next.
enum Next {
    /// Sign with the authority.
    Sign,
    /// Serve and connect with the server's certificate.
    Serve {
        /// A name that clients can connect to.
        host: String,
    },
    /// Connect with the client's certificate.
    Connect,
}

/// Makes what is asked for, and writes it. Faults leave nothing written.
pub fn run(request: &Request) -> Result<Made, Fault> {
    make(request, super::now())
}

fn make(request: &Request, now: i64) -> Result<Made, Fault> {
    let days = request.days.as_deref().map(Days::parse).transpose()?;
    let mut batch = Batch {
        directory: Path::new(&request.directory),
        leaf: days.unwrap_or(Days::LEAF),
        authority: days.unwrap_or(Days::AUTHORITY),
        now,
        files: Vec::new(),
        listed: Vec::new(),
    };
    let (next, authority) = match &request.what {
        What::Authority { name } => {
            batch.authority(name.as_deref())?;
            (vec![Next::Sign], batch.directory.join("ca.pem"))
        }
        What::Server { names, signer } => {
            let names = name::servers(names)?;
            let (authority, path) = batch.signer(signer, "cert server")?;
            batch.server(&authority, &names, &path)?;
            (vec![Next::Serve { host: host(&names) }], path)
        }
        What::Client { name, signer } => {
            let name = name::common(name)?;
            let (authority, path) = batch.signer(signer, "cert client")?;
            batch.client(&authority, &name, &path)?;
            (vec![Next::Connect], path)
        }
        What::All { names, name } => {
            let names = name::servers(names)?;
            let path = batch.directory.join("ca.pem");
            let authority = batch.authority(name.as_deref())?;
            batch.server(&authority, &names, &path)?;
            batch.client(&authority, CLIENT, &path)?;
            (vec![Next::Serve { host: host(&names) }, Next::Connect], path)
        }
    };
    let paths = files::write(batch.directory, &batch.files, request.overwrite)?;
    let wrote = paths.iter().zip(&batch.files).map(|(path, file)| match file.readers {
        Readers::Anybody => Note::new("cert-wrote").arg("path", path.display()),
        Readers::Owner => Note::new("cert-wrote-key").arg("path", path.display()),
    });
    let mut notes: Vec<Note> = wrote.collect();
    let is_long =
        |listed: &Listed| listed.certificates().any(|one| !one.is_ca() && one.lifetime() > APPLE * DAY);
    if batch.listed.iter().any(is_long) {
        notes.push(Note::new("cert-long").arg("days", APPLE));
    }
    let commands = next.iter().flat_map(|next| batch.commands(next, &authority));
    notes.extend(commands.map(|command| Note::new("cert-next").arg("command", command)));
    Ok(Made { listed: batch.listed, now, notes })
}

/// What is to be written together.
struct Batch<'a> {
    directory: &'a Path,
    leaf: Days,
    authority: Days,
    now: i64,
    files: Vec<File>,
    listed: Vec<Listed>,
}

impl Batch<'_> {
    fn authority(&mut self, name: Option<&str>) -> Result<Authority, Fault> {
        let name = name.map_or_else(|| Ok(maker(self.now)), name::common)?;
        let (authority, signed) = sign::authority(&name, self.authority, self.now)?;
        self.add("ca.pem", "ca.key", signed);
        Ok(authority)
    }

    fn server(&mut self, authority: &Authority, names: &[ServerName], path: &Path) -> Result<(), Fault> {
        let signed = authority.sign(&Role::Server(names), self.leaf, self.now, &path.to_string_lossy())?;
        self.add("server.pem", "server.key", signed);
        Ok(())
    }

    fn client(&mut self, authority: &Authority, name: &str, path: &Path) -> Result<(), Fault> {
        let signed = authority.sign(&Role::Client(name), self.leaf, self.now, &path.to_string_lossy())?;
        self.add("client.pem", "client.key", signed);
        Ok(())
    }

    fn add(&mut self, certificate: &'static str, key: &'static str, signed: Signed) {
        let source = self.directory.join(certificate).display().to_string();
        self.listed.push(Listed { source, items: vec![Item::Certificate(Box::new(signed.certificate))] });
        self.files.push(File { name: certificate, text: signed.chain, readers: Readers::Anybody });
        self.files.push(File { name: key, text: signed.key, readers: Readers::Owner });
    }

    /// Command lines for what can be done next.
    fn commands(&self, next: &Next, authority: &Path) -> Vec<String> {
        let ca = quoted(authority);
        let file = |name: &str| quoted(&self.directory.join(name));
        match next {
            Next::Sign if self.directory.as_os_str().is_empty() => vec!["sockeye cert server".to_owned()],
            Next::Sign => vec![format!("sockeye cert server --dir {}", quoted(self.directory))],
            Next::Serve { host } => vec![
                format!(
                    "sockeye serve tls://:4433 echo --cert {} --key {}",
                    file("server.pem"),
                    file("server.key")
                ),
                format!("sockeye connect tls://{host}:4433 --ca {ca}"),
            ],
            Next::Connect => vec![format!(
                "sockeye connect tls://localhost:4433 --ca {ca} --cert {} --key {}",
                file("client.pem"),
                file("client.key")
            )],
        }
    }

    /// The authority that signs, and where its certificate is.
    fn signer(&self, signer: &Signer, verb: &str) -> Result<(Authority, PathBuf), Fault> {
        let missing = |name| Fault::new(Code::Usage, verb).arg("what", "missing").arg("name", name);
        let (certificate, key) = match (&signer.certificate, &signer.key) {
            (Some(certificate), Some(key)) => (PathBuf::from(certificate), PathBuf::from(key)),
            (None, None) => {
                let paths = (self.directory.join("ca.pem"), self.directory.join("ca.key"));
                if let Some(path) = [&paths.0, &paths.1].into_iter().find(|path| !path.exists()) {
                    return Err(Fault::new(Code::NoAuthority, "").arg("path", path.display()));
                }
                paths
            }
            (Some(_), None) => return Err(missing("--ca-key")),
            (None, Some(_)) => return Err(missing("--ca")),
        };
        let names = (certificate.to_string_lossy(), key.to_string_lossy());
        let texts = (show::bytes(&names.0)?, show::bytes(&names.1)?);
        let authority = Authority::read((&names.0, &texts.0), (&names.1, &texts.1), self.now)?;
        drop(names);
        Ok((authority, certificate))
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(&byte) || !byte.is_ascii();
    if text.bytes().all(plain) { text.into_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// A name to connect to: this machine's if it is among them, else the first that is one.
fn host(names: &[ServerName]) -> String {
    let written = |name: &ServerName| match name {
        ServerName::Dns(name) if name.starts_with("*.") => None,
        ServerName::Ip(ip) if ip.is_ipv6() => Some(format!("[{ip}]")),
        name => Some(name.to_string()),
    };
    let mut hosts: Vec<String> = names.iter().filter_map(written).collect();
    hosts.sort_by_key(|host| host != "localhost");
    hosts.into_iter().next().unwrap_or_else(|| "localhost".to_owned())
}

/// What an authority is called that nobody named: who made it, on which machine, and when.
fn maker(now: i64) -> String {
    let user = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default();
    let machine = nix::unistd::gethostname().unwrap_or_default().to_string_lossy().into_owned();
    called(&user, &machine, &moment(now))
}

fn called(user: &str, machine: &str, moment: &str) -> String {
    let shown =
        |text: &str| text.chars().filter(|character| is_safe(&character.to_string())).collect::<String>();
    let day = moment.get(..10).unwrap_or(moment);
    let mut who = format!("{}@{}", shown(user), shown(machine)).replace(['\n', '\t'], "");
    let wrap = |who: &str| format!("sockeye CA {who} {day}");
    while wrap(&who).chars().count() > MAX_COMMON {
        who.pop();
    }
    wrap(who.trim_matches('@')).replace("  ", " ")
}

#[cfg(test)]
mod tests;

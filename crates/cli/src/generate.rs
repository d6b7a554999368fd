//! `--generate`: shell completions and the man page, from the same grammar as everything else.

use clap::{Command, ValueEnum};
use clap_complete::Shell;
use sockeye::bounds::bad_value;
use sockeye::core::{Code, Fault};

/// The text of `complete-SHELL` or `man`.
pub(crate) fn text(what: &str, mut command: Command) -> Result<Vec<u8>, Fault> {
    let mut text = Vec::new();
    if what == "man" {
        let page = clap_mangen::Man::new(command).render(&mut text);
        page.map_err(|error| Fault::new(Code::Internal, "--generate man").detail(error))?;
        return Ok(text);
    }
    let shell = what.strip_prefix("complete-").and_then(|shell| Shell::from_str(shell, false).ok());
    let shell = shell.ok_or_else(|| {
        let shells = Shell::value_variants().iter().map(|shell| format!("complete-{shell}"));
        let known: Vec<String> = shells.chain(["man".to_owned()]).collect();
        bad_value("--generate", what).detail(known.join(", "))
    })?;
    clap_complete::generate(shell, &mut command, "sockeye", &mut text);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar;
    use crate::words::{Language, Words};

    #[test]
    fn every_shell_and_the_man_page_have_text() {
        let words = Words::new(Language::En);
        for what in ["complete-bash", "complete-zsh", "complete-fish", "complete-elvish", "man"] {
            let text = text(what, grammar::command(Some(&words))).unwrap();
            let text = String::from_utf8(text).unwrap();
            assert!(text.contains("serve") && text.contains("frame"), "{what}");
            assert!(!text.contains("names}"), "{what}");
        }
        assert!(text("complete-csh", grammar::command(None)).is_err());
    }
}

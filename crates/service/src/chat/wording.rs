//! How a typed line becomes what is sent: the template, then the character set.

use minijinja::{Environment, UndefinedBehavior, context};
use sockeye_core::{Code, Fault, Note};
use sockeye_wire::charset::Charset;

/// Steps that one rendering may take: far more than any template of a line, and soon over.
const FUEL: u64 = 100_000;

/// The longest text that a template may build, in bytes.
const LONGEST: usize = 1 << 20;

const NAME: &str = "line";

/// Builds what is sent.
pub(super) struct Wording {
    charset: Charset,
    template: Option<Environment<'static>>,
}

impl Wording {
    /// Words in this character set, by way of this template. A template that does not parse, or that names what there is
    /// not, is a fault.
    pub(super) fn new(charset: Charset, template: Option<&str>) -> Result<Self, Fault> {
        let Some(source) = template else { return Ok(Self { charset, template: None }) };
        let bad =
            |error: minijinja::Error| Fault::new(Code::BadTemplate, "").arg("value", source).detail(error);
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.add_template_owned(NAME, source.to_owned()).map_err(bad)?;
        // A name that there is not shows only when it is used. `1` is text and number, so it suits most filters.
        render(&environment, "1", "1", "1").map_err(bad)?;
        Ok(Self { charset, template: Some(environment) })
    }

    /// Whether what the peer said is wanted for the next line.
    pub(super) const fn looks_back(&self) -> bool {
        self.template.is_some()
    }

    /// The bytes to send for what was typed. On failure, what to tell the operator.
    pub(super) fn build(&self, typed: &str, message: &str, peer: &str) -> Result<Vec<u8>, Note> {
        let Some(environment) = &self.template else { return self.encode(typed) };
        let text = render(environment, typed, message, peer)
            .map_err(|error| Note::new("chat-template-failed").arg("detail", error))?;
        if text.len() > LONGEST {
            let note = Note::new("chat-template-too-long");
            return Err(note.arg("size", text.len()).arg("max", LONGEST));
        }
        self.encode(&text)
    }

    /// Text in the character set, without the template.
    pub(super) fn encode(&self, text: &str) -> Result<Vec<u8>, Note> {
        self.charset.encode(text).map(std::borrow::Cow::into_owned).map_err(|fault| {
            let (character, charset) = (fault.value("character"), fault.value("charset"));
            Note::new("not-in-charset").arg("character", character).arg("charset", charset)
        })
    }

    /// What the peer said, as text.
    pub(super) fn decode<'a>(&self, bytes: &'a [u8]) -> std::borrow::Cow<'a, str> {
        self.charset.decode(bytes)
    }

    /// Whether the peer's bytes can be shown as they are.
    pub(super) fn is_utf8(&self) -> bool {
        self.charset.is_utf8()
    }
}

fn render(
    environment: &Environment<'_>,
    typed: &str,
    message: &str,
    peer: &str,
) -> Result<String, minijinja::Error> {
    environment.get_template(NAME)?.render(context! { typed, message, peer })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wording(template: &str) -> Result<Wording, Fault> {
        Wording::new(Charset::default(), Some(template))
    }

    #[test]
    fn the_courses_template_answers_with_what_was_said_replaced() {
        let wording = wording(r#"{{typed}},{{message|replace("sb","alexsb")}}"#).unwrap();
        assert_eq!(wording.build("hi", "sb, you sb", "").unwrap(), b"hi,alexsb, you alexsb");
        assert_eq!(wording.build("hi", "", "").unwrap(), b"hi,");
    }

    #[test]
    fn a_template_escapes_nothing_and_knows_the_peer() {
        let wording = wording("<{{peer}}> {{typed}}").unwrap();
        assert_eq!(wording.build("a<b>&\"", "", "127.0.0.1:9").unwrap(), b"<127.0.0.1:9> a<b>&\"");
    }

    #[test]
    fn a_bad_template_is_refused_when_it_is_given() {
        for bad in ["{{typed", "{{tpyed}}", "{{typed|nothing}}", "{% include 'x' %}"] {
            assert_eq!(wording(bad).err().map(|fault| fault.code), Some(Code::BadTemplate), "{bad}");
        }
    }

    #[test]
    fn a_template_without_end_is_stopped() {
        let endless = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}";
        assert_eq!(wording(endless).err().map(|fault| fault.code), Some(Code::BadTemplate));
    }

    #[test]
    fn a_template_that_fails_on_a_line_tells_the_operator() {
        let wording = wording("{{typed|int}}").unwrap();
        assert_eq!(wording.build("7", "", "").unwrap(), b"7");
        assert_eq!(wording.build("seven", "", "").unwrap_err().key, "chat-template-failed");
    }

    #[test]
    fn a_character_that_the_set_lacks_is_told_and_not_replaced() {
        let wording = Wording::new(Charset::parse("gbk").unwrap(), None).unwrap();
        assert_eq!(wording.build("好", "", "").unwrap(), [0xba, 0xc3]);
        let note = wording.build("สวัสดี", "", "").unwrap_err();
        assert_eq!(note.key, "not-in-charset");
    }
}

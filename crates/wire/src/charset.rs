//! Character sets: how text is written on the wire. UTF-8 unless told otherwise.
//!
//! The sets, their labels and their tables are those of the WHATWG Encoding Standard, with two differences. UTF-16 can
//! be written as well as read (the standard's encoders write UTF-8 in its place). And a byte order mark is a character
//! like any other, neither added nor swallowed, so that what is shown is what came.

use std::borrow::Cow;

use encoding_rs::{CoderResult, EncoderResult, Encoding};
use sockeye_core::fault::{Code, Fault, nearest};

use crate::escape::{Shape, escape};

/// A character set. As cheap to copy as a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charset(&'static Encoding);

/// Every character set, by the name that [`Charset::name`] gives, the most asked for first.
pub const ALL: &[&str] = &[
    "utf-8",
    "gbk",
    "gb18030",
    "big5",
    "shift_jis",
    "euc-jp",
    "iso-2022-jp",
    "euc-kr",
    "utf-16le",
    "utf-16be",
    "windows-1252",
    "windows-1250",
    "windows-1251",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "windows-874",
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-8-i",
    "iso-8859-10",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "koi8-r",
    "koi8-u",
    "ibm866",
    "macintosh",
    "x-mac-cyrillic",
    "x-user-defined",
];

/// Names that people bring from Windows and Python and that the standard does not list.
const ALIASES: &[(&str, &str)] = &[
    ("cp936", "gbk"),
    ("cp950", "big5"),
    ("cp932", "shift_jis"),
    ("cp949", "euc-kr"),
    ("eucjp", "euc-jp"),
    ("euckr", "euc-kr"),
    ("utf16", "utf-16le"),
    ("utf16le", "utf-16le"),
    ("utf16be", "utf-16be"),
];

impl Default for Charset {
    fn default() -> Self {
        Self(encoding_rs::UTF_8)
    }
}

impl Charset {
    /// Finds a set by any of its labels: `gbk`, `GB2312`, `cp936`, `latin1`. Case and `_` for `-` do not matter.
    ///
    /// As in the standard, `latin1` and `ascii` mean windows-1252, and `gb2312` means GBK: each is a superset.
    pub fn parse(label: &str) -> Result<Self, Fault> {
        let plain = label.trim().to_ascii_lowercase();
        let dashed = plain.replace('_', "-");
        let alias = ALIASES.iter().find(|(from, _)| *from == dashed).map_or("", |(_, to)| *to);
        // Some labels of the standard (`iso-2022-kr`) name a set that only refuses: they count as unknown here.
        [plain.as_str(), dashed.as_str(), alias]
            .into_iter()
            .find_map(|name| Encoding::for_label_no_replacement(name.as_bytes()))
            .map(Self)
            .ok_or_else(|| {
                let near = nearest(&plain, ALL.iter().copied()).unwrap_or("");
                Fault::new(Code::UnknownCharset, "").arg("name", label).arg("near", near)
            })
    }

    /// The set's name in lower case, one of [`ALL`].
    pub fn name(self) -> &'static str {
        let name = self.0.name();
        ALL.iter().find(|known| known.eq_ignore_ascii_case(name)).copied().unwrap_or(name)
    }

    /// Whether this is UTF-8, so that nothing need be converted.
    pub fn is_utf8(self) -> bool {
        self.0 == encoding_rs::UTF_8
    }

    /// `text` as bytes of this set. A character that the set lacks is a fault ([`Code::Uncharted`]): nothing is put in
    /// its place. Borrows where the bytes are the same.
    pub fn encode(self, text: &str) -> Result<Cow<'_, [u8]>, Fault> {
        if self.is_utf8() || (self.0.is_ascii_compatible() && text.is_ascii()) {
            return Ok(Cow::Borrowed(text.as_bytes()));
        }
        if self.0 == encoding_rs::UTF_16LE {
            return Ok(Cow::Owned(text.encode_utf16().flat_map(u16::to_le_bytes).collect()));
        }
        if self.0 == encoding_rs::UTF_16BE {
            return Ok(Cow::Owned(text.encode_utf16().flat_map(u16::to_be_bytes).collect()));
        }
        self.encode_by_table(text).map(Cow::Owned)
    }

    fn encode_by_table(self, text: &str) -> Result<Vec<u8>, Fault> {
        let mut encoder = self.0.new_encoder();
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text;
        loop {
            let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, &mut bytes, true);
            rest = &rest[read..];
            match result {
                EncoderResult::InputEmpty => return Ok(bytes),
                EncoderResult::OutputFull => bytes.reserve(rest.len().max(16)),
                EncoderResult::Unmappable(character) => return Err(self.uncharted(character)),
            }
        }
    }

    #[cold]
    fn uncharted(self, character: char) -> Fault {
        let mut shown = String::new();
        escape(character.encode_utf8(&mut [0; 4]), Shape::Line, &mut shown);
        Fault::new(Code::Uncharted, "").arg("character", shown).arg("charset", self.name())
    }

    /// `bytes` of this set as text, U+FFFD standing for what is none. For bytes that come in parts: [`Decoder`].
    pub fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        self.0.decode_without_bom_handling(bytes).0
    }

    /// A decoder for bytes that come in parts.
    pub fn decoder(self) -> Decoder {
        Decoder { charset: self, inner: self.0.new_decoder_without_bom_handling() }
    }
}

/// Decodes a stream: a character whose bytes are split over two reads comes out whole.
pub struct Decoder {
    charset: Charset,
    inner: encoding_rs::Decoder,
}

impl Decoder {
    /// Appends the text of `bytes` to `out`, keeping an unfinished character for the next call. With `last` it is
    /// given up (U+FFFD), and the decoder starts afresh.
    pub fn decode(&mut self, bytes: &[u8], last: bool, out: &mut String) {
        let mut rest = bytes;
        loop {
            // The decoder asks for a few bytes of room even where it will write none.
            out.reserve(rest.len().max(16));
            let (result, read, _) = self.inner.decode_to_string(rest, out, last);
            rest = &rest[read..];
            if result == CoderResult::InputEmpty {
                break;
            }
        }
        if last {
            self.inner = self.charset.0.new_decoder_without_bom_handling();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_parse_to_themselves() {
        for name in ALL {
            assert_eq!(Charset::parse(name).unwrap().name(), *name);
        }
        for (alias, name) in ALIASES {
            assert_eq!(Charset::parse(alias).unwrap().name(), *name);
        }
    }

    #[test]
    fn labels_of_other_tools_are_known() {
        for (label, name) in [
            ("UTF8", "utf-8"),
            ("utf_8", "utf-8"),
            ("GB2312", "gbk"),
            ("euc_jp", "euc-jp"),
            ("sjis", "shift_jis"),
            ("latin1", "windows-1252"),
            ("UTF-16", "utf-16le"),
        ] {
            assert_eq!(Charset::parse(label).unwrap().name(), name, "{label}");
        }
    }

    #[test]
    fn an_unknown_name_says_what_is_near() {
        let fault = Charset::parse("gbkk").unwrap_err();
        assert_eq!((fault.code, fault.value("near")), (Code::UnknownCharset, "gbk"));
        assert_eq!(Charset::parse("iso-2022-kr").unwrap_err().code, Code::UnknownCharset);
        assert_eq!(Charset::parse("").unwrap_err().code, Code::UnknownCharset);
    }

    #[test]
    fn bytes_are_what_other_programs_write() {
        let bytes = |name: &str, text: &str| Charset::parse(name).unwrap().encode(text).unwrap().into_owned();
        assert_eq!(bytes("gbk", "你好"), b"\xc4\xe3\xba\xc3");
        assert_eq!(bytes("big5", "你好"), b"\xa7\x41\xa6\x6e");
        assert_eq!(bytes("gb18030", "😀"), b"\x94\x39\xfc\x36");
        assert_eq!(bytes("utf-16le", "a😀"), b"a\0\x3d\xd8\x00\xde");
        assert_eq!(bytes("utf-16be", "a你"), b"\0a\x4f\x60");
        assert_eq!(bytes("iso-2022-jp", "あ"), b"\x1b$B$\"\x1b(B");
        assert_eq!(bytes("latin1", "é"), b"\xe9");
    }

    #[test]
    fn a_character_the_set_lacks_is_a_fault_and_no_entity() {
        let fault = Charset::parse("gbk").unwrap().encode("ok 😀").unwrap_err();
        assert_eq!(fault.code, Code::Uncharted);
        assert_eq!((fault.value("character"), fault.value("charset")), ("😀", "gbk"));
        let fault = Charset::parse("big5").unwrap().encode("\u{202e}").unwrap_err();
        assert_eq!(fault.value("character"), r"\u{202e}");
    }

    #[test]
    fn a_byte_order_mark_is_kept() {
        assert_eq!(Charset::default().decode(b"\xef\xbb\xbfx"), "\u{feff}x");
        assert_eq!(Charset::parse("utf-16be").unwrap().decode(b"\xfe\xff\0x"), "\u{feff}x");
    }

    #[test]
    fn a_decoder_can_be_used_again_after_the_last_bytes() {
        let mut decoder = Charset::parse("gbk").unwrap().decoder();
        let mut text = String::new();
        decoder.decode(b"\xc4", true, &mut text);
        decoder.decode(b"\xc4", false, &mut text);
        decoder.decode(b"", false, &mut text);
        decoder.decode(b"\xe3", true, &mut text);
        assert_eq!(text, "\u{fffd}你");
    }

    proptest! {
        #[test]
        fn splitting_a_stream_changes_nothing(
            set in 0..ALL.len(),
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            cuts in prop::collection::vec(0usize..200, 0..6),
        ) {
            let charset = Charset::parse(ALL[set]).unwrap();
            let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut < bytes.len()).collect();
            cuts.sort_unstable();
            let mut decoder = charset.decoder();
            let (mut text, mut from) = (String::new(), 0);
            for cut in cuts {
                decoder.decode(&bytes[from..cut], false, &mut text);
                from = cut;
            }
            decoder.decode(&bytes[from..], true, &mut text);
            prop_assert_eq!(text, charset.decode(&bytes));
        }

        #[test]
        fn what_can_be_written_reads_back(set in 0..ALL.len(), text in "[ -Za-z\u{4e00}-\u{4fff}é😀あ한]{0,40}") {
            let charset = Charset::parse(ALL[set]).unwrap();
            if let Ok(bytes) = charset.encode(&text) {
                prop_assert_eq!(charset.decode(&bytes), text.as_str());
            }
        }
    }
}

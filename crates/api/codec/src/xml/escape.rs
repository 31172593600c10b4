//! Text as XML.

/// Bytes that need a reference: markup, and what XML 1.0 or its line-end rules would change or refuse.
const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        #[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
        {
            table[byte] = byte != 0x09 && byte != 0x0a;
        }
        byte += 1;
    }
    let marks = *b"&<>\"";
    let mut mark = 0;
    while mark < marks.len() {
        #[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
        {
            table[marks[mark] as usize] = true;
        }
        mark += 1;
    }
    // First byte of U+F000 to U+FFFF, among which U+FFFE and U+FFFF are not XML characters.
    table[0xef] = true;
    table
};

/// Appends `text` as character data. Control characters become numeric references, as S3 writes them in keys
/// (S3 User Guide, "Naming Amazon S3 objects", "XML-related object key constraints"): `\r` is `&#13;`.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let Some(at) = rest.iter().position(|&byte| SPECIAL.get(usize::from(byte)).copied().unwrap_or(true))
        else {
            return out.extend_from_slice(rest);
        };
        let (plain, from) = rest.split_at(at);
        out.extend_from_slice(plain);
        let used = push_special(out, from);
        rest = from.get(used..).unwrap_or_default();
    }
}

/// Writes the reference for what `from` begins with; how many bytes of it that was.
fn push_special(out: &mut Vec<u8>, from: &[u8]) -> usize {
    let reference: &[u8] = match from {
        [b'&', ..] => b"&amp;",
        [b'<', ..] => b"&lt;",
        [b'>', ..] => b"&gt;",
        [b'"', ..] => b"&quot;",
        [b'\r', ..] => b"&#13;",
        [0xef, 0xbf, 0xbe, ..] => {
            out.extend_from_slice(b"&#xfffe;");
            return 3;
        }
        [0xef, 0xbf, 0xbf, ..] => {
            out.extend_from_slice(b"&#xffff;");
            return 3;
        }
        [byte @ 0..0x20, ..] => {
            out.extend_from_slice(format!("&#x{byte:x};").as_bytes());
            return 1;
        }
        [byte, ..] => {
            out.push(*byte);
            return 1;
        }
        [] => return 0,
    };
    out.extend_from_slice(reference);
    1
}

/// Appends ` name="value"`.
pub(crate) fn push_attribute(out: &mut Vec<u8>, name: &str, value: &str) {
    let mut escaped = Vec::with_capacity(value.len());
    push_text(&mut escaped, value);
    push_escaped_attribute(out, name, &escaped);
}

/// The same for what [`push_text`] wrote. White space becomes references, since parsers would turn it into blanks.
pub(crate) fn push_escaped_attribute(out: &mut Vec<u8>, name: &str, escaped: &[u8]) {
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    for &byte in escaped {
        match byte {
            b'\t' => out.extend_from_slice(b"&#9;"),
            b'\n' => out.extend_from_slice(b"&#10;"),
            other => out.push(other),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = Vec::new();
        push_text(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn writes_markup_and_control_characters_as_references() {
        assert_eq!(escaped("a&b<c>\"d\""), "a&amp;b&lt;c&gt;&quot;d&quot;");
        assert_eq!(escaped("\u{1}\r\n\t\u{1f}"), "&#x1;&#13;\n\t&#x1f;");
        assert_eq!(escaped("\u{fffe}\u{ffff}\u{feff}\u{f000}é"), "&#xfffe;&#xffff;\u{feff}\u{f000}é");
        assert_eq!(escaped("plain"), "plain");
    }

    #[test]
    fn keeps_white_space_of_attributes_by_references() {
        let mut out = Vec::new();
        push_attribute(&mut out, "a", "x\ty\nz\r");
        assert_eq!(out, b" a=\"x&#9;y&#10;z&#13;\"");
    }
}

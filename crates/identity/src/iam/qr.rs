//! QR codes as PNG: what applications scan to learn a device's seed.
//!
//! The picture is black and white and small, so it is written here: a header, one stream that is not compressed, an end.
//! Source: Portable Network Graphics Specification (W3C), sections 5, 10 and 11; RFC 1950 and 1951 for the stream.

use crc_fast::{CrcAlgorithm, checksum};
use qrcodegen::{QrCode, QrCodeEcc};

/// Dots on each side of a module.
const SCALE: usize = 4;
/// Modules of white around the code. Source: ISO/IEC 18004, section 6.3.8, "Quiet zone".
const QUIET: usize = 4;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A picture of a code that says `text`; `None` if that is too long for one.
pub(crate) fn png(text: &str) -> Option<Vec<u8>> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let modules = usize::try_from(code.size()).ok()? + 2 * QUIET;
    let dots = modules * SCALE;
    let is_black = |x: usize, y: usize| {
        let place =
            |at: usize| i32::try_from(at).ok().zip(i32::try_from(QUIET).ok()).map(|(at, quiet)| at - quiet);
        place(x / SCALE).zip(place(y / SCALE)).is_some_and(|(x, y)| code.get_module(x, y))
    };
    let mut lines = Vec::with_capacity(dots * (1 + dots.div_ceil(8)));
    for y in 0..dots {
        // Each line begins with its filter: none.
        let mut line = vec![0; 1 + dots.div_ceil(8)];
        for x in (0..dots).filter(|x| !is_black(*x, y)) {
            if let Some(byte) = line.get_mut(1 + x / 8) {
                *byte |= 0x80 >> (x % 8);
            }
        }
        lines.extend(line);
    }
    let side = u32::try_from(dots).ok()?.to_be_bytes();
    // One bit for each dot, shades of grey, nothing unusual.
    let header = [side.as_slice(), &side, &[1, 0, 0, 0, 0]].concat();
    let mut picture = SIGNATURE.to_vec();
    chunk(&mut picture, *b"IHDR", &header)?;
    chunk(&mut picture, *b"IDAT", &zlib(&lines)?)?;
    chunk(&mut picture, *b"IEND", &[])?;
    Some(picture)
}

/// A stream of blocks that are stored as they are. Source: RFC 1951, section 3.2.4.
fn zlib(data: &[u8]) -> Option<Vec<u8>> {
    let mut stream = vec![0x78, 0x01];
    let blocks = data.chunks(usize::from(u16::MAX));
    let last = blocks.len().checked_sub(1)?;
    for (place, block) in blocks.enumerate() {
        let len = u16::try_from(block.len()).ok()?;
        stream.push(u8::from(place == last));
        stream.extend(len.to_le_bytes());
        stream.extend((!len).to_le_bytes());
        stream.extend(block);
    }
    // Source: RFC 1950, section 8.2: Adler-32.
    let (a, b) = data.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    stream.extend((b << 16 | a).to_be_bytes());
    Some(stream)
}

fn chunk(picture: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) -> Option<()> {
    picture.extend(u32::try_from(data.len()).ok()?.to_be_bytes());
    let checked = [kind.as_slice(), data].concat();
    let crc = u32::try_from(checksum(CrcAlgorithm::Crc32IsoHdlc, &checked)).ok()?;
    picture.extend(checked);
    picture.extend(crc.to_be_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_a_png_of_the_code() {
        let text = "otpauth://totp/u@123456789012?secret=AAAA";
        let picture = png(text).unwrap();
        assert!(picture.starts_with(SIGNATURE));
        // The known checksum of the end, which is always the same.
        assert!(picture.ends_with(b"\0\0\0\0IEND\xae\x42\x60\x82"));
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).unwrap();
        let dots = (usize::try_from(code.size()).unwrap() + 2 * QUIET) * SCALE;
        assert_eq!(picture[16..20], u32::try_from(dots).unwrap().to_be_bytes());
        // Behind the header, the chunk's own eight bytes, and what a stream of one block begins with.
        let lines = &picture[8 + 25 + 8 + 2 + 5..];
        let width = 1 + dots.div_ceil(8);
        for y in 0..dots {
            for x in 0..dots {
                let white = lines[y * width + 1 + x / 8] & (0x80 >> (x % 8)) != 0;
                let place = |at: usize| i32::try_from(at / SCALE).unwrap() - i32::try_from(QUIET).unwrap();
                assert_ne!(white, code.get_module(place(x), place(y)));
            }
        }
    }

    #[test]
    fn streams_have_the_checksum_of_rfc_1950() {
        let stream = zlib(b"Wikipedia").unwrap();
        assert!(stream.ends_with(&0x11e6_0398_u32.to_be_bytes()));
        assert_eq!(zlib(&vec![0; 70_000]).unwrap().len(), 2 + 5 + 65_535 + 5 + 4_465 + 4);
    }
}

//! The frames that parent and child exchange: a length, then the message in postcard.
//!
//! May import: the core. Reads from any `Read`, so that it can be tested and fuzzed on bytes.

use serde::{Serialize, de::DeserializeOwned};
use std::io::{self, Read, Write};

/// Longest frame, in bytes. A run of a million ticks is about a fifth of it.
pub const MAX_FRAME: u32 = 1 << 30;

/// How much is read at a time: a hostile length costs no memory before its bytes arrive.
const CHUNK: usize = 1 << 16;

/// Writes one message.
///
/// # Errors
/// Where the other side is gone, or the message is longer than [`MAX_FRAME`].
pub fn write<T: Serialize>(to: &mut impl Write, message: &T) -> io::Result<()> {
    let bytes = postcard::to_allocvec(message).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len()).ok().filter(|n| *n <= MAX_FRAME);
    let length = length.ok_or_else(|| io::Error::other("the message is longer than a frame can be"))?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&bytes)?;
    to.flush()
}

/// Reads one message; `None` where the other side ended before a frame began.
///
/// # Errors
/// A frame that is cut short, too long, or no message of this kind.
pub fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut head = [0; 4];
    let mut filled = 0;
    while filled < head.len() {
        match from.read(&mut head[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    let length = u32::from_le_bytes(head);
    if length > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame longer than any can be"));
    }
    let mut bytes = Vec::new();
    let mut left = length as usize;
    while left > 0 {
        let at = bytes.len();
        bytes.resize(at + left.min(CHUNK), 0);
        from.read_exact(&mut bytes[at..])?;
        left -= bytes.len() - at;
    }
    postcard::from_bytes(&bytes).map(Some).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_and_the_end_is_told_from_a_cut() {
        let mut bytes = Vec::new();
        write(&mut bytes, &("one".to_owned(), 2u32)).unwrap();
        write(&mut bytes, &("two".to_owned(), 3u32)).unwrap();
        let mut from = bytes.as_slice();
        assert_eq!(read::<(String, u32)>(&mut from).unwrap(), Some(("one".into(), 2)));
        assert_eq!(read::<(String, u32)>(&mut from).unwrap(), Some(("two".into(), 3)));
        assert_eq!(read::<(String, u32)>(&mut from).unwrap(), None);
        let mut cut = &bytes[..bytes.len() - 1];
        assert!(read::<(String, u32)>(&mut cut).unwrap().is_some());
        assert_eq!(read::<(String, u32)>(&mut cut).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_hostile_length_is_an_error_and_costs_nothing() {
        for head in [u32::MAX.to_le_bytes(), MAX_FRAME.to_le_bytes()] {
            assert!(read::<String>(&mut head.as_slice()).is_err());
        }
        // A length inside a message that promises more than there is.
        let mut from: &[u8] = &[2, 0, 0, 0, 0xff, 0x7f];
        assert!(read::<Vec<u64>>(&mut from).is_err());
    }
}
